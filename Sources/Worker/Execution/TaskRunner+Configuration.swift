import Crypto
import Devices
import Jobs

/// `configure`, `backup` and `diff`.
extension TaskRunner {
    /// Lines of a longer change stand in the result only where the device had something to say to them: a result must fit under the broker's limit.
    private static let maximumRecordedLines = 1000

    func configure(
        _ configure: Jobs.Operation.Configure, on session: DeviceSession, run: inout TaskRun
    ) async throws(Failure) {
        guard let change = ConfigurationChange(configure) else {
            return try await self.confirm(configure, session, &run)
        }
        let result: ConfigurationResult
        do throws(DeviceError) {
            result = try await session.configure(change)
        } catch {
            // Thrown only when nothing was configured.
            throw .device(error)
        }
        if !result.lines.isEmpty || result.error.map({ $0.delivery != .notSent }) ?? false { run.hasSent = true }
        let taken = result.lines.count { $0.failure == nil }
        var detail = ConfigureDetail(state: .init(result.state), lines: taken, isSaved: result.isSaved)
        detail.diff = result.diff.map { run.takeInlineText($0).text }
        if let index = result.lines.firstIndex(where: { $0.failure != nil }) {
            detail.failedLine = .init(index: index, line: result.lines[index].command)
        } else if result.error != nil, result.lines.count < change.lines.count {
            // The line whose answer never came.
            detail.failedLine = .init(index: result.lines.count, line: change.lines[result.lines.count])
        }
        run.detail = .configure(detail)
        let recordsAll = result.lines.count <= Self.maximumRecordedLines
        for answer in result.lines where recordsAll || answer.failure != nil || !answer.output.isEmpty {
            await self.record(answer, error: answer.refusal, run: &run)
        }
        if let error = result.error { throw .device(error.afterConfiguring(result)) }
        if let failure = result.failure {
            throw .rejected(ErrorDescription(.commandRejected, "\(session.device.name): \(failure)"))
        }
    }

    private func confirm(
        _ configure: Jobs.Operation.Configure, _ session: DeviceSession, _ run: inout TaskRun
    ) async throws(Failure) {
        do throws(DeviceError) {
            try await session.confirmConfiguration(timeout: configure.timeout)
            run.hasSent = true
            run.detail = .configure(ConfigureDetail(state: .applied))
        } catch {
            if error.delivery != .notSent { run.hasSent = true }
            throw .device(error)
        }
    }

    func backup(
        _ index: Int, on session: DeviceSession, run: inout TaskRun, files: inout TaskFiles
    ) async throws(Failure) {
        let backup: ConfigurationBackup
        do throws(DeviceError) { backup = try await session.backup() } catch { throw .device(error) }
        run.hasSent = true
        let bytes = backup.parts.flatMap(\.output)
        if let part = backup.parts.first { try await self.checkRoom(for: bytes, of: part.command, part.elapsed, &run) }
        var detail = BackupDetail(
            platform: backup.platform, takenAt: Int64(backup.takenAt.timeIntervalSince1970 * 1000),
            size: Int64(bytes.count), sha256: SHA256.hash(data: bytes).hexadecimal)
        guard case .file(let path) = files.destinations[index] else {
            run.detail = .backup(detail)
            for part in backup.parts { await self.record(part, run: &run) }
            return
        }
        for part in backup.parts {
            run.commands.append(
                CommandOutcome(
                    command: part.command, outcome: .succeeded, outputBytes: part.output.count,
                    outputSHA256: SHA256.hash(data: part.output).hexadecimal, elapsed: part.elapsed))
        }
        do throws(DeviceError) {
            try await files.write(bytes, to: path, index)
        } catch {
            throw .device(
                DeviceError(code: "backup.unwritable", message: error.message, delivery: .answered))
        }
        detail.file = path
        run.detail = .backup(detail)
    }

    func diff(
        _ diff: Jobs.Operation.Diff, _ baseline: String?, on session: DeviceSession, run: inout TaskRun
    ) async throws(Failure) {
        let text: String
        switch diff.baseline {
        case .text(let given): text = given
        case .file: text = baseline ?? ""
        }
        let result: DiffResult
        do throws(DeviceError) {
            result = try await session.diff(
                against: .text(text), of: diff.command.map { DeviceCommand($0, of: run.assigned.task) },
                ignoring: diff.ignoring)
        } catch {
            if error.delivery != .notSent { run.hasSent = true }
            throw .device(error)
        }
        run.hasSent = true
        if let part = result.parts.first {
            try await self.checkRoom(for: result.parts.flatMap(\.output), of: part.command, part.elapsed, &run)
        }
        let (unified, isCut) = run.takeInlineText(result.unified)
        run.detail = .diff(
            DiffDetail(unified: unified, isCut: isCut, removed: result.removed, added: result.added))
        for part in result.parts { await self.record(part, run: &run) }
    }

    private func record(_ part: ConfigurationBackup.Part, run: inout TaskRun) async {
        await self.record(
            CommandOutcome(command: part.command, outcome: .succeeded, elapsed: part.elapsed), output: part.output,
            run: &run)
    }
}

extension DeviceError {
    /// The error that ended a change of configuration, with what is known of the whole change instead of the one command.
    fileprivate func afterConfiguring(_ result: ConfigurationResult) -> DeviceError {
        let delivery: Delivery =
            switch result.state {
            case .unknown: .unknown
            // The device takes it back by itself, unless the confirmation that got lost has arrived.
            case .unconfirmed: self.delivery == .unknown ? .unknown : .answered
            case .applied, .partlyApplied, .discarded: result.lines.isEmpty ? self.delivery.unlessUnknown : .answered
            }
        return DeviceError(
            code: self.code, message: self.message, delivery: delivery, sessionIsInStep: self.sessionIsInStep,
            question: self.question, partialOutput: self.partialOutput)
    }
}

extension DeviceError.Delivery {
    fileprivate var unlessUnknown: Self { self == .unknown ? .answered : self }
}

extension ConfigureDetail.State {
    init(_ state: ConfigurationResult.State) {
        self =
            switch state {
            case .applied: .applied
            case .unconfirmed: .unconfirmed
            case .discarded: .discarded
            case .partlyApplied: .partlyApplied
            case .unknown: .unknown
            }
    }
}

extension ConfigurationChange {
    /// `nil`: there are no lines, only what was committed before is to be confirmed.
    init?(_ configure: Jobs.Operation.Configure) {
        let commit: Commit
        switch configure.commit {
        case .permanently: commit = .permanently
        case .dryRun: commit = .dryRun
        case .within(let duration, let confirms): commit = .within(duration, confirms: confirms)
        case .confirm: return nil
        }
        let saving: Saving = configure.saving == .onSuccess ? .onSuccess : .never
        let answers = configure.answers.map { DeviceCommand.Answer($0) }
        switch configure.lines {
        case .none: return nil
        case .list(let lines):
            self.init(lines, commit: commit, saving: saving, timeout: configure.timeout, answers: answers)
        case .text(let text):
            self.init(text: text, commit: commit, saving: saving, timeout: configure.timeout, answers: answers)
        }
    }
}
