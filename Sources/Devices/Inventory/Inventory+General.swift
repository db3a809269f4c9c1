extension Inventory {
    /// `general:` of the inventory file: `timeout`, `connection_retries`, `retry_delay`, `ssh_strict_host_key_checking` or `host_key_policy`.
    public struct General: Sendable, Hashable {
        /// Default time limit of a command.
        public var timeout: Duration
        /// Attempts to open a session, in all.
        public var connectionRetries: Int
        /// Base of the exponential pause between attempts.
        public var retryDelay: Duration
        /// `ssh_strict_host_key_checking: true` is `strict`, `false` is `accept_new`.
        public var hostKeyPolicy: HostKeyPolicy

        public init(
            timeout: Duration = .seconds(30),
            connectionRetries: Int = 3,
            retryDelay: Duration = .seconds(2),
            hostKeyPolicy: HostKeyPolicy = .acceptNew
        ) {
            self.timeout = timeout
            self.connectionRetries = connectionRetries
            self.retryDelay = retryDelay
            self.hostKeyPolicy = hostKeyPolicy
        }
    }

    /// `defaults:` of the inventory file: what a device has that neither it nor its groups say.
    struct Defaults: Sendable, Hashable {
        var port: Int = 22
        var platform: String?
        var credential = Credential()
        var session = SessionSettings()
        var connection = ConnectionOptions()
        var settings: [SettingPlace] = []
    }
}
