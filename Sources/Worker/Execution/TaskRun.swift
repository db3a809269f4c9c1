import Devices
import Jobs

/// What is known of a task while it runs.
struct TaskRun: Sendable {
    let assigned: AssignedTask
    var attempts = 0
    /// The change has been noted as begun.
    var isBegun = false
    /// At least one command reached the device.
    var hasSent = false { didSet { if self.isBegun && self.hasSent { self.mayHaveChanged = true } } }
    /// At least one of those that may change something did.
    private(set) var mayHaveChanged = false
    var commands: [CommandOutcome] = []
    var detail: OperationDetail?
    var session: DeviceResult.SessionDescription?
    /// Bytes of output that the task's commands may print together; `nil`: as many as the worker takes from one command.
    var outputLimit: Int?
    /// Of the next `output` record.
    var nextSequence = 0
    private var inlineRoom: Int
    private let inlineLimit: Int
    private var commandsBegan: ContinuousClock.Instant?

    init(assigned: AssignedTask, inlineLimit: Int) {
        self.assigned = assigned
        self.inlineLimit = inlineLimit
        self.inlineRoom = inlineLimit
    }

    /// An attempt's commands start from the first: what an earlier attempt got is void.
    mutating func beginCommands() {
        self.commands = []
        self.detail = nil
        self.inlineRoom = self.inlineLimit
        if self.commandsBegan == nil { self.commandsBegan = .now }
    }

    /// Bytes that may still be printed; `nil`: without bound.
    var outputRoom: Int? {
        self.outputLimit.map { limit in max(0, limit - self.commands.reduce(0) { $0 + $1.outputBytes }) }
    }

    /// - Parameter command: what stands in the result beside the output.
    mutating func takeInlineRoom(for output: [UInt8], of command: String = "") -> Bool {
        let size = EncodedSize.ofText(output) + EncodedSize.ofText(command.utf8)
        guard output.isEmpty || size <= self.inlineRoom else { return false }
        self.inlineRoom = max(0, self.inlineRoom - size)
        return true
    }

    /// As much of a text as there is room for in the result, cut at the end of a line.
    mutating func takeInlineText(_ text: String) -> (text: String, isCut: Bool) {
        if self.takeInlineRoom(for: Array(text.utf8)) { return (text, false) }
        // Half of what is left, as an escape takes two bytes at least as often as it takes more.
        var kept = text.utf8.prefix(self.inlineRoom / 2)
        while let last = kept.last, last != UInt8(ascii: "\n") { kept.removeLast() }
        _ = self.takeInlineRoom(for: Array(kept))
        return (String(decoding: kept, as: UTF8.self), true)
    }

    /// A new attempt is only ever made when nothing of a change reached the device, or when running it again does no harm.
    func mayTryAgain(after error: DeviceError) -> Bool {
        guard error.isRetriable else { return false }
        guard self.assigned.task.effect == .change, self.isBegun else { return true }
        return !self.mayHaveChanged && error.delivery == .notSent
    }

    func outcome(of error: DeviceError) -> Outcome {
        self.isBegun && error.delivery == .unknown ? .unknown : .failed
    }

    /// The commands, for the result: whole, unless they alone would take it past the limit of a record. The requester has their text already.
    private var shownCommands: [CommandOutcome] {
        let bytes = self.commands.reduce(0) { $0 + EncodedSize.ofText($1.command.utf8) }
        guard bytes > self.inlineLimit / 2 else { return self.commands }
        return self.commands.map { outcome in
            guard outcome.command.utf8.count > Self.maximumShownCommand else { return outcome }
            var outcome = outcome
            outcome.command =
                String(decoding: outcome.command.utf8.prefix(Self.maximumShownCommand), as: UTF8.self) + "…"
            return outcome
        }
    }

    private static let maximumShownCommand = 100

    func result(_ outcome: Outcome, error: ErrorDescription? = nil) -> DeviceResult {
        let now = ContinuousClock.now
        let began = self.commandsBegan ?? now
        let task = self.assigned.task
        return DeviceResult(
            job: task.job,
            task: task.id,
            device: task.device,
            outcome: outcome,
            error: error,
            commands: self.shownCommands,
            detail: self.detail,
            attempts: self.attempts,
            session: self.session,
            timing: DeviceResult.Timing(
                queued: self.assigned.queued,
                waited: began - self.assigned.taken,
                executed: now - began
            ),
            redelivered: self.assigned.mayHaveRun,
            labels: task.labels
        )
    }
}

extension DeviceError {
    var description: ErrorDescription {
        ErrorDescription(
            code: self.code, message: self.message,
            retriable: self.isRetriable || ErrorCode(self.code)?.isRetriable == true, question: self.question)
    }
}

extension TaskEnd {
    /// The end of a task that was cancelled while it waited.
    static func cancelledBeforeStart(_ assigned: AssignedTask) -> TaskEnd {
        let reason = ErrorDescription(.cancelled, "the job was cancelled before anything was sent")
        return .result(TaskRun(assigned: assigned, inlineLimit: 0).result(.cancelled, error: reason))
    }
}
