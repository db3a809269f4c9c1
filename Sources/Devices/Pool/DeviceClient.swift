import Logging
import NIOCore
import NIOPosix
import SSH

/// Sessions to many devices: each opened on first use, shared, reused, and closed at the end of the scope.
///
/// However many callers arrive at once, a device gets exactly one connection. Safe to use from any task.
public final class DeviceClient: Sendable {
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
        /// Open sessions at most; past it the one unused for longest is closed.
        public var maximumSessions: Int

        public init(
            inventory: Inventory,
            knownHostsFile: String? = nil,
            environmentPrefix: String = "TETHER",
            platformDirectory: String? = nil,
            idleTimeout: Duration? = nil,
            maximumSessions: Int = 10_000
        ) {
            self.inventory = inventory
            self.knownHostsFile = knownHostsFile
            self.environmentPrefix = environmentPrefix
            self.platformDirectory = platformDirectory
            self.idleTimeout = idleTimeout
            self.maximumSessions = maximumSessions
        }
    }

    /// - Throws: `inventory.invalid` (unknown platform, unreadable known_hosts, …).
    public init(_ configuration: Configuration, logger: Logger = Logger(label: "tether.devices")) throws(DeviceError) { fatalError("stub") }

    /// A client for the time of `body`; all sessions are closed when it returns or throws.
    public static func withClient<Result>(
        _ configuration: Configuration,
        logger: Logger = Logger(label: "tether.devices"),
        _ body: (DeviceClient) async throws -> Result
    ) async throws -> Result { fatalError("stub") }

    /// Runs one command on a device of the inventory (or an ad-hoc `user@host:port`). Opens the session on first use; tries again only
    /// what provably did not reach the device.
    public func run(_ device: String, _ command: String, timeout: Duration? = nil) async throws(DeviceError) -> CommandResult { fatalError("stub") }

    /// The device's persistent session, opened if need be (one attempt). Callers that arrive while it opens share the attempt.
    public func session(for device: Device) async throws(DeviceError) -> DeviceSession { fatalError("stub") }
    package func session(for device: Device, credential: String?) async throws(DeviceError) -> DeviceSession { fatalError("stub") }
    /// Whether the device has an open session now.
    package func hasSession(_ device: String) -> Bool { fatalError("stub") }

    /// The device of an ad-hoc target: defaults of the inventory, `platform` if given.
    package func device(for target: Inventory.AdHocTarget, platform: String?) -> Device { fatalError("stub") }
    /// Whether a platform's rules say that the command only reads. `false` for an unknown platform.
    package func isReadOnly(_ command: String, platform: String) -> Bool { fatalError("stub") }
    /// The event loop that a device's session lives on: the same for the life of the client.
    package func eventLoop(for device: String) -> any EventLoop { fatalError("stub") }

    public var inventory: Inventory { fatalError("stub") }
    public var openSessionCount: Int { fatalError("stub") }
    /// Closes a device's session, if it has one.
    public func close(_ device: String) async { fatalError("stub") }
    /// Closes all sessions, in parallel, each within the deadline. The client stays usable.
    public func close(within deadline: Duration = .seconds(5)) async { fatalError("stub") }
}
