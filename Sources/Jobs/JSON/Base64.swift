/// Base64 with padding (RFC 4648 section 4), as JSON carries bytes that aren't text.
enum Base64 {
    private static let alphabet: [UInt8] = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    /// The six bits that a character stands for; 0xFF for any other byte.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    static func append(_ bytes: [UInt8], to buffer: inout [UInt8]) {
        let alphabet = self.alphabet
        var index = 0
        while index + 3 <= bytes.count {
            let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2])
            buffer.append(alphabet[Int(group >> 18)])
            buffer.append(alphabet[Int(group >> 12 & 63)])
            buffer.append(alphabet[Int(group >> 6 & 63)])
            buffer.append(alphabet[Int(group & 63)])
            index += 3
        }
        let rest = bytes.count - index
        guard rest > 0 else { return }
        let group = UInt32(bytes[index]) << 16 | (rest == 2 ? UInt32(bytes[index + 1]) << 8 : 0)
        buffer.append(alphabet[Int(group >> 18)])
        buffer.append(alphabet[Int(group >> 12 & 63)])
        buffer.append(rest == 2 ? alphabet[Int(group >> 6 & 63)] : UInt8(ascii: "="))
        buffer.append(UInt8(ascii: "="))
    }

    /// The bytes that `text` stands for; `nil` unless it is exactly what the encoder would write (no line breaks, padding complete, unused bits zero).
    static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0 else { return nil }
        guard let last = characters.last else { return [] }
        let padding = last != UInt8(ascii: "=") ? 0 : characters[characters.count - 2] != UInt8(ascii: "=") ? 1 : 2
        let values = self.values
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count / 4 * 3)
        var group: UInt32 = 0
        let significant = characters.count - padding
        for index in 0..<significant {
            let value = values[Int(characters[index])]
            guard value != 0xFF else { return nil }
            group = group << 6 | UInt32(value)
            if index % 4 == 3 {
                bytes.append(UInt8(truncatingIfNeeded: group >> 16))
                bytes.append(UInt8(truncatingIfNeeded: group >> 8))
                bytes.append(UInt8(truncatingIfNeeded: group))
                group = 0
            }
        }
        switch padding {
        case 1:
            guard group & 0b11 == 0 else { return nil }
            bytes.append(UInt8(truncatingIfNeeded: group >> 10))
            bytes.append(UInt8(truncatingIfNeeded: group >> 2))
        case 2:
            guard group & 0b1111 == 0 else { return nil }
            bytes.append(UInt8(truncatingIfNeeded: group >> 4))
        default:
            break
        }
        return bytes
    }
}
