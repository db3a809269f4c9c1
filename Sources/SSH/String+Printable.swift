extension String {
    /// Text from a peer, fit for a log or an error: printable ASCII stays, all else becomes `?`, the rest is cut.
    static func printable(_ bytes: some Sequence<UInt8>, limit: Int) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            guard text.count < limit else {
                text += "...".utf8
                break
            }
            text.append(byte >= 0x20 && byte < 0x7f ? byte : UInt8(ascii: "?"))
        }
        return String(decoding: text, as: UTF8.self)
    }
}
