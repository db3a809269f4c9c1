import Foundation
import SSH

/// Reads what the inventory says about secrets and keys: text, or where they are kept.
///
/// | written | is |
/// |---|---|
/// | text | the secret itself |
/// | `{env: NAME}` | in a variable of the environment, which must be set |
/// | `{file: PATH}` | all of a file, without the line end at its end |
/// | `{exec: [PROGRAM, ARGUMENT, …]}` | a field of the JSON object that a program prints |
/// | `{vault: {path: PATH, field: NAME}}` | a field of what Vault has there |
///
/// Files, programs and Vault are asked when a session is opened; `ttl` beside them says for how long the answer may be used again.
struct SecretReader {
    let environment: [String: String]
    /// What is wrong with the first reference to Vault, if nothing says where it is.
    private(set) var firstVaultUse: InventoryError?

    init(environment: [String: String]) {
        self.environment = environment
    }

    private static let durations: ClosedRange<Duration> = .milliseconds(1)...(.seconds(86_400))
    private static let forms =
        "must be text, `{env: NAME}`, `{file: PATH}`, `{exec: [PROGRAM, …]}` or `{vault: {path: PATH, field: NAME}}`"

    /// - Parameter names: Fields that a helper's or Vault's object may have it in, unless `field` names one.
    mutating func secret(_ value: YAMLValue, named names: [String]) throws(InventoryError) -> SecretSource {
        guard case .mapping = value.node else { return .value(Secret(try value.string())) }
        switch try self.reference(value) {
        case .environment(let text): return .value(Secret(text))
        case .stored(let location, let field):
            if case .file = location.place { return .stored(location, fields: []) }
            return .stored(location, fields: field.map { [$0] } ?? names)
        }
    }

    /// A private key: the path of its file, `{file: PATH}` likewise, or where its text is kept.
    mutating func privateKey(_ value: YAMLValue) throws(InventoryError) -> Credential.KeySource {
        guard case .mapping = value.node else {
            let text = try value.string()
            guard !text.hasPrefix("-----BEGIN") else { return .given(.memory(Secret(text))) }
            return .given(.file(Self.absolute(text, besides: value.file)))
        }
        switch try self.reference(value) {
        case .environment(let text): return .given(.memory(Secret(text)))
        case .stored(let location, let field):
            // The connection reads the file itself, each time.
            if case .file(let path) = location.place { return .given(.file(path)) }
            return .stored(location, fields: field.map { [$0] } ?? SecretDocument.Part.privateKey)
        }
    }

    /// The place of a whole credential: `vault: {path: PATH}` or `exec: [PROGRAM, …]` beside or instead of its parts; `nil` for every other key.
    mutating func origin(_ field: YAMLValue.Field) throws(InventoryError) -> SecretLocation? {
        switch field.key {
        case "vault":
            let (location, name) = try self.vault(field.value)
            if name != nil {
                throw field.value.error("takes no `field` here: all parts of the credential come from there")
            }
            return location
        case "exec": return try self.helper(field.value)
        default: return nil
        }
    }

    private enum Reference {
        case environment(String)
        case stored(SecretLocation, field: String?)
    }

    private mutating func reference(_ value: YAMLValue) throws(InventoryError) -> Reference {
        var reference: Reference?
        var settings: [YAMLValue.Field] = []
        for field in try value.fields() {
            let one: Reference
            switch field.key {
            case "env": one = .environment(try self.variable(field.value))
            case "file":
                one = .stored(
                    SecretLocation(.file(Self.absolute(try field.value.string(), besides: value.file))), field: nil)
            case "exec": one = .stored(try self.helper(field.value), field: nil)
            case "vault":
                let (location, name) = try self.vault(field.value)
                one = .stored(location, field: name)
            case "ttl", "timeout", "field":
                settings.append(field)
                continue
            default: throw field.value.error("is unknown here: a secret \(Self.forms)")
            }
            guard reference == nil else { throw value.error("\(Self.forms): one of them") }
            reference = one
        }
        guard case .stored(var location, var name)? = reference else {
            guard let reference, settings.isEmpty else { throw value.error(Self.forms) }
            return reference
        }
        for field in settings {
            switch (field.key, location.place) {
            case ("ttl", _): location.timeToLive = try field.value.duration(in: Self.durations)
            case ("timeout", .helper(var helper)):
                helper.timeLimit = try field.value.duration(in: Self.durations)
                location.place = .helper(helper)
            case ("field", .helper): name = try field.value.string()
            default: throw field.value.error("is unknown here")
            }
        }
        return .stored(location, field: name)
    }

    private func variable(_ value: YAMLValue) throws(InventoryError) -> String {
        let name = try value.string()
        guard let text = self.environment[name], !text.isEmpty else {
            throw value.error("the environment variable \(quoted(name)) is not set")
        }
        return text
    }

    /// A list: program and arguments. Or a mapping of that as `command`, with `timeout` and `ttl`.
    private func helper(_ value: YAMLValue) throws(InventoryError) -> SecretLocation {
        var list = value
        var helper = SecretHelper(program: "")
        var timeToLive: Duration?
        if case .mapping = value.node {
            let fields = try value.fields()
            guard let command = fields.first(where: { $0.key == "command" }) else {
                throw value.error("`command` is missing: give a list of program and arguments")
            }
            list = command.value
            for field in fields {
                switch field.key {
                case "command": break
                case "timeout": helper.timeLimit = try field.value.duration(in: Self.durations)
                case "ttl": timeToLive = try field.value.duration(in: Self.durations)
                default: throw InventoryReader.unknownKey(field, among: ["command", "timeout", "ttl"])
                }
            }
        }
        var words: [String] = []
        for item in try list.items() { words.append(try item.string()) }
        guard let program = words.first, !program.isEmpty, !words.contains(where: { $0.utf8.contains(0) }) else {
            throw list.error("must be a list of program and arguments")
        }
        // A name without a slash is looked up in `PATH`.
        let path = program.hasPrefix("./") ? String(program.dropFirst(2)) : program
        helper.program = program.contains("/") ? Self.absolute(path, besides: value.file) : program
        helper.arguments = Array(words.dropFirst())
        return SecretLocation(.helper(helper), timeToLive: timeToLive)
    }

    private mutating func vault(_ value: YAMLValue) throws(InventoryError) -> (SecretLocation, field: String?) {
        self.firstVaultUse =
            self.firstVaultUse ?? value.error("the inventory has no section `vault` that says where it is")
        var path: String?
        var name: String?
        var timeToLive: Duration?
        for field in try value.fields() {
            switch field.key {
            case "path":
                let text = try field.value.string()
                if let problem = VaultConfiguration.problem(withPath: text) { throw field.value.error(problem) }
                path = text
            case "field": name = try field.value.string()
            case "ttl": timeToLive = try field.value.duration(in: Self.durations)
            default: throw InventoryReader.unknownKey(field, among: ["path", "field", "ttl"])
            }
        }
        guard let path else { throw value.error("`path` is missing: give a path such as `secret/data/network/core`") }
        return (SecretLocation(.vault(path: path), timeToLive: timeToLive), name)
    }

    /// `~/` is the home directory; a relative path is relative to the inventory file.
    static func absolute(_ path: String, besides file: String) -> String {
        if path.hasPrefix("~/") { return NSString(string: path).expandingTildeInPath }
        if path.hasPrefix("/") { return path }
        return URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(path).path
    }
}
