import Crypto
import Devices
import Jobs
import NIOConcurrencyHelpers
import NIOCore
import Tracing

/// `run`, `sequence` and `check`.
extension TaskRunner {
    func run(
        _ commands: [Command],
        on session: DeviceSession,
        run: inout TaskRun,
        confirm: () async -> Bool
    ) async throws(Failure) {
        for (index, command) in commands.enumerated() {
            guard await confirm() else { throw .notNoted }
            let endedSession = try await self.run(command, on: session, run: &run)
            guard endedSession, index + 1 < commands.count else { continue }
            throw .rejected(
                ErrorDescription(
                    code: "session.closed",
                    message:
                        "\(session.device.name): the device ended the session, as the job says; give what comes after it in a job of its own",
                    retriable: false))
        }
    }

    /// - Returns: whether the device ended the session, as it was to.
    private func run(
        _ command: Command, on session: DeviceSession, run: inout TaskRun
    ) async throws(Failure) -> Bool {
        let task = run.assigned.task
        let index = run.commands.count
        let started = ContinuousClock.now
        let stream =
            task.stream
            ? OutputStream(
                task: task, command: index, attempt: run.attempts, first: run.nextSequence, publisher: self.publisher,
                eventLoop: session.eventLoop)
            : nil
        var output: (@Sendable (ByteBuffer) -> Void)?
        if let stream {
            let room = NIOLockedValueBox(run.outputRoom ?? .max)
            output = { piece in
                let fits = room.withLockedValue { room in
                    guard piece.readableBytes <= room else {
                        room = 0
                        return false
                    }
                    room -= piece.readableBytes
                    return true
                }
                if fits { stream.append(piece) }
            }
        }
        let result: CommandResult
        do {
            result = try await session.run(DeviceCommand(command, of: task), output: output)
        } catch {
            if let stream { run.nextSequence = await stream.finish() }
            if error.delivery != .notSent { run.hasSent = true }
            await self.record(
                CommandOutcome(
                    command: command.text, outcome: run.outcome(of: error), elapsed: .now - started,
                    error: error.description),
                output: error.partialOutput, wasStreamed: stream != nil, run: &run
            )
            throw .device(error)
        }
        if let stream { run.nextSequence = await stream.finish() }
        run.hasSent = true
        try await self.checkRoom(for: result.output, of: command.text, result.elapsed, &run)
        let refusal = result.refusal
        await self.record(result, error: refusal, wasStreamed: stream != nil, run: &run)
        if let refusal { throw .rejected(refusal) }
        return result.endedSession
    }

    func check(_ assertions: [Assertion], on session: DeviceSession, run: inout TaskRun) async throws(Failure) {
        let task = run.assigned.task
        let checked = assertions.map {
            OutputAssertion(DeviceCommand($0.command, of: task), $0.condition, name: $0.name)
        }
        let result: CheckResult
        do throws(DeviceError) {
            result = try await session.check(checked)
        } catch {
            if error.delivery != .notSent { run.hasSent = true }
            throw .device(error)
        }
        run.hasSent = true
        let findings = result.findings.map { finding in
            CheckDetail.Finding(
                name: finding.assertion.name, command: finding.assertion.command.text,
                failure: finding.failure.map { run.takeInlineText($0).text })
        }
        for answer in result.results {
            try await self.checkRoom(for: answer.output, of: answer.command, answer.elapsed, &run)
        }
        run.detail = .check(CheckDetail(findings))
        for answer in result.results { await self.record(answer, error: answer.refusal, run: &run) }
        let failures = findings.filter { $0.failure != nil }
        guard let first = failures.first else { return }
        let what = first.name.map { "\($0): " } ?? ""
        let others = failures.count > 1 ? "; and \(failures.count - 1) more of \(findings.count)" : ""
        throw .rejected(
            ErrorDescription(
                .checkFailed, "\(session.device.name): \(what)\(String((first.failure ?? "").prefix(300)))\(others)"))
    }

    // MARK: Recording

