import NIOCore

extension DeviceClient {
    /// Everything that a client is made with. All defaults are in the initialiser.
    public struct Configuration: Sendable {
        public var inventory: Inventory
        /// `known_hosts` file that keys are checked against and learned into; `nil`: learned keys are kept in memory only.
        public var knownHostsFile: String?
        /// Prefix of the environment variables that give credentials (`<prefix>_USER_DEFAULT`, `<prefix>_PASSWORD_DEFAULT`, `<prefix>_USER_<DEVICE>`, …).
        public var environmentPrefix: String
        /// Directory of the user's own platform definitions.
        public var platformDirectory: String?
        /// Sessions unused for longer are closed. `nil`: never.
        public var idleTimeout: Duration?
        /// Sessions older than this are closed as soon as they are idle, by chance up to a tenth earlier. `nil`: never.
        public var maximumAge: Duration?
        /// How often and how many logins are tried.
        public var logins: LoginPolicy
        /// Called with what happens to sessions, from any thread; must not block.
        public var onEvent: (@Sendable (DeviceEvent) -> Void)?
        /// Open sessions at most, temporary ones included; past it the one unused for longest is closed.
        public var maximumSessions: Int
        /// How long a device may take from the opened shell to its first prompt.
        public var signOnTimeout: Duration
        /// How long a device may take to come back to its prompt from a command that timed out or was cancelled; after that its session is discarded.
        public var interruptionTimeout: Duration
        /// Output of one command that is collected at most, in bytes; a command that prints more fails with `output.too_large`.
        public var maximumOutputBytes: Int
        /// Where connections live. `nil`: SwiftNIO's shared threads.
        public var eventLoopGroup: (any EventLoopGroup)?

        public init(
            inventory: Inventory,
            knownHostsFile: String? = nil,
            environmentPrefix: String = "TETHER",
            platformDirectory: String? = nil,
            idleTimeout: Duration? = nil,
            maximumAge: Duration? = nil,
            logins: LoginPolicy = LoginPolicy(),
            onEvent: (@Sendable (DeviceEvent) -> Void)? = nil,
            maximumSessions: Int = 10_000,
            signOnTimeout: Duration = .seconds(30),
            interruptionTimeout: Duration = .seconds(5),
            maximumOutputBytes: Int = 64 * 1024 * 1024,
            eventLoopGroup: (any EventLoopGroup)? = nil
        ) {
            self.inventory = inventory
            self.knownHostsFile = knownHostsFile
            self.environmentPrefix = environmentPrefix
            self.platformDirectory = platformDirectory
            self.idleTimeout = idleTimeout
            self.maximumAge = maximumAge
            self.logins = logins
            self.onEvent = onEvent
            self.maximumSessions = maximumSessions
            self.signOnTimeout = signOnTimeout
            self.interruptionTimeout = interruptionTimeout
            self.maximumOutputBytes = maximumOutputBytes
            self.eventLoopGroup = eventLoopGroup
        }
    }
}
