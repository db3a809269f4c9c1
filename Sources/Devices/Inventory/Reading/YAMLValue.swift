import Yams

/// A value of an inventory file with its place and path, read strictly: each accessor takes one type and says what is wrong with any other.
struct YAMLValue {
    let file: String
    /// `devices.router1.port`; empty for the document.
    let path: String
    /// Line of the key (or list item) that the value belongs to: where a reader looks for it. A block mapping itself begins a line later.
    let line: Int?
    let node: Node

    struct Field {
        let key: String
        let value: YAMLValue
    }

    var place: InventoryPlace { InventoryPlace(file: self.file, line: self.line) }

    func error(_ problem: String) -> InventoryError { InventoryError(self.place, self.path, problem) }

    /// Nothing written: `~`, `null`, or only the key.
    var isNull: Bool {
        guard case .scalar(let scalar) = self.node, scalar.style == .plain || scalar.style == .any else { return false }
        return ScalarKind(plain: scalar.string) == .null
    }

    /// The fields of a mapping in order, those of merge keys (`<<: *anchor`) behind its own. Nothing written counts as none.
    func fields() throws(InventoryError) -> [Field] {
        if self.isNull { return [] }
        guard case .mapping(let mapping) = self.node else {
            throw self.error("must be a mapping (`key: value` lines), but is \(self.kind)")
        }
        var fields: [Field] = []
        var merged: [YAMLValue] = []
        fields.reserveCapacity(mapping.count)
        for (keyNode, node) in mapping {
            guard case .scalar(let key) = keyNode else {
                throw InventoryError(
                    InventoryPlace(file: self.file, line: keyNode.mark?.line),
                    self.path,
                    "a key must be plain text"
                )
            }
            let value = YAMLValue(
                file: self.file,
                path: self.path.isEmpty ? key.string : "\(self.path).\(key.string)",
                line: key.mark?.line,
                node: node
            )
            if key.string == "<<", key.style == .plain {
                merged.append(value)
            } else {
                fields.append(Field(key: key.string, value: value))
            }
        }
        if !merged.isEmpty { try self.merge(merged, into: &fields) }
        return fields
    }

    /// YAML's merge keys (type `tag:yaml.org,2002:merge`): a mapping's own fields win, then earlier mappings.
    private func merge(_ sources: [YAMLValue], into fields: inout [Field]) throws(InventoryError) {
        var known = Set(fields.map(\.key))
        for source in sources {
            let isList = if case .sequence = source.node { true } else { false }
            for mapping in isList ? try source.items() : [source] {
                for field in try mapping.fields() where known.insert(field.key).inserted {
                    // The fields are this mapping's: errors in them name its path and, as their line, where they are written.
                    let path = self.path.isEmpty ? field.key : "\(self.path).\(field.key)"
                    let value = YAMLValue(file: self.file, path: path, line: field.value.line, node: field.value.node)
                    fields.append(Field(key: field.key, value: value))
                }
            }
        }
    }

    /// The items of a list. Nothing written counts as none.
    func items() throws(InventoryError) -> [YAMLValue] {
        if self.isNull { return [] }
        guard case .sequence(let sequence) = self.node else {
            throw self.error("must be a list (`[a, b]` or lines that begin with `-`), but is \(self.kind)")
        }
        return sequence.enumerated().map { index, node in
            YAMLValue(file: self.file, path: "\(self.path)[\(index)]", line: node.mark?.line ?? self.line, node: node)
        }
    }

    /// Text: quoted, or plain and nothing else in YAML's eyes.
    func string() throws(InventoryError) -> String {
        guard case .scalar(let scalar) = self.node else { throw self.error("must be text, but is \(self.kind)") }
        guard scalar.style == .plain || scalar.style == .any else { return scalar.string }
        switch ScalarKind(plain: scalar.string) {
        case .text: return scalar.string
        case .null: throw self.error("has no value: give one, or remove the line")
        case .number, .boolean:
            throw self.error("must be text, but YAML reads it as \(self.kind): put it in quotes")
        }
    }

