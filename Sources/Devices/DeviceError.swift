import SSH

/// Why something on a device failed.
public struct DeviceError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A stable dotted code (`connect.refused`, `auth.failed`, `session.lost`, `prompt.timeout`, `command.timeout`, `privilege.denied`, `target.unknown`, …).
    public let code: String
    /// A sentence that a person can act on. Holds no secret.
    public let message: String
    /// Whether the command reached the device.
    public let delivery: Delivery
    /// The command was stopped, and the device has proven to be in step again: the session goes on. `false` where the session is closed, or the
    /// error has nothing to do with it.
    public var sessionIsInStep: Bool
    /// The question that the device put and nobody had an answer for, with the code `dialogue.question`.
    public var question: String?
    /// What the device had sent when it ended.
    public var partialOutput: [UInt8]

    public enum Delivery: Sendable, Hashable {
        /// Provably not: its return key was never sent. It may be tried again.
        case notSent
        /// It was; the device answered.
        case answered
        /// It was sent, and there is no complete answer.
        case unknown
    }

    public init(
        code: String,
        message: String,
        delivery: Delivery = .notSent,
        sessionIsInStep: Bool = false,
        question: String? = nil,
        partialOutput: [UInt8] = []
    ) {
        self.code = code
        self.message = message
        self.delivery = delivery
        self.sessionIsInStep = sessionIsInStep
        self.question = question
        self.partialOutput = partialOutput
    }

    init(_ error: SSHError, device: String, delivery: Delivery = .notSent, partialOutput: [UInt8] = []) {
        self.init(
            code: error.code.rawValue,
            message: "\(device): \(error.message)",
            delivery: delivery,
            partialOutput: partialOutput
        )
    }

    public var description: String { "\(self.code): \(self.message)" }

    /// Whether opening the session anew may help: never for refused credentials or host keys, or mistakes in the inventory.
    ///
    /// Says nothing about whether the command may be sent again: that is `delivery`'s.
    public var isRetriable: Bool {
        switch self.code {
        case "connect.unresolved", "connect.refused", "connect.timeout", "connect.failed", "ssh.handshake",
            "ssh.channel",
            "session.lost", "session.closed", "session.limit", "prompt.timeout", "command.timeout", "device.paused",
            "credential.unavailable":
            true
        default: false
        }
    }
}

extension DeviceError {
    static func cancelled(_ device: String) -> DeviceError {
        DeviceError(code: "cancelled", message: "\(device): the caller was cancelled")
    }

    static func sessionClosed(_ device: String) -> DeviceError {
        DeviceError(code: "session.closed", message: "\(device): the session was closed")
    }

    static let clientClosed = DeviceError(
        code: "client.closed",
        message: "the client has been closed: make a new one, or keep the work inside `withClient`"
    )
}
