import SSH

/// What it takes to log in. A part that is `nil` comes from the next place in the order of precedence: see ``CredentialResolver``.
///
/// In an inventory a part may be the place where it is kept instead (a file, a helper program, Vault). It is fetched when a session is opened;
/// until then the part is `nil` here.
public struct Credential: Sendable, Hashable {
    public var user: String?
    var passwordSource: SecretSource?
    var keySource: KeySource?
    var passphraseSource: SecretSource?
    var enableSource: SecretSource?
    /// Where the parts are kept that aren't given beside it: one place for the whole credential.
    var origin: SecretLocation?

    /// A private key: what SSH can use as it is, or the place where its text is kept.
    enum KeySource: Sendable, Hashable {
        case given(SSHAuthentication.PrivateKeySource)
        case stored(SecretLocation, fields: [String])
    }

    public init(
        user: String? = nil,
        password: Secret? = nil,
        privateKey: SSHAuthentication.PrivateKeySource? = nil,
        passphrase: Secret? = nil,
        enableSecret: Secret? = nil
    ) {
        self.user = user
        self.passwordSource = password.map { .value($0) }
        self.keySource = privateKey.map { .given($0) }
        self.passphraseSource = passphrase.map { .value($0) }
        self.enableSource = enableSecret.map { .value($0) }
    }

    public var password: Secret? {
        get { self.passwordSource?.value }
        set { self.passwordSource = newValue.map { .value($0) } }
    }

    public var privateKey: SSHAuthentication.PrivateKeySource? {
        get { if case .given(let key)? = self.keySource { key } else { nil } }
        set { self.keySource = newValue.map { .given($0) } }
    }

    /// Opens an encrypted private key.
    public var passphrase: Secret? {
        get { self.passphraseSource?.value }
        set { self.passphraseSource = newValue.map { .value($0) } }
    }

    /// Answers a device that asks for a password before it gives the privileged mode.
    public var enableSecret: Secret? {
        get { self.enableSource?.value }
        set { self.enableSource = newValue.map { .value($0) } }
    }

    /// Whether it says nothing at all.
    var isEmpty: Bool { self == Credential() }

    /// Whether it holds something to log in with, besides a user name.
    var hasLoginSecret: Bool { self.passwordSource != nil || self.keySource != nil }

    /// Whether no other place could add anything.
    var isComplete: Bool {
        self.user != nil && self.passwordSource != nil && self.keySource != nil && self.passphraseSource != nil
            && self.enableSource != nil
    }

    /// Takes over each part of `other` that is missing here.
    mutating func fill(from other: Credential) {
        self.user = self.user ?? other.user
        self.passwordSource = self.passwordSource ?? other.passwordSource
        self.keySource = self.keySource ?? other.keySource
        self.passphraseSource = self.passphraseSource ?? other.passphraseSource
        self.enableSource = self.enableSource ?? other.enableSource
        self.origin = self.origin ?? other.origin
    }

    /// What to show a device, in this order. Only of a credential for which everything has been fetched.
    var methods: [SSHAuthentication] {
        var methods: [SSHAuthentication] = []
        if let key = self.privateKey { methods.append(.privateKey(key, passphrase: self.passphrase)) }
        if let password = self.password { methods.append(.password(password)) }
        return methods
    }

    /// Without what it takes to log in, besides the user name.
    var withoutLogin: Credential {
        var rest = self
        rest.passwordSource = nil
        rest.keySource = nil
        rest.passphraseSource = nil
        return rest
    }
}
