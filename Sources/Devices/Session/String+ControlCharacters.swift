extension String {
    /// Whether a scalar of the general category Cc is in it: U+0000…U+001F, U+007F…U+009F.
    var hasControlCharacters: Bool {
        var text = self
        return text.withUTF8 { bytes in
            var isAfterC2 = false
            for byte in bytes {
                if byte < 0x20 || byte == 0x7F { return true }
                // In UTF-8, C2 followed by 80…9F. Nothing else holds these two bytes in a row.
                if isAfterC2, byte < 0xA0 { return true }
                isAfterC2 = byte == 0xC2
            }
            return false
        }
    }
}
