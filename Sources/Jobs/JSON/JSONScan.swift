/// Loops over bytes that reader and writer share. They look at eight bytes a step, since most of a record is plain text.
enum JSONScan {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Index of the first byte at or after `start` that can't stand in a JSON string as it is: a quotation mark, a backslash or a control
    /// character below U+0020. The count of bytes when there is none.
    static func special(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var index = start
        let raw = UnsafeRawBufferPointer(bytes)
        while index &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // The classic tests for a zero byte and for a byte below n. A borrow can mark bytes above a true hit only, so the lowest mark is true.
            let marks =
                (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- (ones &* 0x20)) & ~word))
                & highBits
            if marks != 0 { return index &+ marks.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 { return index }
            index &+= 1
        }
        return index
    }

    /// How many bytes from the start are well-formed UTF-8 (Unicode 3.9, table 3-7): all of them when the answer is the count.
    static func validUTF8Prefix(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var index = 0
        let raw = UnsafeRawBufferPointer(bytes)
        let count = bytes.count
        while index < count {
            while index &+ 8 <= count, raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & highBits == 0 {
                index &+= 8
            }
            guard index < count else { break }
            let lead = bytes[index]
            if lead < 0x80 {
                index &+= 1
                continue
            }
            let length: Int
            // The second byte's range shuts out overlong forms, surrogates, and what lies past U+10FFFF.
            let second: ClosedRange<UInt8>
            switch lead {
            case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
            case 0xE0: (length, second) = (3, 0xA0...0xBF)
            case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
            case 0xED: (length, second) = (3, 0x80...0x9F)
            case 0xF0: (length, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
            case 0xF4: (length, second) = (4, 0x80...0x8F)
            default: return index
            }
            guard index &+ length <= count, second.contains(bytes[index &+ 1]) else { return index }
            for offset in 2..<max(length, 2) where bytes[index &+ offset] & 0xC0 != 0x80 { return index }
            index &+= length
        }
        return index
    }
}
