import SSH

/// What it takes to log in. A part that is `nil` comes from the next place in the order of precedence: see ``CredentialResolver``.
public struct Credential: Sendable, Hashable {
    public var user: String?
    public var password: Secret?
    public var privateKey: SSHAuthentication.PrivateKeySource?
    /// Opens an encrypted private key.
    public var passphrase: Secret?
    /// Answers a device that asks for a password before it gives the privileged mode.
    public var enableSecret: Secret?

    public init(
        user: String? = nil,
        password: Secret? = nil,
        privateKey: SSHAuthentication.PrivateKeySource? = nil,
        passphrase: Secret? = nil,
        enableSecret: Secret? = nil
    ) {
        self.user = user
        self.password = password
        self.privateKey = privateKey
        self.passphrase = passphrase
        self.enableSecret = enableSecret
    }

    /// Whether it says nothing at all.
    var isEmpty: Bool { self == Credential() }

    /// Whether it holds something to log in with, besides a user name.
    var hasLoginSecret: Bool { self.password != nil || self.privateKey != nil }

    /// Takes over each part of `other` that is missing here.
    mutating func fill(from other: Credential) {
        self.user = self.user ?? other.user
        self.password = self.password ?? other.password
        self.privateKey = self.privateKey ?? other.privateKey
        self.passphrase = self.passphrase ?? other.passphrase
        self.enableSecret = self.enableSecret ?? other.enableSecret
    }
}
