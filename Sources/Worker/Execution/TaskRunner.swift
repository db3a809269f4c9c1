import Crypto
import Devices
import Jobs
import Kafka
import NIOConcurrencyHelpers
import NIOCore

/// Runs one task on its device's session and says what came of it.
///
/// Runs wherever its caller is isolated: on the lane's event loop, which is the session's too.
struct TaskRunner: Sendable {
    let configuration: WorkerConfiguration
    let client: DeviceClient
    let publisher: ReplyPublisher

    /// - Parameters:
    ///   - begin: called before the first byte of a change; returns when the note that it has begun is safe, throws if it can't be.
    ///   - confirm: called before each command; returns when this worker is known to own the device, false when it doesn't any more.
    ///   - interruption: why the surrounding task was cancelled, if it was.
    func run(
        _ assigned: AssignedTask,
        confirm: () async -> Bool = { true },
        begin: () async throws(KafkaError) -> Void,
        interruption: () -> Interruption?
    ) async -> TaskEnd {
        var run = TaskRun(assigned: assigned, inlineLimit: self.configuration.inlineOutputLimit)
        let device: Device
        do {
            device = try self.device(of: assigned.task)
        } catch {
            return .result(run.result(.rejected, error: error.description))
        }
        let attempts = max(1, self.client.inventory.general.connectionRetries)
        while true {
            run.attempts += 1
            do {
                try await self.attempt(device, run: &run, confirm: confirm, begin: begin)
                return .result(run.result(.succeeded))
            } catch {
                switch error {
                case .rejected(let error):
                    return .result(run.result(.failed, error: error))
                case .notNoted:
                    guard let interruption = interruption() else {
                        return .abandoned(retracted: !run.hasSent || !run.isBegun)
                    }
                    let reason = DeviceError(
                        code: "cancelled", message: "the note that the change begins was not safe in time")
                    return self.end(run, interruption, reason)
                case .device(let error):
                    if let interruption = interruption() { return self.end(run, interruption, error) }
                    guard run.mayTryAgain(after: error), run.attempts < attempts,
                        await self.pause(beforeAttempt: run.attempts + 1)
                    else {
                        if let interruption = interruption() { return self.end(run, interruption, error) }
                        return .result(run.result(run.outcome(of: error), error: error.description))
                    }
                }
            }
        }
    }

    private enum Failure: Error {
        case device(DeviceError)
        /// The device answered, and refused a command.
        case rejected(ErrorDescription)
        /// A change could not be noted as begun, or the device may be another worker's: nothing may be sent.
        case notNoted
    }

    private func attempt(
        _ device: Device,
        run: inout TaskRun,
        confirm: () async -> Bool,
        begin: () async throws(KafkaError) -> Void
    ) async throws(Failure) {
        let task = run.assigned.task
        let outcome: Result<Void, Failure>
        do {
            if let name = task.credential {
                // Another user's session: opened for this task alone, and never the one that other jobs use.
                guard let credential = self.client.credential(named: name) else {
                    throw DeviceError(
                        code: "credential.missing", message: "this worker has no credential named \(name)")
                }
                outcome = try await self.client.withTemporarySession(for: device, credential: credential) { session in
                    await self.perform(on: session, wasOpen: false, run: &run, confirm: confirm, begin: begin)
                }
            } else {
                let wasOpen = self.client.hasSession(device.name)
                outcome = try await self.client.withSession(for: device) { session in
                    let outcome = await self.perform(
                        on: session, wasOpen: wasOpen, run: &run, confirm: confirm, begin: begin)
                    await session.endWork()
                    return outcome
                }
            }
        } catch let error as DeviceError {
            throw .device(error)
        } catch {
            throw .device(DeviceError(code: "internal", message: "\(device.name): an unforeseen error: \(error)"))
        }
        try outcome.get()
    }

