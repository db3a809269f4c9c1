import Configuration
import Devices
import Foundation
import NIOConcurrencyHelpers

/// The settings in force: what the command line says, else the environment, else the configuration file, else the default.
struct Settings: Sendable {
    enum Origin: Sendable, Hashable, CustomStringConvertible {
        case option(String)
        case variable(String)
        case file(String, line: Int?)
        case `default`

        var description: String {
            switch self {
            case .option(let name): name
            case .variable(let name): "$\(name)"
            case .file(let path, let line): line.map { "\(path):\($0)" } ?? path
            case .default: "default"
            }
        }
    }

    struct Entry: Sendable, Hashable {
        var text: String
        var origin: Origin
    }

    /// The file that was read.
    let file: String?
    /// By key; without those that nobody has given and that have no default.
    private(set) var entries: [String: Entry] = [:]
    private(set) var properties: [String: Entry] = [:]

    /// Names from before there was a rule for them.
    private static let aliases = ["KAFKA": "KAFKA_SERVERS"]

    /// - Parameters:
    ///   - file: the configuration file; `nil`: the one that `TETHER_CONFIG` names, or none.
    ///   - options: what the command line says, by the settings' keys.
    ///   - properties: `--kafka-property name=value`.
    init(
        file: String? = nil, options: [String: String] = [:], properties: [String] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(SettingsError) {
        let path = file ?? environment["TETHER_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        let contents: SettingsFile?
        if let path {
            contents = try SettingsFile(path: path, environment: environment)
        } else {
            contents = nil
        }
        try self.init(contents, options: options, properties: properties, environment: environment)
    }

    init(
        _ contents: SettingsFile?, options: [String: String] = [:], properties: [String] = [],
        environment: [String: String] = [:]
    ) throws(SettingsError) {
        self.file = contents?.path
        var variables: [String: String] = [:]
        var names: [String: String] = [:]
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix("TETHER_") && !value.isEmpty {
            let bare = String(name.dropFirst("TETHER_".count))
            let real = Self.aliases[bare] ?? bare
            guard variables[real] == nil || real == bare else { continue }
            variables[real] = value
            names[real] = name
        }
        let winners = Winners()
        let reader = ConfigReader(
            providers: [
                Self.provider("options", options),
                EnvironmentVariablesProvider(environmentVariables: variables),
                Self.provider("file", contents?.entries.mapValues(\.text) ?? [:]),
            ],
            accessReporter: winners)
        for setting in Self.all {
            guard let text = reader.string(forKey: ConfigKey(setting.key), isSecret: setting.form.isSecret),
                let winner = winners.last
            else {
                self.entries[setting.key] = setting.defaultText.map { Entry(text: $0, origin: .default) }
                continue
            }
            let origin: Origin =
                switch winner.provider {
                case 0: .option(setting.option ?? setting.key)
                case 1: .variable(names[winner.key] ?? setting.variable)
                default: .file(contents?.path ?? "", line: contents?.entries[setting.key]?.line)
                }
            guard setting.accepts(text) else {
                throw SettingsError("\(origin): \(setting.form.problem(with: text))")
            }
            self.entries[setting.key] = Entry(text: text, origin: origin)
        }
        try self.take(properties, contents)
    }

    private mutating func take(_ options: [String], _ contents: SettingsFile?) throws(SettingsError) {
        for (name, entry) in contents?.properties ?? [:] {
            self.properties[name] = Entry(text: entry.text, origin: .file(contents?.path ?? "", line: entry.line))
        }
        for option in options {
            guard let separator = option.firstIndex(of: "="), separator != option.startIndex else {
                throw SettingsError("--kafka-property: must be name=value")
            }
            self.properties[String(option[..<separator])] = Entry(
                text: String(option[option.index(after: separator)...]), origin: .option("--kafka-property"))
        }
    }

    private static func provider(_ name: String, _ texts: [String: String]) -> InMemoryProvider {
        InMemoryProvider(
            name: name,
            values: Dictionary(
                uniqueKeysWithValues: texts.map { key, text in
                    (AbsoluteConfigKey(ConfigKey(key)), ConfigValue(.string(text), isSecret: false))
                }))
    }

    /// Variables that look like settings and are none, each as a sentence. Others may begin with `TETHER_` too: credentials, for one.
    static func unknownVariables(in environment: [String: String]) -> [String] {
        let known = Self.all.map(\.variable) + Self.aliases.keys.map { "TETHER_\($0)" }
        let sections = ["KAFKA", "WORKER", "SESSIONS", "LOG", "OPERATIONS"].map { "TETHER_\($0)_" }
        return environment.keys.sorted()
            .filter { name in sections.contains { name.hasPrefix($0) } && !known.contains(name) }
            .map { "$\($0) is no setting\(Suggestion.sentence(Suggestion.closest(to: $0, among: known)))" }
    }

    // MARK: Values

    /// - Throws: if nobody has given it and it has no default.
    func value<Value>(_ setting: Setting<Value>) throws(SettingsError) -> Value {
        if let value = try self.optional(setting) { return value }
        let option = setting.option.map { "\($0), " } ?? ""
        throw SettingsError(
            "`\(setting.key)` is missing: give \(option)\(setting.any.variable), or `\(setting.key)` in the configuration file. It is: \(setting.summary)"
        )
    }

    func optional<Value>(_ setting: Setting<Value>) throws(SettingsError) -> Value? {
        guard let entry = self.entries[setting.key] else { return nil }
        guard let value = setting.parse(entry.text) else {
            throw SettingsError("\(entry.origin): \(setting.form.problem(with: entry.text))")
        }
        return value
    }

    func origin<Value>(of setting: Setting<Value>) -> Origin { self.entries[setting.key]?.origin ?? .default }

    /// Notes which provider had the value that was read last.
    private final class Winners: AccessReporter {
        private let winner = NIOLockedValueBox<(provider: Int, key: String)?>(nil)

        var last: (provider: Int, key: String)? { self.winner.withLockedValue { $0 } }

        func report(_ event: AccessEvent) {
            // They are asked in their order, up to the first that knows.
            let index = event.providerResults.firstIndex { ((try? $0.result.get())?.value) != nil }
            let winner = index.map { index in
                (index, (try? event.providerResults[index].result.get())?.encodedKey ?? "")
            }
            self.winner.withLockedValue { $0 = winner }
        }
    }
}
