import Foundation
import SSH

/// What was fetched from one place.
struct SecretDocument: Sendable, Hashable {
    /// Text without structure.
    var text: Secret?
    var fields: [String: Secret] = [:]
    /// For how long the place says that it is good.
    var lifetime: Duration?
    /// Counts what was fetched by this process: a higher one was fetched later.
    var generation: UInt64 = 0

    init(text: Secret) {
        self.text = text
    }

    init(fields: [String: Secret], lifetime: Duration? = nil) {
        self.fields = fields
        self.lifetime = lifetime
    }

    /// The fields of a JSON object that are text. Others (lists, numbers, nested objects) can't be secrets of a login.
    init(object: [String: Any], lifetime: Duration? = nil) {
        self.init(
            fields: object.compactMapValues { value in (value as? String).map { Secret($0) } }, lifetime: lifetime)
    }

    func first(of names: [String]) -> Secret? {
        for name in names { if let secret = self.fields[name], !secret.isEmpty { return secret } }
        return nil
    }

    /// The names under which each part of a credential may stand: ours, and those that Vault's engines and other tools use.
    enum Part {
        static let user = ["user", "username"]
        static let password = ["password"]
        static let privateKey = ["private_key"]
        static let passphrase = ["passphrase", "private_key_passphrase"]
        static let enable = ["enable", "enable_secret"]
    }

    /// As a whole credential.
    var credential: Credential {
        Credential(
            user: self.first(of: Part.user)?.withExposedValue { $0 },
            password: self.first(of: Part.password),
            privateKey: self.first(of: Part.privateKey).map { .memory($0) },
            passphrase: self.first(of: Part.passphrase),
            enableSecret: self.first(of: Part.enable)
        )
    }
}
