/// How much room bytes take as JSON text, so that a record stays below the broker's limit.
enum EncodedSize {
    /// An upper bound of the size of `bytes` as a JSON string, escapes included.
    static func ofText(_ bytes: some Collection<UInt8>) -> Int {
        var size = 0
        for byte in bytes {
            switch byte {
            case 0x0A, 0x0D, 0x09, 0x22, 0x5C: size += 2
            case 0..<0x20, 0x7F: size += 6
            default: size += 1
            }
        }
        // Bytes that aren't UTF-8 go out as base64.
        return max(size, (bytes.count + 2) / 3 * 4)
    }
}
