import Foundation

/// A value of another YAML file than an inventory that is read as strictly: every mistake is told with file, line, field and what would be right.
package struct StrictValue {
    private let value: YAMLValue

    package struct Field {
        package let key: String
        package let value: StrictValue
    }

    /// The document that a text holds; `nil` when it holds none.
    package init?(yaml: String, file: String) throws(InventoryError) {
        guard let value = YAMLValue(try InventoryDocument(yaml: Array(yaml.utf8), file: file)) else { return nil }
        self.value = value
    }

    private init(_ value: YAMLValue) { self.value = value }

    package var file: String { self.value.file }
    package var line: Int? { self.value.line }
    /// `topics.jobs.rules[0]`.
    package var path: String { self.value.path }
    package var isNull: Bool { self.value.isNull }

    package var isMapping: Bool {
        if case .mapping = self.value.node { return true }
        return false
    }

    package var isList: Bool {
        if case .sequence = self.value.node { return true }
        return false
    }

    /// The text of a scalar, whatever YAML takes it for; `nil` for lists and mappings, and where nothing is written.
    package var scalarText: String? {
        guard case .scalar(let scalar) = self.value.node, !self.value.isNull else { return nil }
        return scalar.string
    }

    package func error(_ problem: String) -> InventoryError { self.value.error(problem) }

    package func fields() throws(InventoryError) -> [Field] {
        try self.value.fields().map { Field(key: $0.key, value: StrictValue($0.value)) }
    }
    package func items() throws(InventoryError) -> [StrictValue] { try self.value.items().map { StrictValue($0) } }
    package func string() throws(InventoryError) -> String { try self.value.string() }
    package func integer(in range: ClosedRange<Int>) throws(InventoryError) -> Int { try self.value.integer(in: range) }
    package func duration(in range: ClosedRange<Duration>) throws(InventoryError) -> Duration {
        try self.value.duration(in: range)
    }
    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type
    ) throws(InventoryError) -> Choice where Choice.RawValue == String { try self.value.choice(type) }

    /// A number of bytes: whole, with `KiB`, `MiB` or `GiB` for powers of 1,024.
    package func byteCount(in range: ClosedRange<Int>) throws(InventoryError) -> Int {
        let expected = "must be a number of bytes such as `1048576`, `512KiB`, `4MiB` or `1GiB`"
        guard let text = self.scalarText else { throw self.error("\(expected), but is \(self.value.kind)") }
        guard let bytes = Self.byteCount(text) else { throw self.error("\(expected), but is \(quoted(text))") }
        guard range.contains(bytes) else {
            throw self.error("must be from \(range.lowerBound) to \(range.upperBound) bytes, but is \(quoted(text))")
        }
        return bytes
    }

    /// `nil` for what is no number of bytes.
    package static func byteCount(_ text: String) -> Int? {
        let units: [(suffix: String, bytes: Int)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)]
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }),
            case let digits = text.dropLast(unit.suffix.count), !digits.isEmpty,
            digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(digits),
            case let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.bytes), !overflow
        else { return nil }
        return bytes
    }

    /// A word that isn't one of those known.
    package func unknownWord(_ word: String, among words: [String]) -> InventoryError {
        self.error(Self.problem(withWord: word, among: words))
    }

    package static func problem(withWord word: String, among words: [String]) -> String {
        "must be one of \(words.map { "`\($0)`" }.joined(separator: ", "))"
            + Suggestion.sentence(Suggestion.closest(to: word, among: words))
    }

    /// A secret: text, `{env: NAME}` or `{file: PATH}`; a relative path is relative to this file.
    package func secretText(environment: [String: String]) throws(InventoryError) -> String {
        guard self.isMapping else { return try self.string() }
        let fields = try self.fields()
        guard fields.count == 1, let field = fields.first, ["env", "file"].contains(field.key) else {
            throw self.error("must be text, `{env: NAME}` or `{file: PATH}`")
        }
        let name = try field.value.string()
        if field.key == "env" {
            guard let text = environment[name], !text.isEmpty else {
                throw field.value.error("the environment variable \(quoted(name)) is not set")
            }
            return text
        }
        let text: String
        do {
            text = try String(contentsOfFile: SecretReader.absolute(name, besides: self.file), encoding: .utf8)
        } catch {
            throw field.value.error("the file \(quoted(name)) can't be read: \(error.localizedDescription)")
        }
        // Editors and `echo` end a file with a line break that is not part of the secret.
        let trimmed = text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text
        guard !trimmed.isEmpty else { throw field.value.error("the file \(quoted(name)) is empty") }
        return trimmed
    }

    /// `~/` is the home directory; a relative path is relative to this file.
    package func absolutePath(_ path: String) -> String { SecretReader.absolute(path, besides: self.file) }
}

extension StrictValue.Field {
    /// - Parameter hints: what to write instead of some keys.
    package func unknownKey(among keys: [String], hints: [String: String] = [:]) -> InventoryError {
        self.value.error("unknown key" + InventoryReader.instead(of: self.key, among: keys, hints: hints))
    }
}
