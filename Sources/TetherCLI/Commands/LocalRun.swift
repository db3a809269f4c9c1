import Devices
import Jobs
import NIOConcurrencyHelpers
import NIOCore

/// Commands on many devices from this process, told of as a worker tells of a job.
struct LocalRun: Sendable {
    /// Stands in records where there is no job.
    static let job = "run"

    let targets: [String]
    let commands: [DeviceCommand]
    let credential: String?
    let concurrency: Int
    let streams: Bool
    let report: JobReport

    /// - Throws: the exit code, ``CommandFailure``.
    func run(with client: DeviceClient) async throws {
        var own: Credential?
        if let name = self.credential {
            guard let found = client.credential(named: name) else {
                throw CommandFailure(
                    .invalidInput, "Neither the inventory nor the environment has a credential \(name).")
            }
            own = found
        }
        let credential = own
        let resolution = client.inventory.resolve(self.targets)
        self.report.expect(resolution.devices.count + resolution.adHoc.count + resolution.unknown.count)
        let failure = NIOLockedValueBox<(any Error)?>(nil)
        let work = Task { await self.work(with: client, credential, failure) }
        let interruptions = Interruptions {
            work.cancel()
            let tally = self.report.tally
            let rest = (tally.expected ?? 0) - tally.done
            self.report.say(
                "Interrupted: nothing more is started, and what runs is being stopped (\(rest) devices haven't ended). Press Ctrl-C again to end at once."
            )
        }
        let ticks = Task {
            // The time goes on where nothing else happens.
            while self.report.showsProgress, !Task.isCancelled {
                try? await Task.sleep(for: ProgressLine.interval)
                self.report.tick()
            }
        }
        await work.value
        ticks.cancel()
        await ticks.value
        interruptions.stop()
        try self.report.finish()
        if let failure = failure.withLockedValue({ $0 }) { throw failure }
        if interruptions.hasBegun { throw ExitStatus.interrupted.code }
        let status = self.report.tally.status
        if status != .success { throw status.code }
    }

    private func work(
        with client: DeviceClient, _ credential: Credential?, _ failure: NIOLockedValueBox<(any Error)?>
    ) async {
        let tell: @Sendable (TargetResult<SequenceResult>) -> Void = { self.tell($0, client, failure) }
        _ = await client.forEach(self.targets, atMost: self.concurrency, onResult: tell) {
            client, target throws(DeviceError) -> SequenceResult in
            var output: (@Sendable (Int, ByteBuffer) -> Void)?
            if self.streams {
                let records = OutputRecords(device: target, report: self.report, failure: failure)
                output = { index, buffer in records.append(buffer, command: index) }
            }
            return try await client.runSequence(target, self.commands, credential: credential, output: output)
        }
    }

    private func tell(
        _ result: TargetResult<SequenceResult>, _ client: DeviceClient, _ failure: NIOLockedValueBox<(any Error)?>
    ) {
        let platform = client.inventory[result.target]?.platform
        let record = DeviceResult(result) { command in
            platform.map { client.isReadOnly(command, platform: $0) } ?? false
        }
        self.take(.result(record), failure)
    }

    private func take(_ reply: Reply, _ failure: NIOLockedValueBox<(any Error)?>) {
        var bytes: [UInt8] = []
        reply.encode(into: &bytes)
        do {
            try self.report.take(reply, record: bytes)
        } catch {
            failure.withLockedValue { $0 = $0 ?? error }
        }
    }

    /// Output of one device as records.
    ///
    /// Written on the session's event loop: a terminal that has been stopped stops the devices of that loop too, instead of filling this process.
    private final class OutputRecords: Sendable {
        private let device: String
        private let report: JobReport
        private let failure: NIOLockedValueBox<(any Error)?>
        private let sequence = NIOLockedValueBox(0)

        init(device: String, report: JobReport, failure: NIOLockedValueBox<(any Error)?>) {
            self.device = device
            self.report = report
            self.failure = failure
        }

        func append(_ buffer: ByteBuffer, command: Int) {
            let number = self.sequence.withLockedValue { sequence in
                sequence += 1
                return sequence - 1
            }
            let reply = Reply.output(
                Output(
                    job: LocalRun.job, task: DeviceTask.id(job: LocalRun.job, device: self.device), device: self.device,
                    sequence: number, command: command, bytes: Array(buffer.readableBytesView)))
            var bytes: [UInt8] = []
            reply.encode(into: &bytes)
            do {
                try self.report.take(reply, record: bytes)
            } catch {
                self.failure.withLockedValue { $0 = $0 ?? error }
            }
        }
    }
}

extension DeviceResult {
    /// - Parameter onlyReads: whether the platform's list has the command: what only reads is never in doubt.
    fileprivate init(_ result: TargetResult<SequenceResult>, onlyReads: (String) -> Bool) {
        self.init(
            job: LocalRun.job, task: DeviceTask.id(job: LocalRun.job, device: result.target), device: result.target,
            outcome: .succeeded, attempts: 1)
        switch result.result {
        case .failure(let error):
            self.outcome = Outcome(error, onlyReads: true)
            self.error = ErrorDescription(error)
            if error.code == "target.unknown" { self.attempts = 0 }
        case .success(let sequence):
            for step in sequence.steps {
                switch step.outcome {
                case .answered(let answer):
                    var error: ErrorDescription?
                    if let failure = answer.failure {
                        let code: ErrorCode = answer.exitStatus == nil ? .commandRejected : .commandExitStatus
                        error = ErrorDescription(code, failure)
                    }
                    self.commands.append(
                        CommandOutcome(
                            command: answer.command, outcome: error == nil ? .succeeded : .failed,
                            output: answer.output,
                            outputBytes: answer.output.count, exitStatus: answer.exitStatus,
                            endedSession: answer.endedSession, elapsed: answer.elapsed, error: error))
                    self.timing.executed += answer.elapsed
                    if let error { (self.outcome, self.error) = (.failed, error) }
                case .failed(let error):
                    let outcome = Outcome(error, onlyReads: onlyReads(step.command.text))
                    self.commands.append(
                        CommandOutcome(
                            command: step.command.text, outcome: outcome, output: error.partialOutput,
                            outputBytes: error.partialOutput.count, error: ErrorDescription(error)))
                    (self.outcome, self.error) = (outcome, ErrorDescription(error))
                case .notRun: break
                }
            }
        }
    }
}

extension Outcome {
    fileprivate init(_ error: DeviceError, onlyReads: Bool) {
        switch error.code {
        case "target.unknown": self = .rejected
        case _ where error.delivery == .unknown && !onlyReads: self = .unknown
        case "cancelled": self = .cancelled
        default: self = .failed
        }
    }
}

extension ErrorDescription {
    fileprivate init(_ error: DeviceError) {
        self.init(code: error.code, message: error.message, retriable: error.isRetriable, question: error.question)
    }
}
