/// The members of an object, read by name and rule. A member that is `null` counts as absent, as many JSON libraries write optional
/// values that way; members that nobody asks for are ignored, as the contract demands.
struct Fields {
    let object: JSONObject

    /// - Parameter what: what the object is, for the message when the value isn't one.
    init(_ value: JSONValue, _ what: String) throws(FieldError) {
        guard case .object(let object) = value else { throw FieldError("expected \(what), found \(value.kind)") }
        self.object = object
    }

    init(_ object: JSONObject) {
        self.object = object
    }

    func value(_ name: String) -> JSONValue? {
        guard let value = self.object[name], value != .null else { return nil }
        return value
    }

    func required(_ name: String) throws(FieldError) -> JSONValue {
        if let value = self.value(name) { return value }
        let near = Wording.nearest(to: name, among: self.object.members.map(\.name).filter { $0 != name })
        throw FieldError("required, but missing" + (near.map { " (found \(Wording.quoted($0)))" } ?? ""), at: name)
    }

    /// Reads a value by `read`, and names the field in what that throws.
    func optional<Value>(_ name: String, _ read: (JSONValue) throws(FieldError) -> Value) throws(FieldError) -> Value? {
        guard let value = self.value(name) else { return nil }
        do { return try read(value) } catch { throw error.inside(name) }
    }

    func required<Value>(_ name: String, _ read: (JSONValue) throws(FieldError) -> Value) throws(FieldError) -> Value {
        let value = try self.required(name)
        do { return try read(value) } catch { throw error.inside(name) }
    }

    // MARK: Common kinds

    func text(_ name: String, _ rule: TextRule) throws(FieldError) -> String? {
        try self.optional(name) { value throws(FieldError) in try Fields.text(value, rule) }
    }

    func requiredText(_ name: String, _ rule: TextRule) throws(FieldError) -> String {
        try self.required(name) { value throws(FieldError) in try Fields.text(value, rule) }
    }

    /// Text of any content, such as output.
    func anyText(_ name: String) throws(FieldError) -> String? {
        try self.optional(name) { value throws(FieldError) in try Fields.anyText(value) }
    }

    func bool(_ name: String) throws(FieldError) -> Bool {
        try self.optional(name) { value throws(FieldError) in
            guard case .bool(let flag) = value else { throw FieldError("expected true or false, found \(value.kind)") }
            return flag
        } ?? false
    }

    func integer<Value: FixedWidthInteger>(_ name: String, _ range: ClosedRange<Value>) throws(FieldError) -> Value? {
        try self.optional(name) { value throws(FieldError) in try Fields.integer(value, range) }
    }

    func requiredInteger<Value: FixedWidthInteger>(_ name: String, _ range: ClosedRange<Value>) throws(FieldError)
        -> Value
    {
        try self.required(name) { value throws(FieldError) in try Fields.integer(value, range) }
    }

    /// Seconds as a number; zero when absent.
    func seconds(_ name: String) throws(FieldError) -> Duration {
        try self.optional(name) { value throws(FieldError) in
            guard let duration = DurationText.seconds(value) else {
                throw FieldError("expected a number of seconds from 0 to \(DurationText.largestExact)")
            }
            return duration
        } ?? .zero
    }

    func base64(_ name: String) throws(FieldError) -> [UInt8]? {
        try self.optional(name) { value throws(FieldError) in
            guard let bytes = Base64.decode(try Fields.anyText(value)) else {
                throw FieldError("expected base64 with padding")
            }
            return bytes
        }
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ name: String, _: Value.Type = Value.self) throws(FieldError)
        -> Value?
    where Value.RawValue == String {
        try self.optional(name) { value throws(FieldError) in try Fields.choice(value) }
    }

    func requiredChoice<Value: RawRepresentable & CaseIterable>(_ name: String, _: Value.Type = Value.self)
        throws(FieldError) -> Value
    where Value.RawValue == String {
        try self.required(name) { value throws(FieldError) in try Fields.choice(value) }
    }

    func list<Element>(
        _ name: String,
        of what: String,
        count: ClosedRange<Int> = 0...Int.max,
        _ read: (JSONValue) throws(FieldError) -> Element
    ) throws(FieldError) -> [Element]? {
        try self.optional(name) { value throws(FieldError) in try Fields.list(value, of: what, count: count, read) }
    }

    func requiredList<Element>(
        _ name: String,
        of what: String,
        count: ClosedRange<Int> = 0...Int.max,
        _ read: (JSONValue) throws(FieldError) -> Element
    ) throws(FieldError) -> [Element] {
        try self.required(name) { value throws(FieldError) in try Fields.list(value, of: what, count: count, read) }
    }
}

// MARK: Values

extension Fields {
    static func anyText(_ value: JSONValue) throws(FieldError) -> String {
        guard case .string(let text) = value else { throw FieldError("expected a string, found \(value.kind)") }
        return text
    }

    static func text(_ value: JSONValue, _ rule: TextRule) throws(FieldError) -> String {
        guard case .string(let text) = value else {
            throw FieldError("expected \(rule.what) as a string, found \(value.kind)")
        }
        try rule.check(text)
        return text
    }

    static func integer<Value: FixedWidthInteger>(_ value: JSONValue, _ range: ClosedRange<Value>) throws(FieldError)
        -> Value
    {
        let number: Value?
        switch value {
        case .integer(let integer): number = Value(exactly: integer)
        // To JSON, 2.0 and 2e0 are the integer 2.
        case .number(let double): number = Value(exactly: double)
        default: throw FieldError("expected an integer, found \(value.kind)")
        }
        guard let number, range.contains(number) else {
            throw FieldError("expected an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    static func choice<Value: RawRepresentable & CaseIterable>(_ value: JSONValue) throws(FieldError) -> Value
    where Value.RawValue == String {
        let known = Value.allCases.map(\.rawValue)
        guard case .string(let text) = value else {
            throw FieldError("expected \(Wording.alternatives(known)), found \(value.kind)")
        }
        guard let choice = Value(rawValue: text) else {
            let suggestion = Wording.suggestion(for: text, among: known)
            throw FieldError("expected \(Wording.alternatives(known)), found \(Wording.quoted(text))\(suggestion)")
        }
        return choice
    }

    static func list<Element>(
        _ value: JSONValue,
        of what: String,
        count: ClosedRange<Int>,
        _ read: (JSONValue) throws(FieldError) -> Element
    ) throws(FieldError) -> [Element] {
        guard case .array(let values) = value else {
            throw FieldError("expected an array of \(what), found \(value.kind)")
        }
        guard count.contains(values.count) else {
            throw FieldError("expected \(count.lowerBound) to \(count.upperBound) \(what), found \(values.count)")
        }
        var elements: [Element] = []
        elements.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            do { elements.append(try read(value)) } catch { throw error.inside(index) }
        }
        return elements
    }
}