    /// What the policy of the job's topic doesn't allow to be sent, isn't.
    /// - Throws: `output.too_large`.
    func checkRoom(
        for output: [UInt8], of command: String, _ elapsed: Duration, _ run: inout TaskRun
    ) async throws(Failure) {
        guard let room = run.outputRoom, output.count > room else { return }
        let error = ErrorDescription(
            .outputTooLarge,
            "\(run.assigned.task.device): the policy allows \(run.outputLimit ?? 0) bytes of output for a task (limits.output), and this command's \(output.count) are more than are left"
        )
        var outcome = CommandOutcome(command: command, outcome: .failed, elapsed: elapsed, error: error)
        outcome.outputBytes = output.count
        outcome.outputSHA256 = SHA256.hash(data: output).hexadecimal
        run.commands.append(outcome)
        throw .rejected(error)
    }

    /// Adds an answer of the device to the run.
    func record(
        _ answer: CommandResult, error: ErrorDescription? = nil, wasStreamed: Bool = false, run: inout TaskRun
    ) async {
        await self.record(
            CommandOutcome(
                command: answer.command,
                outcome: error == nil ? .succeeded : .failed,
                exitStatus: answer.exitStatus,
                endedSession: answer.endedSession,
                elapsed: answer.elapsed,
                error: error
            ),
            output: answer.output, wasStreamed: wasStreamed, run: &run
        )
    }

    /// Adds a command's outcome to the run, with its output inline where there is room, else as `output` records.
    func record(
        _ outcome: CommandOutcome,
        output: [UInt8],
        wasStreamed: Bool = false,
        run: inout TaskRun
    ) async {
        self.metrics.command(outcome.outcome, outcome.elapsed)
        if let trace = run.assigned.trace { self.trace(outcome, as: run.commands.count, of: run.assigned.task, trace) }
        var outcome = outcome
        outcome.outputBytes = output.count
        if run.takeInlineRoom(for: output, of: outcome.command) {
            outcome.output = output
        } else {
            outcome.outputSHA256 = SHA256.hash(data: output).hexadecimal
            if !wasStreamed {
                run.nextSequence = await OutputStream.publish(
                    output, of: run.assigned.task, command: run.commands.count, attempt: run.attempts,
                    first: run.nextSequence, through: self.publisher)
            }
        }
        run.commands.append(outcome)
    }

    private func trace(_ outcome: CommandOutcome, as index: Int, of task: DeviceTask, _ trace: TaskTrace) {
        let end = ContinuousClock.now
        var attributes: SpanAttributes = ["tether.command.index": .int64(Int64(index))]
        // What changes something may hold a secret. What only reads doesn't.
        if task.effect == .read { attributes["tether.command"] = outcome.command }
        if let status = outcome.exitStatus { attributes["process.exit.code"] = Int(status) }
        trace.record(
            "command", .client, from: end - outcome.elapsed, to: end, error: outcome.error, attributes: attributes)
    }
}

extension CommandResult {
    /// Why the device's answer makes the command a failure.
    var refusal: ErrorDescription? {
        self.failure.map { failure in
            let code = self.exitStatus == nil ? "command.rejected" : "command.exit_status"
            return ErrorDescription(code: code, message: failure, retriable: false)
        }
    }
}

extension DeviceCommand {
    init(_ command: Command, of task: DeviceTask) {
        // A change's return key waits for the echo: until then it has provably not run. What may be run again is sent at once, which saves a
        // round trip.
        self.init(
            command.text, timeout: command.timeout, mode: command.mode, answers: command.answers.map { Answer($0) },
            failurePatterns: command.failurePatterns, endsSession: command.endsSession,
            waitsForEcho: task.effect == .change)
    }
}

extension DeviceCommand.Answer {
    init(_ answer: Jobs.Answer) {
        let reply: Reply =
            switch answer.reply {
            case .text(let text): .text(text)
            case .credential(.enable): .enableSecret
            case .credential(.login): .loginPassword
            }
        self.init(reply, to: answer.question, pressesReturn: answer.pressesReturn, repeats: answer.repeats)
    }
}

extension OutputAssertion {
    init(_ command: DeviceCommand, _ condition: Assertion.Condition, name: String?) {
        let condition: Condition =
            switch condition {
            case .contains(let text): .contains(text)
            case .doesNotContain(let text): .doesNotContain(text)
            case .matches(let pattern): .matches(pattern)
            case .doesNotMatch(let pattern): .doesNotMatch(pattern)
            case .equals(let text): .equals(text)
            }
        self.init(command, condition, name: name)
    }
}
