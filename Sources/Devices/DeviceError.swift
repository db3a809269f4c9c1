/// Why something on a device failed.
public struct DeviceError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A stable dotted code (`connect.refused`, `auth.failed`, `session.lost`, `prompt.timeout`, `command.rejected`, `privilege.denied`, `target.unknown`, …).
    public let code: String
    /// A sentence that a person can act on. Holds no secret.
    public let message: String
    /// Whether the command reached the device.
    public let delivery: Delivery
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

    public init(code: String, message: String, delivery: Delivery = .notSent, partialOutput: [UInt8] = []) {
        self.code = code
        self.message = message
        self.delivery = delivery
        self.partialOutput = partialOutput
    }

    public var description: String { "\(self.code): \(self.message)" }

    /// Whether opening the session anew may help: never for refused credentials or host keys, or mistakes in the inventory.
    public var isRetriable: Bool { fatalError("stub") }
}
