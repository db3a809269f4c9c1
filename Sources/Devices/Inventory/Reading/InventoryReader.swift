import Foundation
import Yams

extension Inventory {
    /// Reads one YAML file, or every `*.yaml`/`*.yml` of a directory (not of those below it) as one inventory.
    ///
    /// - Throws: the first mistake, with file, line and field.
    public init(path: String) throws(InventoryError) {
        try self.init(path: path, environment: ProcessInfo.processInfo.environment)
    }

    /// - Parameter environment: What `{env: NAME}` refers to.
    package init(path: String, environment: [String: String]) throws(InventoryError) {
        var reader = InventoryReader(environment: environment)
        for file in try InventoryReader.files(at: path) {
            do {
                try reader.read(try String(contentsOfFile: file, encoding: .utf8), file: file)
            } catch let error as InventoryError {
                throw error
            } catch {
                throw InventoryError(file: file, message: "the inventory can't be read: \(error.localizedDescription)")
            }
        }
        try reader.checkVault()
        try self.init(reader.draft)
    }

    /// Reads an inventory from text. `file` is what errors call it.
    package init(
        yaml: String,
        file: String = "inventory.yaml",
        environment: [String: String] = [:]
    ) throws(InventoryError) {
        var reader = InventoryReader(environment: environment)
        try reader.read(yaml, file: file)
        try reader.checkVault()
        try self.init(reader.draft)
    }
}

/// Turns YAML documents into one draft of an inventory.
struct InventoryReader {
    var draft = InventoryDraft()
    var secrets: SecretReader
    /// Where each setting that may be given only once was given: `general.timeout`, `credentials.netops`, …
    var settings: [String: InventoryPlace] = [:]

    init(environment: [String: String]) {
        self.secrets = SecretReader(environment: environment)
    }

    /// The files of an inventory in the order of their names, hidden ones left out (Kubernetes puts `..data` beside mounted files).
    static func files(at path: String) throws(InventoryError) -> [String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw InventoryError(file: path, message: "there is no such file or directory")
        }
        guard isDirectory.boolValue else { return [path] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw InventoryError(file: path, message: "the directory can't be read: \(error.localizedDescription)")
        }
        let base = path.hasSuffix("/") ? path : path + "/"
        let files = names.filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }.sorted()
        guard !files.isEmpty else {
            throw InventoryError(file: path, message: "the directory holds no `*.yaml` or `*.yml` file")
        }
        return files.map { base + $0 }
    }

    mutating func read(_ yaml: String, file: String) throws(InventoryError) {
        guard let root = try Self.document(yaml, file: file) else { return }
        for field in try YAMLValue(file: file, path: "", line: 1, node: root).fields() {
            switch field.key {
            case "general": try self.readGeneral(field.value)
            case "defaults": try self.readDefaults(field.value)
            case "credentials": try self.readCredentials(field.value)
            case "vault": try self.readVault(field.value)
            case "auth_domains": try self.readAuthDomains(field.value)
            case "sequences": try self.readSequences(field.value)
            case "devices": try self.readDevices(field.value)
            case "groups": try self.readGroups(field.value)
            // A place for anchors, as in Compose files.
            case let key where key.hasPrefix("x-"): continue
            default: throw Self.unknownKey(field, among: Self.sections)
            }
        }
    }

    private static let sections = [
        "general", "defaults", "credentials", "vault", "auth_domains", "sequences", "devices", "groups",
    ]

    /// - Parameter hints: What to write instead of keys that other tools use.
    static func unknownKey(_ field: YAMLValue.Field, among keys: [String], hints: [String: String] = [:])
        -> InventoryError
    {
        if let hint = hints[field.key.lowercased()] { return field.value.error("unknown key; \(hint)") }
        let close = Suggestion.closest(to: field.key, among: keys)
        let sentence =
            close.map { Suggestion.sentence($0) } ?? "; known are \(keys.map { "`\($0)`" }.joined(separator: ", "))"
        return field.value.error("unknown key" + sentence)
    }

    /// Notes a setting; the second time, in whatever file, is an error that names both places.
    mutating func once(_ value: YAMLValue) throws(InventoryError) {
        if let first = self.settings.updateValue(value.place, forKey: value.path) {
            throw value.error("is given twice; the first is at \(first): keep one of them")
        }
    }

    // MARK: YAML

    private static func document(_ yaml: String, file: String) throws(InventoryError) -> Node? {
        do {
            // Without resolver rules: types are this reader's concern, and the rules would run regular expressions over every scalar.
            return try Parser(yaml: yaml, resolver: .basic, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            throw Self.inventoryError(error, yaml: yaml, file: file)
        } catch {
            throw InventoryError(file: file, message: "is not YAML: \(error)")
        }
    }

    private static func inventoryError(_ error: YamlError, yaml: String, file: String) -> InventoryError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let what = [context?.text, problem].compactMap { $0 }.joined(separator: ": ")
            return InventoryError(file: file, line: mark.line, message: "is not YAML: \(what)")
        case .reader(let problem, let offset, _, _):
            let line = offset.map { yaml.prefix($0).count { $0.isNewline } + 1 }
            return InventoryError(file: file, line: line, message: "is not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            let key = keys.first ?? ""
            let again = Self.line(of: key, after: context.mark, in: yaml)
            return InventoryError(
                file: file,
                line: again ?? context.mark.line,
                message: "the key \(quoted(key)) is given twice"
                    + (again == nil ? "" : "; the first is at \(file):\(context.mark.line)") + ": keep one of them"
            )
        default:
            return InventoryError(file: file, message: "is not YAML: \(error)")
        }
    }

    /// The parser tells the first of two equal keys; the second is the next one at the same column.
    private static func line(of key: String, after mark: Mark, in yaml: String) -> Int? {
        let lines = yaml.split(omittingEmptySubsequences: false) { $0.isNewline }
        let indentation = String(repeating: " ", count: max(0, mark.column - 1))
        let starts = ["\(key):", "\"\(key)\":", "'\(key)':"].map { indentation + $0 }
        guard
            let index = lines.dropFirst(mark.line).firstIndex(where: { line in starts.contains { line.hasPrefix($0) } })
        else {
            return nil
        }
        return index + 1
    }
}
