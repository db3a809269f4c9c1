extension InventoryDocument {
    /// Reads one JSON value (RFC 8259).
    ///
    /// - Throws: where the text isn't JSON, ends too early, or is nested more than 64 deep.
    convenience init(json: [UInt8], file: String) throws(InventoryError) {
        self.init(file: file)
        var scanner = JSONScanner(bytes: json, document: self)
        try scanner.readAll()
    }
}

/// Takes JSON apart without calling itself: the depth of an answer is the sender's choice.
private struct JSONScanner {
    let bytes: [UInt8]
    let document: InventoryDocument
    private var index = 0
    private var line = 1
    private var lineStart = 0
    /// For each value that is open: whether it is an object.
    private var isObject: [Bool] = []

    private static let maximumDepth = 64

    init(bytes: [UInt8], document: InventoryDocument) {
        self.bytes = bytes
        self.document = document
    }

    mutating func readAll() throws(InventoryError) {
        repeat {
            // A value is due here, or the end of an empty list or object.
            if try self.begin() { continue }
            try self.endValues()
        } while !self.isObject.isEmpty
        self.skipBlanks()
        guard self.index == self.bytes.count else { throw self.error("something follows the value") }
    }

    /// Reads a scalar, or the beginning of a list or object.
    ///
    /// - Returns: whether a value of its content is due.
    private mutating func begin() throws(InventoryError) -> Bool {
        self.skipBlanks()
        let column = self.column
        switch self.peek {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            let isObject = self.peek == UInt8(ascii: "{")
            guard self.isObject.count < Self.maximumDepth else { throw self.error("is nested too deep") }
            self.index += 1
            self.document.begin(isObject ? .mapping : .sequence, line: self.line, column: column)
            self.isObject.append(isObject)
            self.skipBlanks()
            if self.peek == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return false }
            if isObject { try self.key() }
            return true
        case UInt8(ascii: "\""):
            self.document.scalar(.quoted, try self.string(), line: self.line, column: column)
        default:
            let start = self.index
            while let byte = self.peek, Self.isPlain(byte) { self.index += 1 }
            let text = self.bytes[start..<self.index]
            let word = String(decoding: text, as: UTF8.self)
            guard
                ["true", "false", "null"].contains(word)
                    || (Double(word) != nil
                        && (text.first == UInt8(ascii: "-") || text.first.map(Self.isDigit) == true))
            else { throw self.error(self.index == self.bytes.count ? "ends too early" : "expected a value") }
            self.document.scalar(.plain, text, line: self.line, column: column)
        }
        return false
    }

    /// Behind a value: closes what ends here, up to the next value.
    private mutating func endValues() throws(InventoryError) {
        while let isObject = self.isObject.last {
            self.skipBlanks()
            guard let byte = self.peek else { throw self.error("ends too early") }
            self.index += 1
            switch byte {
            case UInt8(ascii: ","):
                if isObject { try self.key() }
                return
            case isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"):
                self.isObject.removeLast()
                self.document.end()
            default:
                self.index -= 1
                throw self.error("expected `,` or `\(isObject ? "}" : "]")`")
            }
        }
    }

    private mutating func key() throws(InventoryError) {
        self.skipBlanks()
        let column = self.column
        guard self.peek == UInt8(ascii: "\"") else {
            throw self.error(self.peek == nil ? "ends too early" : "expected a key in quotes")
        }
        self.document.scalar(.quoted, try self.string(), line: self.line, column: column)
        self.skipBlanks()
        guard self.peek == UInt8(ascii: ":") else {
            throw self.error(self.peek == nil ? "ends too early" : "expected `:`")
        }
        self.index += 1
    }

    private mutating func string() throws(InventoryError) -> [UInt8] {
        self.index += 1
        var text: [UInt8] = []
        while let byte = self.peek {
            self.index += 1
            switch byte {
            case UInt8(ascii: "\""): return text
            case UInt8(ascii: "\\"): try self.escape(into: &text)
            case 0..<0x20: throw self.error("a control character in text")
            default: text.append(byte)
            }
        }
        throw self.error("ends too early")
    }

    private mutating func escape(into text: inout [UInt8]) throws(InventoryError) {
        guard let byte = self.peek else { throw self.error("ends too early") }
        self.index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var units = [try self.unit()]
            if UTF16.isLeadSurrogate(units[0]),
                self.bytes[self.index...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")])
            {
                self.index += 2
                units.append(try self.unit())
            }
            // Half a pair becomes U+FFFD.
            text.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
        default: throw self.error("an escape that JSON doesn't have")
        }
    }

    private mutating func unit() throws(InventoryError) -> UInt16 {
        let digits = self.bytes[self.index...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw self.error("expected four hexadecimal digits") }
        self.index += 4
        return unit
    }

    private var peek: UInt8? { self.index < self.bytes.count ? self.bytes[self.index] : nil }
    private var column: Int { self.index - self.lineStart + 1 }

    private mutating func skipBlanks() {
        while let byte = self.peek {
            switch byte {
            case 0x20, 0x09, 0x0D: self.index += 1
            case 0x0A:
                self.index += 1
                self.line += 1
                self.lineStart = self.index
            default: return
            }
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        self.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "E")
            || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private func error(_ problem: String) -> InventoryError {
        InventoryError(
            file: self.document.file, line: self.line, column: self.column, message: "is not JSON: \(problem)")
    }
}
