import Dialogue
import NIOCore

/// A request to a session, and who waits for its answer.
///
/// Safety: what never changes is `Sendable`. The continuation is set by the caller before anybody else knows the request, and the request then
/// belongs to the session's event loop, where alone everything that changes is touched. Nor is exclusive access checked there: each is a read or a replacement.
final class PendingCommand: QueuedRequest, @unchecked Sendable {
    typealias Answer = Result<CommandResult, DeviceError>
    enum Kind { case command, probe, keepalive, mode, turn }

    let id: UInt64
    /// The turn that it belongs to.
    let turn: UInt64?
    let kind: Kind
    /// For `mode`, its text is the mode's name.
    let command: DeviceCommand
    let options: CommandOptions
    /// It is a turn of its own, and its caller holds a lease: see `DeviceSession.runAlone`.
    let isAlone: Bool
    let isLeased: Bool
    let output: (@Sendable (ByteBuffer) -> Void)?
    @exclusivity(unchecked) private var continuation: UnsafeContinuation<Answer, Never>?
    /// Set when the caller is cancelled before the request has come in.
    @exclusivity(unchecked) var isCancelled = false

    init(
        id: UInt64, turn: UInt64?, kind: Kind, command: DeviceCommand, options: CommandOptions, isAlone: Bool,
        isLeased: Bool,
        output: (@Sendable (ByteBuffer) -> Void)?
    ) {
        self.id = id
        self.turn = turn
        self.kind = kind
        self.command = command
        self.options = options
        self.isAlone = isAlone
        self.isLeased = isLeased
        self.output = output
    }

    deinit { assert(self.continuation == nil, "a request was forgotten") }

    /// Asks the device for nothing but a new prompt.
    var isProbe: Bool { self.kind == .probe || self.kind == .keepalive }
    var changesMode: Bool { self.kind == .mode }

    /// To be called once, before the request is handed over to the loop.
    func answer(to continuation: UnsafeContinuation<Answer, Never>) { self.continuation = continuation }

    /// Only the first answer counts.
    func resume(returning answer: Answer) {
        guard let continuation = self.continuation else { return assertionFailure("a request was answered twice") }
        self.continuation = nil
        continuation.resume(returning: answer)
    }
}
