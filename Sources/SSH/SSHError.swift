/// Why an SSH operation failed.
public struct SSHError: Error, Sendable, CustomStringConvertible {
    /// A stable code. Its text is part of Tether's contract and never changes its meaning.
    public struct Code: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public var description: String { self.rawValue }

        /// No address for the host name.
        public static let unresolved = Code(rawValue: "connect.unresolved")
        /// The host refused the TCP connection.
        public static let refused = Code(rawValue: "connect.refused")
        /// No TCP connection within the time-out.
        public static let connectTimeout = Code(rawValue: "connect.timeout")
        /// The TCP connection failed in another way (no route, reset, no file descriptor left).
        public static let connectFailed = Code(rawValue: "connect.failed")
        /// The peer isn't an SSH 2 server, or broke off during key exchange, or was silent past the time-out.
        public static let handshake = Code(rawValue: "ssh.handshake")
        /// No common algorithm. The message names the class and what each side offered.
        public static let algorithms = Code(rawValue: "ssh.algorithms")
        /// The host's key isn't known, and the policy is `strict`.
        public static let hostKeyUnknown = Code(rawValue: "hostkey.unknown")
        /// The host shows another key than the known one.
        public static let hostKeyChanged = Code(rawValue: "hostkey.changed")
        /// The server took none of the offered credentials. Final: never retried.
        public static let authenticationFailed = Code(rawValue: "auth.failed")
        /// The user's password has expired: the server wants a new one before it lets the user in. Final: never retried.
        public static let passwordExpired = Code(rawValue: "auth.password_expired")
        /// A private key could not be read: no such file, unknown format, or a wrong passphrase. Final: never retried.
        public static let authenticationKey = Code(rawValue: "auth.key")
        /// The server didn't finish authentication within the time-out.
        public static let authenticationTimeout = Code(rawValue: "auth.timeout")
        /// The server refused a channel, a terminal, a shell or a command.
        public static let channelRefused = Code(rawValue: "ssh.channel")
        /// The server offers no file transfer of the asked kind.
        public static let transferRefused = Code(rawValue: "transfer.refused")
        /// The file, or the folder it is to go to, doesn't exist.
        public static let transferNoSuchFile = Code(rawValue: "transfer.no_such_file")
        /// The file or its folder may not be read or written.
        public static let transferDenied = Code(rawValue: "transfer.denied")
        /// The receiving side has no room left.
        public static let transferNoSpace = Code(rawValue: "transfer.no_space")
        /// The transfer failed in another way: the message holds the peer's words.
        public static let transferFailed = Code(rawValue: "transfer.failed")
        /// The other side showed no progress for as long as the transfer allows.
        public static let transferTimeout = Code(rawValue: "transfer.timeout")
        /// The bytes aren't those that the caller's hash stands for.
        public static let transferMismatch = Code(rawValue: "transfer.mismatch")
        /// Fewer or more bytes arrived than the file has.
        public static let transferIncomplete = Code(rawValue: "transfer.incomplete")
        /// The connection broke, or the peer went silent.
        public static let sessionLost = Code(rawValue: "session.lost")
        /// This side closed the connection.
        public static let sessionClosed = Code(rawValue: "session.closed")
        /// The caller was cancelled.
        public static let cancelled = Code(rawValue: "cancelled")
    }

    public let code: Code
    /// A sentence that a person can act on. Holds no secret.
    public let message: String
    /// How many credentials the server was shown before the connection failed while signing on: what it may have counted as
    /// failed attempts, and locks accounts by. 0 for errors of every other phase.
    public internal(set) var authenticationAttempts = 0

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(self.code): \(self.message)" }
}
