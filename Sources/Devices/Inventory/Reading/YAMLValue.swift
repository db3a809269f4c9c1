/// A value of an inventory with its place and path, read strictly: each accessor takes one type and says what is wrong with any other.
///
/// Types are YAML's. A cell of a table is whatever its column asks for; JSON's strings are quoted text, its other scalars plain.
struct YAMLValue {
    private let document: InventoryDocument
    private let position: Int
    private let base: String
    private let step: Step
    /// Of the key (or list item) that the value belongs to: where a reader looks for it. A block mapping itself begins a line later.
    let place: InventoryPlace

    /// The last part of the path. Put together only for messages.
    private enum Step {
        case root
        case key(String)
        case item(Int)
    }

    struct Field {
        let key: String
        let value: YAMLValue
    }

    struct Scalar {
        let string: String
        /// Its type is YAML's to decide.
        let isPlain: Bool
        let isCell: Bool
    }

    enum Node {
        case scalar(Scalar)
        case mapping
        case sequence
    }

    private init(
        _ document: InventoryDocument, _ position: Int, _ base: String, _ step: Step, _ place: InventoryPlace
    ) {
        self.document = document
        self.position = document.resolved(position)
        self.base = base
        self.step = step
        self.place = place
    }

    /// The whole of a document; `nil` when nothing is written in it.
    init?(_ document: InventoryDocument) {
        guard !document.isEmpty else { return nil }
        self.init(document, 0, "", .root, InventoryPlace(file: document.file, line: 1, column: 1))
    }

    /// A node of a document under a path that is given.
    init(_ document: InventoryDocument, at position: Int, base: String, key: String) {
        let node = document.nodes[position]
        self.init(
            document, position, base, .key(key),
            InventoryPlace(file: document.file, line: Int(node.line), column: Int(node.column)))
    }

    /// `devices.router1.port`; empty for the document.
    var path: String {
        switch self.step {
        case .root: ""
        case .key(let key): self.base.isEmpty ? key : "\(self.base).\(key)"
        case .item(let index): "\(self.base)[\(index)]"
        }
    }

    /// The same value under another path: of a list's item that has a name.
    func moved(below base: String) -> YAMLValue { YAMLValue(self.document, self.position, base, self.step, self.place) }

    var file: String { self.document.file }
    var line: Int? { self.place.line }

    func error(_ problem: String) -> InventoryError { InventoryError(self.place, self.path, problem) }

    var node: Node {
        let node = self.document.nodes[self.position]
        switch node.kind {
        case .mapping: return .mapping
        case .sequence: return .sequence
        case .plain, .quoted, .cell, .alias:
            return .scalar(
                Scalar(string: self.document.string(node), isPlain: node.kind == .plain, isCell: node.kind == .cell))
        }
    }

    /// Nothing written: `~`, `null`, or only the key.
    var isNull: Bool {
        guard case .scalar(let scalar) = self.node, scalar.isPlain else { return false }
        return ScalarKind(plain: scalar.string) == .null
    }

    /// Where a secret that isn't written here comes from: `env NAME`, `file PATH`.
    var reference: String? {
        guard self.document.nodes[self.position].kind == .mapping, let field = try? self.fields().first else {
            return nil
        }
        guard case .scalar(let scalar) = field.value.node else { return field.key }
        return "\(field.key) \(scalar.string)"
    }

    // MARK: Mappings and lists

    /// How deep merge keys may lead to mappings with merge keys.
    private static let maximumMerges = 8

    /// The fields of a mapping in order, those of merge keys (`<<: *anchor`) behind its own. Nothing written counts as none.
    func fields() throws(InventoryError) -> [Field] {
        var merged = Set<Int>()
        return try self.fields(merges: 0, &merged)
    }

    /// - Parameter known: The mappings that have been merged already. A second time they add nothing, and their work would be multiplied with each link of
    ///   a chain.
    private func fields(merges: Int, _ known: inout Set<Int>) throws(InventoryError) -> [Field] {
        let mapping = self.document.nodes[self.position]
        guard mapping.kind == .mapping else {
            if self.isNull { return [] }
            throw self.error("must be a mapping (`key: value` lines), but is \(self.kind)")
        }
        var fields: [Field] = []
        var merged: [YAMLValue] = []
        fields.reserveCapacity(Int(mapping.count) / 2)
        let path = self.path
        var position = self.position + 1
        while position < Int(mapping.first) {
            let keyNode = self.document.nodes[self.document.resolved(position)]
            let place = InventoryPlace(
                file: self.file, line: Int(self.document.nodes[position].line),
                column: Int(self.document.nodes[position].column))
            guard keyNode.kind == .plain || keyNode.kind == .quoted else {
                throw InventoryError(place, path, "a key must be plain text")
            }
            let key = self.document.string(keyNode)
            let valuePosition = self.document.end(of: position)
            let value = YAMLValue(self.document, valuePosition, path, .key(key), place)
            if key == "<<", keyNode.kind == .plain {
                merged.append(value)
            } else {
                fields.append(Field(key: key, value: value))
            }
            position = self.document.end(of: valuePosition)
        }
        if let (first, second) = Self.duplicate(in: fields) {
            throw InventoryError(
                second.value.place, "",
                "the key \(quoted(second.key)) is given twice; the first is at \(first.value.place): keep one of them")
        }
        if !merged.isEmpty { try self.merge(merged, into: &fields, depth: merges + 1, &known) }
        return fields
    }

