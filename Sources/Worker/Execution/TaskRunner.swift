import Devices
import Jobs
import Kafka
import NIOCore

/// Runs one task on its device's session and says what came of it. Each group of operations is an extension of its own.
///
/// Runs wherever its caller is isolated: on the lane's event loop, which is the session's too.
struct TaskRunner: Sendable {
    let configuration: WorkerConfiguration
    let client: DeviceClient
    let publisher: ReplyPublisher
    let metrics: WorkerMetrics

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
        if let denial = self.denial(of: assigned.task, on: device) {
            return .result(run.result(.rejected, error: ErrorDescription(.policyDenied, denial.message)))
        }
        run.outputLimit = assigned.task.source.flatMap { self.configuration.policy?.current.topics[$0]?.limits.output }
        if case .close = assigned.task.operation {
            run.attempts = 1
            await self.client.close(device.name)
            return .result(run.result(.succeeded))
        }
        var files: TaskFiles
        do throws(DeviceError) {
            let deadline = NIODeadline.now() + TimeAmount(assigned.deadline - .now)
            files = try await TaskFiles.prepare(for: assigned.task, self.configuration, deadline: deadline)
        } catch {
            if let interruption = interruption() { return self.end(run, interruption, error) }
            return .result(
                run.result(TaskFiles.isRefusal(error) ? .rejected : .failed, error: error.description))
        }
        let end = await self.run(
            device, run: &run, files: &files, confirm: confirm, begin: begin, interruption: interruption)
        await files.remove()
        return end
    }

    private func run(
        _ device: Device,
        run: inout TaskRun,
        files: inout TaskFiles,
        confirm: () async -> Bool,
        begin: () async throws(KafkaError) -> Void,
        interruption: () -> Interruption?
    ) async -> TaskEnd {
        let attempts = max(1, self.client.inventory.general.connectionRetries)
        while true {
            run.attempts += 1
            do {
                try await self.attempt(device, run: &run, files: &files, confirm: confirm, begin: begin)
                return .result(run.result(.succeeded))
            } catch {
                switch error {
                case .rejected(let error):
                    return .result(run.result(.failed, error: error))
                case .notNoted:
                    guard let interruption = interruption() else {
                        return .abandoned(retracted: !run.mayHaveChanged)
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

    enum Failure: Error {
        case device(DeviceError)
        /// The device answered, and refused a command.
        case rejected(ErrorDescription)
        /// A change could not be noted as begun, or the device may be another worker's: nothing may be sent.
        case notNoted
    }

    private func attempt(
        _ device: Device,
        run: inout TaskRun,
        files: inout TaskFiles,
        confirm: () async -> Bool,
        begin: () async throws(KafkaError) -> Void
    ) async throws(Failure) {
        let task = run.assigned.task
        let trace = run.assigned.trace
        let start = ContinuousClock.now
        var hasSession = false
        let outcome: Result<Void, Failure>
        do {
            if let chosen = task.credential {
                // Another user's session: opened for this task alone, and never the one that other jobs use.
                let credential = try self.credential(chosen, of: task)
                outcome = try await self.client.withTemporarySession(for: device, credential: credential) { session in
                    trace?.record("login", .client, from: start, attributes: TaskTrace.address(of: device))
                    hasSession = true
                    return await self.perform(
                        on: session, wasOpen: false, run: &run, files: &files, confirm: confirm, begin: begin)
                }
            } else {
                let wasOpen = self.client.hasSession(device.name)
                outcome = try await self.client.withSession(for: device) { session in
                    if !wasOpen {
                        trace?.record("login", .client, from: start, attributes: TaskTrace.address(of: device))
                    }
                    hasSession = true
                    let outcome = await self.perform(
                        on: session, wasOpen: wasOpen, run: &run, files: &files, confirm: confirm, begin: begin)
                    await session.endWork()
                    return outcome
                }
            }
        } catch let error as DeviceError {
            if !hasSession {
                trace?.record(
                    "login", .client, from: start, error: error.description, attributes: TaskTrace.address(of: device))
            }
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
        files: inout TaskFiles,
        confirm: () async -> Bool,
        begin: () async throws(KafkaError) -> Void
    ) async -> Result<Void, Failure> {
        run.session = DeviceResult.SessionDescription(id: session.id, reused: wasOpen)
        do throws(Failure) {
            if case .steps(let steps) = run.assigned.task.operation {
                run.beginCommands()
                try await self.perform(
                    steps, on: session, run: &run, files: &files, confirm: confirm, begin: begin)
            } else {
                try await self.noteBeginning(&run, begin)
                run.beginCommands()
                try await self.perform(
                    run.assigned.task.operation, 0, on: session, run: &run, files: &files, confirm: confirm)
            }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// Steps in order, until one fails. What only reads comes before the note that a change begins, as far as it stands before the first change.
    private func perform(
        _ steps: [Jobs.Operation],
        on session: DeviceSession,
        run: inout TaskRun,
        files: inout TaskFiles,
        confirm: () async -> Bool,
        begin: () async throws(KafkaError) -> Void
    ) async throws(Failure) {
        let effects = steps.map { step in
            step.defaultEffect { self.client.isReadOnly($0, platform: session.device.platform) }
        }
        // A job that is a change by its own word alone is one from the start.
        let firstChange = effects.firstIndex(of: .change) ?? 0
        var outcomes: [StepOutcome] = []
        for (index, step) in steps.enumerated() {
            if index >= firstChange { try await self.noteBeginning(&run, begin) }
            var outcome = StepOutcome(type: step.type, outcome: .succeeded, firstCommand: run.commands.count)
            run.detail = nil
            var failure: Failure?
            do throws(Failure) {
                try await self.perform(step, index, on: session, run: &run, files: &files, confirm: confirm)
            } catch {
                failure = error
                switch error {
                case .rejected(let error): (outcome.outcome, outcome.error) = (.failed, error)
                case .device(let error): (outcome.outcome, outcome.error) = (run.outcome(of: error), error.description)
                case .notNoted: outcome.outcome = .cancelled
                }
            }
            outcome.commandCount = run.commands.count - outcome.firstCommand
            outcome.detail = run.detail
            outcomes.append(outcome)
            run.detail = .steps(outcomes)
            if let failure { throw failure }
        }
    }

    /// - Throws: `notNoted`.
    private func noteBeginning(
        _ run: inout TaskRun, _ begin: () async throws(KafkaError) -> Void
    ) async throws(Failure) {
        guard run.assigned.task.effect == .change, !run.isBegun else { return }
        do {
            try await begin()
        } catch {
            throw .notNoted
        }
        run.isBegun = true
    }

    /// One operation that is not made of others.
    /// - Parameter index: its position among the steps.
    private func perform(
        _ operation: Jobs.Operation,
        _ index: Int,
        on session: DeviceSession,
        run: inout TaskRun,
        files: inout TaskFiles,
        confirm: () async -> Bool
    ) async throws(Failure) {
        switch operation {
        case .run(let commands): return try await self.run(commands, on: session, run: &run, confirm: confirm)
        case .sequence(let sequence):
            guard !sequence.commands.isEmpty else {
                throw .device(
                    DeviceError(
                        code: "operation.unsupported",
                        message: "\(session.device.name): the task has no commands for the sequence \(sequence.name)"))
            }
            return try await self.run(sequence.commands, on: session, run: &run, confirm: confirm)
        case .configure, .upload, .download, .backup, .diff, .check, .probe, .close, .steps: break
        }
        guard await confirm() else { throw .notNoted }
        switch operation {
        case .configure(let configure): try await self.configure(configure, on: session, run: &run)
        case .upload(let upload):
            try await self.upload(upload, from: files.sources[index], on: session, run: &run)
        case .download(let download):
            try await self.download(download, index, on: session, run: &run, files: &files)
        case .backup: try await self.backup(index, on: session, run: &run, files: &files)
        case .diff(let diff): try await self.diff(diff, files.baselines[index], on: session, run: &run)
        case .check(let assertions): try await self.check(assertions, on: session, run: &run)
        case .probe:
            do throws(DeviceError) { try await session.probe() } catch { throw .device(error) }
        case .run, .sequence, .close, .steps: break
        }
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

    /// The owner's own word. The router asked the same when it made the task, but the policy may have become another one since.
    private func denial(of task: DeviceTask, on device: Device) -> PolicyDenial? {
        guard let policy = self.configuration.policy?.current else { return nil }
        let inventory = self.client.inventory
        let target: PolicyTarget
        var platforms = [device.platform]
        if let address = task.address, let adHoc = inventory.adHocTarget(address) {
            target = PolicyTarget(adHoc, in: inventory)
            platforms.append(inventory[adHoc.name]?.platform ?? inventory.defaultPlatform)
        } else {
            target = PolicyTarget(device, in: inventory)
            if let own = inventory[task.device]?.platform { platforms.append(own) }
        }
        return policy.denial(
            of: task, on: Set(platforms).map { PolicyPlatform($0, self.client.platform(named: $0)) }, target)
    }

    /// Waits before another attempt: exponential from `retry_delay`, with jitter so that a fleet doesn't knock in step. False when cancelled.
    private func pause(beforeAttempt attempt: Int) async -> Bool {
        let delay = self.client.inventory.general.retryDelay
        do {
            try await Task.sleep(for: Backoff(base: delay, maximum: delay * 64).pause(after: attempt - 1))
            return true
        } catch {
            return false
        }
    }

    private func end(_ run: TaskRun, _ interruption: Interruption, _ error: DeviceError) -> TaskEnd {
        let mayHaveChanged = run.mayHaveChanged
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
