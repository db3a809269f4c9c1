extension String {
    /// Text from a peer, fit for a log or an error: printable ASCII stays, all else becomes `?`, the rest is cut.
    static func printable(_ bytes: some Sequence<UInt8>, limit: Int) -> String {
        var result = ""
        for byte in bytes {
            guard result.utf8.count < limit else {
                result += "..."
                break
            }
            result.unicodeScalars.append(byte >= 0x20 && byte < 0x7f ? Unicode.Scalar(byte) : "?")
        }
        return result
    }
}
