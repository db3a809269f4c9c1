/// Reads a JSON text (RFC 8259), strictly: no comments, no trailing commas, no lone surrogates, no invalid UTF-8, no repeated member names
/// (RFC 8259 section 4 leaves their meaning open, so two readers could see two different jobs), nothing after the value. A byte order mark at
/// the start is ignored, as section 8.1 allows.
///
/// A pure function over bytes: no shared state, any thread.
package struct JSONReader {
    /// What a text from outside may cost at most.
    package struct Limits: Sendable, Hashable {
        package var bytes: Int
        /// Arrays and objects inside one another.
        package var depth: Int
        /// Values in all: bounds the memory of a text that consists of brackets.
        package var values: Int

        package init(bytes: Int = 16 * 1024 * 1024, depth: Int = 64, values: Int = 262_144) {
            self.bytes = bytes
            self.depth = depth
            self.values = values
        }
    }

    /// The value that `bytes` hold.
    package static func read(_ bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.bytes else {
            throw JSONError(offset: limits.bytes, problem: "the record is larger than \(limits.bytes) bytes")
        }
        return try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> JSONValue in
            var reader = JSONReader(bytes: buffer, limits: limits)
            return try reader.text()
        }
    }

    // Valid for the time of `read` only; the reader never leaves it.
    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: Limits
    private var index = 0
    private var values = 0
    /// Reused for each string that has escapes.
    private var unescaped: [UInt8] = []

    private init(bytes: UnsafeBufferPointer<UInt8>, limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    private mutating func text() throws(JSONError) -> JSONValue {
        if self.bytes.count >= 3, self.bytes[0] == 0xEF, self.bytes[1] == 0xBB, self.bytes[2] == 0xBF { self.index = 3 }
        let value = try self.value(depth: 0)
        self.skipWhitespace()
        guard self.index == self.bytes.count else {
            throw self.failure("expected the end of the record after the value")
        }
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        self.skipWhitespace()
        self.values &+= 1
        guard self.values <= self.limits.values else {
            throw self.failure("the record holds more than \(self.limits.values) values")
        }
        guard self.index < self.bytes.count else { throw self.failure("expected a value, found the end of the record") }
        switch self.bytes[self.index] {
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "{"): return try self.object(depth: depth + 1)
        case UInt8(ascii: "["): return try self.array(depth: depth + 1)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try self.number()
        case UInt8(ascii: "t"): return try self.literal("true", .bool(true))
        case UInt8(ascii: "f"): return try self.literal("false", .bool(false))
        case UInt8(ascii: "n"): return try self.literal("null", .null)
        default: throw self.failure("expected a value")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= self.limits.depth else {
            throw self.failure("nested more than \(self.limits.depth) levels deep")
        }
        self.index &+= 1
        var members: [JSONObject.Member] = []
        if self.next(is: UInt8(ascii: "}")) { return .object(JSONObject()) }
        members.reserveCapacity(8)
        // Comparing with each earlier name is fastest for the few members of a real record; a large object must not make it quadratic.
        let listed = 16
        var names: Set<String> = []
        repeat {
            self.skipWhitespace()
            let start = self.index
            guard start < self.bytes.count, self.bytes[start] == UInt8(ascii: "\"") else {
                throw self.failure("expected a member name in quotation marks")
            }
            let name = try self.string()
            let repeated: Bool
            if members.count < listed {
                repeated = members.contains { $0.name == name }
            } else {
                if members.count == listed { names = Set(members.map(\.name)) }
                repeated = !names.insert(name).inserted
            }
            guard !repeated else { throw JSONError(offset: start, problem: "the object has this member name twice") }
            guard self.next(is: UInt8(ascii: ":")) else { throw self.failure("expected \":\" after the member name") }
            members.append(JSONObject.Member(name, try self.value(depth: depth)))
        } while self.next(is: UInt8(ascii: ","))
        guard self.next(is: UInt8(ascii: "}")) else { throw self.failure("expected \",\" or \"}\"") }
        return .object(JSONObject(members))
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= self.limits.depth else {
            throw self.failure("nested more than \(self.limits.depth) levels deep")
        }
        self.index &+= 1
        if self.next(is: UInt8(ascii: "]")) { return .array([]) }
        var elements: [JSONValue] = []
        repeat { elements.append(try self.value(depth: depth)) } while self.next(is: UInt8(ascii: ","))
        guard self.next(is: UInt8(ascii: "]")) else { throw self.failure("expected \",\" or \"]\"") }
        return .array(elements)
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let length = word.utf8CodeUnitCount
        guard self.index + length <= self.bytes.count else { throw self.failure("expected a value") }
        for offset in 0..<length where self.bytes[self.index + offset] != word.utf8Start[offset] {
            throw self.failure("expected a value")
        }
        self.index += length
        return value
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        let start = self.index &+ 1
        let stop = JSONScan.special(in: self.bytes, from: start)
        if stop < self.bytes.count, self.bytes[stop] == UInt8(ascii: "\"") {
            self.index = stop &+ 1
            guard let text = String(validating: UnsafeBufferPointer(rebasing: self.bytes[start..<stop]), as: UTF8.self)
            else {
                throw JSONError(offset: start, problem: "the string is not valid UTF-8")
            }
            return text
        }
        return try self.escapedString(start: start, firstSpecial: stop)
    }

    private mutating func escapedString(start: Int, firstSpecial: Int) throws(JSONError) -> String {
        self.unescaped.removeAll(keepingCapacity: true)
        var runStart = start
        var special = firstSpecial
        while true {
            guard special < self.bytes.count else { throw JSONError(offset: start, problem: "the string has no end") }
            self.unescaped.append(contentsOf: UnsafeBufferPointer(rebasing: self.bytes[runStart..<special]))
            self.index = special
            switch self.bytes[special] {
            case UInt8(ascii: "\""):
                self.index = special + 1
                guard let text = String(validating: self.unescaped, as: UTF8.self) else {
                    throw JSONError(offset: start, problem: "the string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                try self.escape()
            default:
                throw self.failure("a control character inside a string must be escaped")
            }
            runStart = self.index
            special = JSONScan.special(in: self.bytes, from: runStart)
        }
    }

    /// At a backslash: appends what the escape stands for and steps past it.
    private mutating func escape() throws(JSONError) {
        guard self.index + 1 < self.bytes.count else { throw self.failure("the string has no end") }
        let byte: UInt8
        switch self.bytes[self.index + 1] {
        case UInt8(ascii: "\""): byte = 0x22
        case UInt8(ascii: "\\"): byte = 0x5C
        case UInt8(ascii: "/"): byte = 0x2F
        case UInt8(ascii: "b"): byte = 0x08
        case UInt8(ascii: "f"): byte = 0x0C
        case UInt8(ascii: "n"): byte = 0x0A
        case UInt8(ascii: "r"): byte = 0x0D
        case UInt8(ascii: "t"): byte = 0x09
        case UInt8(ascii: "u"): return try self.unicodeEscape()
        default: throw self.failure("unknown escape in a string")
        }
        self.unescaped.append(byte)
        self.index += 2
    }

    private mutating func unicodeEscape() throws(JSONError) {
        guard let unit = self.hexadecimal(at: self.index + 2) else {
            throw self.failure("expected four hexadecimal digits after \"\\u\"")
        }
        var code = UInt32(unit)
        var length = 6
        if UTF16.isLeadSurrogate(unit) {
            guard self.index + 7 < self.bytes.count, self.bytes[self.index + 6] == UInt8(ascii: "\\"),
                self.bytes[self.index + 7] == UInt8(ascii: "u"), let trail = self.hexadecimal(at: self.index + 8),
                UTF16.isTrailSurrogate(trail)
            else { throw self.failure("half of a surrogate pair") }
            code = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(trail) - 0xDC00)
            length = 12
        }
        guard let scalar = Unicode.Scalar(code) else { throw self.failure("half of a surrogate pair") }
        self.unescaped.append(contentsOf: scalar.utf8)
        self.index += length
    }

    private func hexadecimal(at start: Int) -> UInt16? {
        guard start + 4 <= self.bytes.count else { return nil }
        var value: UInt16 = 0
        for byte in self.bytes[start..<start + 4] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    // MARK: Numbers

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = self.index
        let negative = self.bytes[start] == UInt8(ascii: "-")
        if negative { self.index &+= 1 }
        var mantissa: UInt64 = 0
        var exact = true
        let firstDigit = self.index
        self.digits(into: &mantissa, &exact)
        guard self.index > firstDigit else { throw self.failure("expected a digit") }
        guard self.index == firstDigit + 1 || self.bytes[firstDigit] != UInt8(ascii: "0") else {
            throw JSONError(offset: start, problem: "a number can't begin with a zero")
        }

        var scale = 0
        var isInteger = true
        if self.index < self.bytes.count, self.bytes[self.index] == UInt8(ascii: ".") {
            isInteger = false
            self.index += 1
            let firstFractionDigit = self.index
            self.digits(into: &mantissa, &exact)
            guard self.index > firstFractionDigit else {
                throw self.failure("expected a digit after the decimal point")
            }
            scale = firstFractionDigit - self.index
        }
        if self.index < self.bytes.count, self.bytes[self.index] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            self.index += 1
            var negativeExponent = false
            if self.index < self.bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(self.bytes[self.index]) {
                negativeExponent = self.bytes[self.index] == UInt8(ascii: "-")
                self.index += 1
            }
            let firstExponentDigit = self.index
            var exponent: UInt64 = 0
            var small = true
            self.digits(into: &exponent, &small)
            guard self.index > firstExponentDigit else { throw self.failure("expected a digit in the exponent") }
            if small, exponent < 1000 {
                scale += negativeExponent ? -Int(exponent) : Int(exponent)
            } else {
                exact = false
            }
        }

        if isInteger, exact {
            if negative, mantissa <= UInt64(Int64.max) + 1 { return .integer(Int64(truncatingIfNeeded: 0 &- mantissa)) }
            if !negative, mantissa <= UInt64(Int64.max) { return .integer(Int64(mantissa)) }
        }
        // Both operands are exact doubles, so one operation gives the correctly rounded result (Clinger 1990, the fast path).
        if exact, mantissa < 1 << 53, abs(scale) < Self.powersOfTen.count {
            let power = Self.powersOfTen[abs(scale)]
            let magnitude = scale < 0 ? Double(mantissa) / power : Double(mantissa) * power
            return .number(negative ? -magnitude : magnitude)
        }
        let literal = String(decoding: self.bytes[start..<self.index], as: UTF8.self)
        guard let value = Double(literal), value.isFinite else {
            throw JSONError(offset: start, problem: "the number is out of range")
        }
        return .number(value)
    }

    private static let powersOfTen: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Steps over decimal digits; `exact` becomes false when they don't fit.
    private mutating func digits(into value: inout UInt64, _ exact: inout Bool) {
        while self.index < self.bytes.count {
            let digit = self.bytes[self.index] &- UInt8(ascii: "0")
            guard digit < 10 else { return }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            if overflow || carry { exact = false } else { value = sum }
            self.index &+= 1
        }
    }

    // MARK: Steps

    private mutating func skipWhitespace() {
        while self.index < self.bytes.count {
            switch self.bytes[self.index] {
            case 0x20, 0x0A, 0x0D, 0x09: self.index &+= 1
            default: return
            }
        }
    }

    /// Steps over white space, and over `byte` if it comes next.
    private mutating func next(is byte: UInt8) -> Bool {
        self.skipWhitespace()
        guard self.index < self.bytes.count, self.bytes[self.index] == byte else { return false }
        self.index &+= 1
        return true
    }

    private func failure(_ problem: String) -> JSONError {
        JSONError(offset: self.index, problem: problem)
    }
}

/// Where and why a text isn't the JSON that was asked for. Never repeats the text: it might hold a secret.
package struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Bytes before the place.
    package let offset: Int
    package let problem: String

    package var description: String { "byte \(self.offset): \(self.problem)" }
}