    private static func duplicate(in fields: [Field]) -> (Field, Field)? {
        if fields.count <= 12 {
            for (index, field) in fields.enumerated() {
                for other in fields[..<index] where other.key == field.key { return (other, field) }
            }
            return nil
        }
        var known = [String: Int](minimumCapacity: fields.count)
        for (index, field) in fields.enumerated() {
            if let first = known.updateValue(index, forKey: field.key) { return (fields[first], field) }
        }
        return nil
    }

    /// YAML's merge keys (type `tag:yaml.org,2002:merge`): a mapping's own fields win, then earlier mappings.
    private func merge(
        _ sources: [YAMLValue], into fields: inout [Field], depth: Int, _ merged: inout Set<Int>
    ) throws(InventoryError) {
        guard depth <= Self.maximumMerges else {
            throw self.error("merge keys (`<<`) lead through more than \(Self.maximumMerges) mappings")
        }
        var known = Set(fields.map(\.key))
        for source in sources {
            let isList = if case .sequence = source.node { true } else { false }
            for mapping in isList ? try source.items() : [source] where merged.insert(mapping.position).inserted {
                for field in try mapping.fields(merges: depth, &merged) where known.insert(field.key).inserted {
                    // The fields are this mapping's: errors in them name its path and, as their place, where they are written.
                    let value = YAMLValue(
                        self.document, field.value.position, self.path, .key(field.key), field.value.place)
                    fields.append(Field(key: field.key, value: value))
                }
            }
        }
    }

    /// The items of a list. Nothing written counts as none; a cell holds several, separated by `;` or blanks.
    func items() throws(InventoryError) -> [YAMLValue] {
        let sequence = self.document.nodes[self.position]
        if sequence.kind == .cell { return self.cellItems(self.document.string(sequence)) }
        guard sequence.kind == .sequence else {
            if self.isNull { return [] }
            throw self.error("must be a list (`[a, b]` or lines that begin with `-`), but is \(self.kind)")
        }
        var items: [YAMLValue] = []
        items.reserveCapacity(Int(sequence.count))
        let path = self.path
        var position = self.position + 1
        while position < Int(sequence.first) {
            let node = self.document.nodes[position]
            let place = InventoryPlace(file: self.file, line: Int(node.line), column: Int(node.column))
            items.append(YAMLValue(self.document, position, path, .item(items.count), place))
            position = self.document.end(of: position)
        }
        return items
    }

    private func cellItems(_ text: String) -> [YAMLValue] {
        text.utf8.split {
            $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\n")
        }
        .enumerated().map { index, part in
            let position = self.document.scalar(
                .cell, part, line: self.place.line ?? 0, column: self.place.column ?? 0)
            return YAMLValue(self.document, position, self.path, .item(index), self.place)
        }
    }

    // MARK: Scalars

    /// Text: quoted, or plain and nothing else in YAML's eyes.
    func string() throws(InventoryError) -> String {
        guard case .scalar(let scalar) = self.node else { throw self.error("must be text, but is \(self.kind)") }
        guard scalar.isPlain else { return scalar.string }
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
            throw self.error("\(expected), but is \(scalar.string.isEmpty ? "empty" : quoted(scalar.string))")
        }
        guard scalar.isPlain || scalar.isCell else { throw self.error("\(expected), but is text: remove the quotes") }
        guard range.contains(number) else { throw self.error("\(expected), but is \(number)") }
        return number
    }

    func boolean() throws(InventoryError) -> Bool {
        let expected = "must be `true` or `false`"
        guard case .scalar(let scalar) = self.node else { throw self.error("\(expected), but is \(self.kind)") }
        switch scalar.string.lowercased() {
        case "true", "false":
            guard scalar.isPlain || scalar.isCell else { throw self.error("\(expected), without quotes") }
            return scalar.string.lowercased() == "true"
        case "": throw self.error("\(expected), but is empty")
        default: throw self.error("\(expected), but is \(quoted(scalar.string))")
        }
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
        let expected = "must be one of \(words.map { "`\($0)`" }.joined(separator: ", "))"
        guard case .scalar(let scalar) = self.node else { throw self.error("\(expected), but is \(self.kind)") }
        // Not `string()`: `off` is one of the words, and YAML 1.1 takes it for a boolean.
        if let choice = Choice(rawValue: scalar.string) { return choice }
        let close = Suggestion.closest(to: scalar.string, among: words)
        throw self.error("\(expected), but is \(quoted(scalar.string))" + Suggestion.sentence(close))
    }

    /// What the value is, for messages.
    var kind: String {
        switch self.node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar(let scalar): scalar.isPlain ? ScalarKind(plain: scalar.string).rawValue : "text"
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
