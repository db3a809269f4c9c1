/// Appends JSON to a buffer that the caller keeps and reuses. Commas are its business; matching names and values is the caller's.
///
/// Text is written as UTF-8; only what RFC 8259 section 7 demands is escaped.
package struct JSONWriter {
    private var bytes: [UInt8]
    private var needsComma = false

    /// Appends what `body` writes to `buffer`. The buffer is lent to the writer, not copied.
    package static func append(to buffer: inout [UInt8], _ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(bytes: [])
        swap(&writer.bytes, &buffer)
        body(&writer)
        swap(&writer.bytes, &buffer)
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    // MARK: Structure

    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        self.open(UInt8(ascii: "{"))
        body(&self)
        self.close(UInt8(ascii: "}"))
    }

    package mutating func array<Elements: Sequence>(
        _ elements: Elements, _ body: (inout JSONWriter, Elements.Element) -> Void
    ) {
        self.open(UInt8(ascii: "["))
        for element in elements { body(&self, element) }
        self.close(UInt8(ascii: "]"))
    }

    /// The name of the member whose value comes next. Names of the contract need no escapes.
    package mutating func name(_ name: StaticString) {
        if self.needsComma { self.bytes.append(UInt8(ascii: ",")) }
        self.bytes.append(UInt8(ascii: "\""))
        self.bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        self.bytes.append(UInt8(ascii: "\""))
        self.bytes.append(UInt8(ascii: ":"))
        self.needsComma = false
    }

    /// The same for a name from outside.
    package mutating func name(escaping name: String) {
        self.string(name)
        self.bytes.append(UInt8(ascii: ":"))
        self.needsComma = false
    }

    private mutating func open(_ bracket: UInt8) {
        self.separate()
        self.bytes.append(bracket)
        self.needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        self.bytes.append(bracket)
        self.needsComma = true
    }

    private mutating func separate() {
        if self.needsComma { self.bytes.append(UInt8(ascii: ",")) }
        self.needsComma = true
    }

    // MARK: Values

    package mutating func null() { self.raw("null") }

    package mutating func bool(_ value: Bool) { self.raw(value ? "true" : "false") }

    package mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        self.separate()
        self.digits(Int64(clamping: value))
    }

    /// The shortest decimal that reads back as the same number. JSON has no infinities and no NaN: those become `null`.
    package mutating func number(_ value: Double) {
        value.isFinite ? self.raw(value.description) : self.null()
    }

    /// A duration as seconds, to the microsecond (the rest is cut off); a negative one as 0.
    package mutating func seconds(_ duration: Duration) {
        self.separate()
        guard duration > .zero else { return self.bytes.append(UInt8(ascii: "0")) }
        let (seconds, attoseconds) = duration.components
        self.digits(seconds)
        var fraction = attoseconds / 1_000_000_000_000
        guard fraction > 0 else { return }
        self.bytes.append(UInt8(ascii: "."))
        var unit: Int64 = 100_000
        while fraction > 0 {
            self.bytes.append(UInt8(ascii: "0") + UInt8(fraction / unit))
            fraction %= unit
            unit /= 10
        }
    }

    package mutating func string(_ value: String) {
        self.separate()
        var value = value
        value.withUTF8 { self.quoted($0) }
    }

    /// Bytes that are known to be UTF-8.
    package mutating func string(utf8 value: [UInt8]) {
        self.separate()
        value.withUnsafeBufferPointer { self.quoted($0) }
    }

    package mutating func base64(_ value: [UInt8]) {
        self.separate()
        self.bytes.append(UInt8(ascii: "\""))
        Base64.append(value, to: &self.bytes)
        self.bytes.append(UInt8(ascii: "\""))
    }

    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: self.null()
        case .bool(let value): self.bool(value)
        case .integer(let value): self.integer(value)
        case .number(let value): self.number(value)
        case .string(let value): self.string(value)
        case .array(let elements): self.array(elements) { $0.value($1) }
        case .object(let object):
            self.object { writer in
                for member in object.members {
                    writer.name(escaping: member.name)
                    writer.value(member.value)
                }
            }
        }
    }

    private mutating func raw(_ text: String) {
        self.separate()
        self.bytes.append(contentsOf: text.utf8)
    }

    private mutating func digits(_ value: Int64) {
        if value < 0 { self.bytes.append(UInt8(ascii: "-")) }
        // From the last digit to the first, in place on the stack: reversing a slice of the buffer would copy all of it.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = digits.count
            var rest = value.magnitude
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            self.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start...]))
        }
    }

    private mutating func quoted(_ text: UnsafeBufferPointer<UInt8>) {
        self.bytes.append(UInt8(ascii: "\""))
        var start = 0
        while true {
            let special = JSONScan.special(in: text, from: start)
            self.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<special]))
            guard special < text.count else { break }
            self.escape(text[special])
            start = special + 1
        }
        self.bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        self.bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: self.bytes.append(UInt8(ascii: "b"))
        case 0x09: self.bytes.append(UInt8(ascii: "t"))
        case 0x0A: self.bytes.append(UInt8(ascii: "n"))
        case 0x0C: self.bytes.append(UInt8(ascii: "f"))
        case 0x0D: self.bytes.append(UInt8(ascii: "r"))
        case 0x22, 0x5C: self.bytes.append(byte)
        default:
            let digit = byte & 0xF
            self.bytes.append(UInt8(ascii: "u"))
            self.bytes.append(UInt8(ascii: "0"))
            self.bytes.append(UInt8(ascii: "0"))
            self.bytes.append(UInt8(ascii: "0") + (byte >> 4))
            self.bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
