/// One network device: where it is and what it is, groups and defaults of the inventory applied.
public struct Device: Sendable, Hashable {
    /// The device's identity: inventory name, or `host:port` of an ad-hoc target. Never the user.
    public var name: String
    /// Host name or address, IPv6 without brackets.
    public var host: String
    public var port: Int
    /// Name of the platform definition: `cisco_iosxe`, `linux`, …
    public var platform: String
    public var tags: Set<String>
    /// User and secrets that belong to this device alone, as far as they are given. What is missing comes from the environment, the
    /// device's groups and the defaults when a session is opened: see ``CredentialResolver``.
    public var credential: Credential
    /// What to do about this device's host key; `nil`: the inventory's `general.host_key_policy`.
    public var hostKeyPolicy: HostKeyPolicy?
    /// The one host key that is accepted, as OpenSSH prints it (`SHA256:` and base64 without padding). Takes the place of the policy and
    /// of every known_hosts entry.
    public var hostKeyFingerprint: String?
    /// How its session is kept.
    public var session: SessionSettings
    public var connection: ConnectionOptions

    public init(
        name: String,
        host: String,
        port: Int = 22,
        platform: String,
        tags: Set<String> = [],
        credential: Credential = Credential(),
        hostKeyPolicy: HostKeyPolicy? = nil,
        hostKeyFingerprint: String? = nil,
        connection: ConnectionOptions = ConnectionOptions(),
        session: SessionSettings = SessionSettings()
    ) {
        self.name = name
        self.host = host
        self.port = port
        self.platform = platform
        self.tags = tags
        self.credential = credential
        self.hostKeyPolicy = hostKeyPolicy
        self.hostKeyFingerprint = hostKeyFingerprint
        self.session = session
        self.connection = connection
    }
}
