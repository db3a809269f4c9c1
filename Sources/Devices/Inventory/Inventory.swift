/// Devices, groups and tags. Immutable: a reload makes a new one.
public struct Inventory: Sendable {
    /// `general:` of the inventory file: `timeout`, `connection_retries`, `retry_delay`, `ssh_strict_host_key_checking`.
    public struct General: Sendable, Hashable {
        /// Default time limit of a command.
        public var timeout: Duration
        /// Attempts to open a session, in all.
        public var connectionRetries: Int
        /// Base of the exponential pause between attempts.
        public var retryDelay: Duration
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

    public let general: General
    public var deviceNames: [String] { fatalError("stub") }
    public subscript(_ name: String) -> Device? { fatalError("stub") }

    public init(general: General = General(), devices: [Device], groups: [String: Set<String>] = [:]) throws(InventoryError) { fatalError("stub") }
    /// Reads one YAML file, or every `*.yaml`/`*.yml` of a directory as one inventory.
    public init(path: String) throws(InventoryError) { fatalError("stub") }

    /// What a list of target expressions stands for: device names without repetition in inventory order, ad-hoc targets, and the
    /// expressions that stand for nothing.
    public func resolve(_ targets: [String]) -> Resolution { fatalError("stub") }

    public struct Resolution: Sendable, Hashable {
        public var devices: [String]
        /// Ad-hoc targets (`user@host:port`, `[v6]:port`, with a user or a port, or an IP literal), parsed.
        public var adHoc: [AdHocTarget]
        public var unknown: [String]
    }

    /// `user@host:port` as written in a job.
    public struct AdHocTarget: Sendable, Hashable {
        /// The expression as written.
        public var expression: String
        public var user: String?
        public var host: String
        public var port: Int
        /// The device identity: `host:port`, IPv6 in brackets, host in lower case.
        public var name: String
    }
}

/// What to do about host keys: three real policies.
public enum HostKeyPolicy: String, Sendable, Hashable {
    /// The key must be known.
    case strict
    /// An unknown key is learned; a changed one is refused.
    case acceptNew = "accept_new"
    case off
}

/// A mistake in an inventory, with its place.
public struct InventoryError: Error, Sendable, Hashable, CustomStringConvertible {
    public let file: String?
    public let line: Int?
    /// Names the field (`devices.router1.port`), what is wrong and what would be right.
    public let message: String

    public init(file: String? = nil, line: Int? = nil, message: String) {
        self.file = file
        self.line = line
        self.message = message
    }
    public var description: String {
        ([self.file, self.line.map(String.init)].compactMap { $0 } + [self.message]).joined(separator: ":")
    }
}
