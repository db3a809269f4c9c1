/// Keeps the values of secret properties out of logs, errors and descriptions.
struct Redaction: Sendable {
    private let secrets: [String]

    init(_ properties: [String: String]) {
        // Longest first, so that a secret which contains another one leaves nothing behind.
        self.secrets =
            properties
            .filter { Self.isSecret($0.key) && !$0.value.isEmpty }
            .map(\.value)
            .sorted { $0.utf8.count > $1.utf8.count }
    }

    /// Whether a property's value must not be shown. Rather one too many: a property that this version doesn't know may be a secret.
    static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        return name.contains("password") || name.contains("secret") || name.contains("token")
            || name.contains("passphrase") || Self.others.contains(name)
    }
    private static let others: Set<String> = [
        "ssl.key.pem", "ssl_key", "sasl.oauthbearer.config", "sasl.oauthbearer.extensions", "sasl.kerberos.kinit.cmd",
    ]

    /// The text without any secret value.
    func apply(_ text: String) -> String {
        var text = text
        for secret in self.secrets { text = text.replacing(secret, with: "[redacted]") }
        return text
    }
}