    private func perform(
        on session: DeviceSession,
        wasOpen: Bool,
        run: inout TaskRun,
        confirm: () async -> Bool,
        begin: () async throws(KafkaError) -> Void
    ) async -> Result<Void, Failure> {
        run.session = DeviceResult.SessionDescription(id: session.id, reused: wasOpen)
        do throws(Failure) {
            if run.assigned.task.effect == .change && !run.isBegun {
                do {
                    try await begin()
                } catch {
                    throw .notNoted
                }
                run.isBegun = true
            }
            run.beginCommands()
            switch run.assigned.task.operation {
            case .probe:
                do {
                    try await session.probe()
                } catch {
                    throw .device(error)
                }
            case .run(let commands):
                for (index, command) in commands.enumerated() {
                    guard await confirm() else { throw .notNoted }
                    try await self.run(command, index: index, on: session, run: &run)
                }
            }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private func run(_ command: Command, index: Int, on session: DeviceSession, run: inout TaskRun)
        async throws(Failure)
    {
        let task = run.assigned.task
        let started = ContinuousClock.now
        let stream =
            task.stream
            ? OutputStream(
                task: task, command: index, attempt: run.attempts, first: run.nextSequence, publisher: self.publisher,
                eventLoop: session.eventLoop)
            : nil
        var output: (@Sendable (ByteBuffer) -> Void)?
        if let stream { output = { stream.append($0) } }
        let result: CommandResult
        do {
            result = try await session.run(self.deviceCommand(command, of: task), output: output)
        } catch {
            if let stream { run.nextSequence = await stream.finish() }
            if error.delivery != .notSent { run.hasSent = true }
            await self.record(
                CommandOutcome(
                    command: command.text, outcome: run.outcome(of: error), elapsed: .now - started,
                    error: error.description),
                output: error.partialOutput, wasStreamed: stream != nil, index: index, run: &run
            )
            throw .device(error)
        }
        if let stream { run.nextSequence = await stream.finish() }
        run.hasSent = true
        var refusal: ErrorDescription?
        if let failure = result.failure {
            let code = result.exitStatus == nil ? "command.rejected" : "command.exit_status"
            refusal = ErrorDescription(code: code, message: failure, retriable: false)
        }
        await self.record(
            CommandOutcome(
                command: command.text,
                outcome: refusal == nil ? .succeeded : .failed,
                exitStatus: result.exitStatus,
                elapsed: result.elapsed,
                error: refusal
            ),
            output: result.output, wasStreamed: stream != nil, index: index, run: &run
        )
        if let refusal { throw .rejected(refusal) }
    }

    private func deviceCommand(_ command: Command, of task: DeviceTask) -> DeviceCommand {
        // A change's return key waits for the echo: until then it has provably not run. What may be run again is sent at once, which saves a
        // round trip.
        DeviceCommand(command.text, timeout: command.timeout, waitsForEcho: task.effect == .change)
    }

    /// Adds a command's outcome to the run, with its output inline where there is room, else as `output` records.
    private func record(
        _ outcome: CommandOutcome,
        output: [UInt8],
        wasStreamed: Bool,
        index: Int,
        run: inout TaskRun
    ) async {
        var outcome = outcome
        outcome.outputBytes = output.count
        if run.takeInlineRoom(for: output) {
            outcome.output = output
        } else {
            outcome.outputSHA256 = SHA256.hash(data: output).map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
            if !wasStreamed {
                run.nextSequence = await OutputStream.publish(
                    output, of: run.assigned.task, command: index, attempt: run.attempts, first: run.nextSequence,
                    through: self.publisher
                )
            }
        }
        run.commands.append(outcome)
    }

    private func device(of task: DeviceTask) throws(DeviceError) -> Device {
        var device: Device
        if let address = task.address {
            guard self.configuration.allowsAdHocTargets,
                let target = self.client.inventory.resolve([address]).adHoc.first, target.name == task.device
            else {
                throw DeviceError(
                    code: "target.refused", message: "this worker takes only devices of its inventory, not addresses")
            }
            device = self.client.device(for: target, platform: task.platform)
        } else {
            guard let known = self.client.inventory[task.device] else {
                throw DeviceError(code: "target.unknown", message: "\(task.device) isn't in this worker's inventory")
            }
            device = known
            if let platform = task.platform { device.platform = platform }
        }
        return device
    }

    /// Waits before another attempt: exponential from `retry_delay`, with jitter so that a fleet doesn't knock in step. False when cancelled.
    private func pause(beforeAttempt attempt: Int) async -> Bool {
        let base = self.client.inventory.general.retryDelay * (1 << min(attempt - 2, 6))
        do {
            try await Task.sleep(for: base * Double.random(in: 0.5...1.0))
            return true
        } catch {
            return false
        }
    }

    private func end(_ run: TaskRun, _ interruption: Interruption, _ error: DeviceError) -> TaskEnd {
        let mayHaveChanged = run.isBegun && run.hasSent
        switch interruption {
        case .lost:
            return .abandoned(retracted: false)
        case .revoked:
            guard mayHaveChanged else { return .abandoned(retracted: true) }
            let reason = ErrorDescription(
                code: "worker.stopping",
                message:
                    "the device moved to another worker in the middle of a change; look at the device before you repeat it",
                retriable: false
            )
            return .result(run.result(.unknown, error: reason))
        case .cancelled:
            let cut = mayHaveChanged && error.delivery == .unknown
            let what =
                cut
                ? "in the middle of a change; look at the device before you repeat it"
                : run.hasSent ? "after it had started" : "before anything was sent"
            let reason = ErrorDescription(.cancelled, "the job was cancelled \(what)")
            return .result(run.result(cut ? .unknown : .cancelled, error: reason))
        case .expired:
            let cut = mayHaveChanged && error.delivery == .unknown
            let reason = ErrorDescription(
                code: "deadline.exceeded",
                message: cut
                    ? "the deadline passed in the middle of a change; look at the device before you repeat it"
                    : "the deadline passed (\(error.message))",
                retriable: true
            )
            return .result(run.result(cut ? .unknown : .expired, error: reason))
        }
    }
}

/// What is known of a task while it runs.
struct TaskRun: Sendable {
    let assigned: AssignedTask
    var attempts = 0
    /// The change has been noted as begun.
    var isBegun = false
    /// At least one command reached the device.
    var hasSent = false
    var commands: [CommandOutcome] = []
    var session: DeviceResult.SessionDescription?
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
        self.inlineRoom = self.inlineLimit
        if self.commandsBegan == nil { self.commandsBegan = .now }
    }

    mutating func takeInlineRoom(for output: [UInt8]) -> Bool {
        let size = EncodedSize.ofText(output)
        guard size <= self.inlineRoom else { return false }
        self.inlineRoom -= size
        return true
    }

    /// A new attempt is only ever made when nothing of a change reached the device, or when running it again does no harm.
    func mayTryAgain(after error: DeviceError) -> Bool {
        guard error.isRetriable else { return false }
        return self.assigned.task.effect != .change || (!self.hasSent && error.delivery == .notSent)
    }

    func outcome(of error: DeviceError) -> Outcome {
        self.assigned.task.effect == .change && error.delivery == .unknown ? .unknown : .failed
    }

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
            commands: self.commands,
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
        ErrorDescription(code: self.code, message: self.message, retriable: self.isRetriable)
    }
}

extension TaskEnd {
    /// The end of a task that was cancelled while it waited.
    static func cancelledBeforeStart(_ assigned: AssignedTask) -> TaskEnd {
        let reason = ErrorDescription(.cancelled, "the job was cancelled before anything was sent")
        return .result(TaskRun(assigned: assigned, inlineLimit: 0).result(.cancelled, error: reason))
    }
}
