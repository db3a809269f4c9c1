import Foundation
import SSH

/// Credentials given by environment variables: `<prefix>_<part>_<subject>`.
///
/// | part | gives |
/// |---|---|
/// | `USER` | user name |
/// | `PASSWORD` | password |
/// | `ENABLE` | enable secret |
/// | `PRIVATE_KEY` | path of a private key file, or its text when it begins with `-----BEGIN` |
/// | `PASSPHRASE` | passphrase of the private key |
///
/// The subject is a name in capitals in which every character but `A`–`Z` and `0`–`9` stands as `_`: `access-7.example` is
/// `ACCESS_7_EXAMPLE`. Subjects are devices, groups, `DEFAULT`, and `CREDENTIAL_<NAME>` for named credentials. An empty value counts as
/// not set. Read once, when the client is made.
struct CredentialEnvironment: Sendable {
    private let credentials: [String: Credential]

    init(prefix: String, variables: [String: String] = ProcessInfo.processInfo.environment) {
        var credentials: [String: Credential] = [:]
        for (name, value) in variables where !value.isEmpty {
            guard name.hasPrefix(prefix + "_") else { continue }
            let rest = name.dropFirst(prefix.count + 1)
            for (part, set) in Self.parts {
                guard rest.hasPrefix(part), rest.count > part.count else { continue }
                set(&credentials[String(rest.dropFirst(part.count)), default: Credential()], value)
            }
        }
        self.credentials = credentials
    }

    func credential(for subject: String) -> Credential? {
        self.credentials.isEmpty ? nil : self.credentials[Self.subject(of: subject)]
    }

    var defaults: Credential? { self.credentials["DEFAULT"] }

    func credential(named name: String) -> Credential? {
        self.credentials["CREDENTIAL_" + Self.subject(of: name)]
    }

    /// A name as it stands in a variable's name.
    static func subject(of name: String) -> String {
        String(
            name.unicodeScalars.map { scalar -> Character in
                switch scalar {
                case "a"..."z": Character(Unicode.Scalar(UInt8(scalar.value - 32)))
                case "A"..."Z", "0"..."9": Character(scalar)
                default: "_"
                }
            }
        )
    }

    private static let parts: [(prefix: String, set: @Sendable (inout Credential, String) -> Void)] = [
        ("USER_", { $0.user = $1 }),
        ("PASSWORD_", { $0.password = Secret($1) }),
        ("ENABLE_", { $0.enableSecret = Secret($1) }),
        ("PRIVATE_KEY_", { $0.privateKey = $1.hasPrefix("-----BEGIN") ? .memory(Secret($1)) : .file($1) }),
        ("PASSPHRASE_", { $0.passphrase = Secret($1) }),
    ]
}
