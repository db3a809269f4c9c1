import SSH

/// One network device of the inventory, groups and defaults applied.
public struct Device: Sendable, Hashable {
    /// The device's identity: inventory name, or `host:port` of an ad-hoc target. Never the user.
    public var name: String
    public var host: String
    public var port: Int
    public var platform: String
    public var tags: Set<String>
    /// User and secrets as far as the inventory names them.
    public var credential: Credential

    public init(
        name: String,
        host: String,
        port: Int = 22,
        platform: String,
        tags: Set<String> = [],
        credential: Credential = Credential()
    ) {
        self.name = name
        self.host = host
        self.port = port
        self.platform = platform
        self.tags = tags
        self.credential = credential
    }
}

/// What it takes to log in. A part that is `nil` comes from the next place in the order of precedence.
public struct Credential: Sendable, Hashable {
    public var user: String?
    public var password: Secret?
    public var privateKey: SSHAuthentication.PrivateKeySource?
    public var passphrase: Secret?
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
}
