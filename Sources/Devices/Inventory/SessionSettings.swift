/// How a device's session is kept, as far as it is said. What a device doesn't say, its groups say, in the order of the inventory, then `defaults:`.
public struct SessionSettings: Sendable, Hashable {
    /// Name of the authentication service that the device asks (`auth_domain`): logins of one domain share bounds, and the guard against
    /// locking an account.
    public var authDomain: String?
    /// Whether the session is opened before it is needed, and opened again when it is lost (`warm`).
    public var isWarm: Bool?
    /// After this time without a command, by chance up to a tenth earlier, the device is asked for a new prompt (`cli_keepalive`), because its own
    /// time-out of idle terminals counts no SSH keepalives. Choose it well below that. A device that gives no prompt within 10 seconds, or
    /// `general.timeout` if that is shorter, loses its session. It is no use of the session: an idle time-out goes on. `nil`, or zero: never.
    public var cliKeepalive: Duration?

    public init(authDomain: String? = nil, isWarm: Bool? = nil, cliKeepalive: Duration? = nil) {
        self.authDomain = authDomain
        self.isWarm = isWarm
        self.cliKeepalive = cliKeepalive
    }

    /// Takes over each setting of `other` that is missing here.
    mutating func fill(from other: SessionSettings) {
        self.authDomain = self.authDomain ?? other.authDomain
        self.isWarm = self.isWarm ?? other.isWarm
        self.cliKeepalive = self.cliKeepalive ?? other.cliKeepalive
    }
}
