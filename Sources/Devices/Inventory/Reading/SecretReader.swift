import Foundation
import SSH

/// Reads what the inventory says about secrets and keys: text, `{env: NAME}` or `{file: PATH}`.
struct SecretReader {
    let environment: [String: String]
    /// Each file is read once, however many devices name it.
    private var files: [String: String] = [:]

    init(environment: [String: String]) {
        self.environment = environment
    }

    mutating func secret(_ value: YAMLValue) throws(InventoryError) -> Secret {
        guard case .mapping = value.node else { return Secret(try value.string()) }
        switch try self.reference(value) {
        case .environment(let text): return Secret(text)
        case .file(let path):
            let text = try self.contents(of: path, for: value)
            // Editors and `echo` end a file with a line break that is not part of the secret.
            let trimmed = text.hasSuffix("\r\n") || text.hasSuffix("\n") ? text.dropLast() : text[...]
            guard !trimmed.isEmpty else { throw value.error("the file \(quoted(path)) is empty") }
            return Secret(String(trimmed))
        }
    }

    /// A private key: the path of its file, `{file: PATH}` likewise, or `{env: NAME}` for its text.
    mutating func privateKey(_ value: YAMLValue) throws(InventoryError) -> SSHAuthentication.PrivateKeySource {
        guard case .mapping = value.node else {
            let text = try value.string()
            guard !text.hasPrefix("-----BEGIN") else { return .memory(Secret(text)) }
            return .file(Self.absolute(text, besides: value.file))
        }
        switch try self.reference(value) {
        case .environment(let text): return .memory(Secret(text))
        case .file(let path): return .file(path)
        }
    }

    private enum Reference {
        case environment(String)
        case file(String)
    }

    private func reference(_ value: YAMLValue) throws(InventoryError) -> Reference {
        let fields = try value.fields()
        guard fields.count == 1, let field = fields.first else {
            throw value.error("must be text, `{env: NAME}` or `{file: PATH}`")
        }
        switch field.key {
        case "env":
            let name = try field.value.string()
            guard let text = self.environment[name], !text.isEmpty else {
                throw field.value.error("the environment variable \(quoted(name)) is not set")
            }
            return .environment(text)
        case "file":
            return .file(Self.absolute(try field.value.string(), besides: value.file))
        default:
            throw field.value.error("is unknown here: write text, `{env: NAME}` or `{file: PATH}`")
        }
    }

    private mutating func contents(of path: String, for value: YAMLValue) throws(InventoryError) -> String {
        if let known = self.files[path] { return known }
        do {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            self.files[path] = text
            return text
        } catch {
            throw value.error("the file \(quoted(path)) can't be read: \(error.localizedDescription)")
        }
    }

    /// `~/` is the home directory; a relative path is relative to the inventory file.
    static func absolute(_ path: String, besides file: String) -> String {
        if path.hasPrefix("~/") { return NSString(string: path).expandingTildeInPath }
        if path.hasPrefix("/") { return path }
        return URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(path).path
    }
}
