import Devices
import Foundation

/// What a configuration file says: the text of each setting, and the line that it stands in.
struct SettingsFile: Sendable {
    struct Entry: Sendable, Hashable {
        var text: String
        var line: Int?
    }

    let path: String
    private(set) var entries: [String: Entry] = [:]
    /// `kafka.properties`.
    private(set) var properties: [String: Entry] = [:]

    static let propertiesKey = "kafka.properties"

    /// Reads a file. Every key has to be known, and every value of its form.
    /// - Parameter environment: what `{env: NAME}` refers to, in the values of secrets and of properties.
    init(path: String, environment: [String: String]) throws(SettingsError) {
        let yaml: String
        do {
            yaml = String(decoding: try InputFile.bytes(of: path), as: UTF8.self)
        } catch {
            throw SettingsError("\(path): the configuration can't be read: \(error)")
        }
        try self.init(yaml: yaml, file: path, environment: environment)
    }

    init(yaml: String, file: String, environment: [String: String] = [:]) throws(SettingsError) {
        self.path = file
        do {
            guard let root = try StrictValue(yaml: yaml, file: file) else { return }
            try self.read(root, "", environment)
        } catch {
            throw SettingsError(error.description)
        }
    }

    private static let settings = Dictionary(Settings.all.map { ($0.key, $0) }) { first, _ in first }

    private mutating func read(
        _ section: StrictValue, _ prefix: String, _ environment: [String: String]
    ) throws(InventoryError) {
        for field in try section.fields() {
            let key = prefix + field.key
            if let setting = Self.settings[key] {
                // Only the key, and no value: as if it weren't there, so that lines can be put in a comment one by one.
                guard !field.value.isNull else { continue }
                let text = try Self.text(of: setting, field.value, environment)
                self.entries[key] = Entry(text: text, line: field.value.line)
            } else if key == Self.propertiesKey {
                for property in try field.value.fields() {
                    let text =
                        try property.value.isMapping
                        ? property.value.secretText(environment: environment) : property.value.scalarText ?? ""
                    guard !text.isEmpty else {
                        throw property.value.error("must be text, `{env: NAME}` or `{file: PATH}`")
                    }
                    self.properties[property.key] = Entry(text: text, line: property.value.line)
                }
            } else if Self.settings.keys.contains(where: { $0.hasPrefix(key + ".") }) {
                try self.read(field.value, key + ".", environment)
            } else if !(prefix.isEmpty && field.key.hasPrefix("x-")) {
                throw Self.unknownKey(field, prefix)
            }
        }
    }

    private static func unknownKey(_ field: StrictValue.Field, _ prefix: String) -> InventoryError {
        let known = (Array(Self.settings.keys) + [Self.propertiesKey]).filter { $0.hasPrefix(prefix) }
            .compactMap { $0.dropFirst(prefix.count).split(separator: ".").first.map(String.init) }
        // The same word in another section.
        let elsewhere = Self.settings.keys.filter { $0.hasSuffix(".\(field.key)") || $0 == field.key }.sorted()
        let hints = elsewhere.first.map { [field.key.lowercased(): "did you mean `\($0)`?"] } ?? [:]
        return field.unknownKey(among: Set(known).sorted(), hints: hints)
    }

    private static func text(
        of setting: AnySetting, _ value: StrictValue, _ environment: [String: String]
    ) throws(InventoryError) -> String {
        let text: String
        switch setting.form {
        case .secret: text = try value.secretText(environment: environment)
        case .list where value.isList:
            var items: [String] = []
            for item in try value.items() {
                guard let word = item.scalarText, !word.isEmpty, !word.contains(",") else {
                    throw item.error("must be text without commas")
                }
                items.append(word)
            }
            text = items.joined(separator: ",")
        default:
            guard let scalar = value.scalarText else { throw value.error(setting.form.problem(with: "")) }
            text = setting.form == .path ? value.absolutePath(scalar) : scalar
        }
        guard setting.accepts(text) else { throw value.error(setting.form.problem(with: text)) }
        return text
    }
}