    func integer(in range: ClosedRange<Int>) throws(InventoryError) -> Int {
        let expected = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard case .scalar(let scalar) = self.node else { throw self.error("\(expected), but is \(self.kind)") }
        guard let number = Int(scalar.string), scalar.string.first != "+" else {
            throw self.error("\(expected), but is \(self.kind)")
        }
        guard scalar.style == .plain || scalar.style == .any else {
            throw self.error("\(expected), but is text: remove the quotes")
        }
        guard range.contains(number) else { throw self.error("\(expected), but is \(number)") }
        return number
    }

    func boolean() throws(InventoryError) -> Bool {
        if case .scalar(let scalar) = self.node, scalar.style == .plain || scalar.style == .any {
            switch scalar.string {
            case "true", "True", "TRUE": return true
            case "false", "False", "FALSE": return false
            default: break
            }
        }
        throw self.error("must be `true` or `false`, without quotes")
    }

    /// A time span: a number of seconds, or a number with `ms`, `s`, `m` or `h`.
    func duration(in range: ClosedRange<Duration>) throws(InventoryError) -> Duration {
        let expected = "must be a time span such as `30`, `30s`, `500ms` or `2m`"
        guard case .scalar(let scalar) = self.node else { throw self.error("\(expected), but is \(self.kind)") }
        let text = scalar.string
        let units: [(suffix: String, seconds: Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("", 1)]
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }),
            case let digits = text.dropLast(unit.suffix.count),
            !digits.isEmpty, digits.allSatisfy({ $0 == "." || ("0"..."9").contains($0) }),
            let number = Double(digits)
        else { throw self.error("\(expected), but is \(quoted(text))") }
        guard number * unit.seconds < 1e9, case let duration = Duration.seconds(number * unit.seconds),
            range.contains(duration)
        else {
            throw self.error("must be from \(range.lowerBound) to \(range.upperBound), but is \(quoted(text))")
        }
        return duration
    }

    /// A value that stands for one of a few words.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type
    ) throws(InventoryError) -> Choice where Choice.RawValue == String {
        let words = Choice.allCases.map(\.rawValue)
        // Not `string()`: `off` is one of the words, and YAML 1.1 takes it for a boolean.
        guard case .scalar(let scalar) = self.node, let choice = Choice(rawValue: scalar.string) else {
            let close: String? =
                if case .scalar(let scalar) = self.node { Suggestion.closest(to: scalar.string, among: words) } else {
                    nil
                }
            throw self.error(
                "must be one of \(words.map { "`\($0)`" }.joined(separator: ", "))" + Suggestion.sentence(close))
        }
        return choice
    }

    /// What the value is, for messages.
    var kind: String {
        switch self.node {
        case .mapping: return "a mapping"
        case .sequence: return "a list"
        case .alias: return "an alias"
        case .scalar(let scalar):
            guard scalar.style == .plain || scalar.style == .any else { return "text" }
            return ScalarKind(plain: scalar.string).rawValue
        }
    }

    /// What YAML 1.1 readers, which most tools are, make of a plain scalar.
    enum ScalarKind: String {
        case text, null = "empty", boolean = "a boolean", number = "a number"

        init(plain text: String) {
            switch text {
            case "", "~", "null", "Null", "NULL":
                self = .null
                return
            case "true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "YES", "no", "No", "NO", "on", "On",
                "ON", "off", "Off",
                "OFF":
                self = .boolean
                return
            default: break
            }
            var digits = text[...]
            if digits.first == "-" || digits.first == "+" { digits = digits.dropFirst() }
            guard let first = digits.utf8.first,
                first == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
            else {
                self = .text
                return
            }
            let plain = digits.filter { $0 != "_" }
            let isNumber = Double(plain) != nil || (plain.hasPrefix("0o") && Int(plain.dropFirst(2), radix: 8) != nil)
            self = isNumber ? .number : .text
        }
    }
}
