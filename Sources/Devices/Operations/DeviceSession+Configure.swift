import Dialogue

extension DeviceSession {
    /// Changes the configuration: enters the platform's configuration mode, types the lines, commits, and leaves.
    ///
    /// The first line that the device refuses is the last one that is sent; what was typed before is then thrown away where the platform can do
    /// that, and otherwise stays in effect (`ConfigurationResult.State`). Nothing is ever typed twice. A text of several lines (`banner motd ^`) is
    /// typed when the device has asked for it.
    ///
    /// - Throws: Only when nothing was configured: `operation.unsupported` where the platform can't do what was asked, `command.invalid`,
    ///   `privilege.denied` when the device refuses its configuration mode, or why the turn never came.
    public func configure(_ change: ConfigurationChange) async throws(DeviceError) -> ConfigurationResult {
        let procedure = try self.configurationProcedure()
        switch change.commit {
        case .permanently: break
        case .dryRun where procedure.isLive || procedure.abort.isEmpty:
            throw self.unsupported(
                "takes configuration lines into effect at once, so it can't show beforehand what they would change")
        case .within where procedure.commitConfirmed.isEmpty:
            throw self.unsupported("has no commit that takes itself back")
        case .dryRun, .within: break
        }
        if change.saving == .onSuccess, case .within(_, confirms: false) = change.commit {
            throw self.unsupported("would save lines that may still be taken back: confirm them first")
        }
        let lines = try ConfigurationLine.reading(change.lines, by: procedure.texts, device: self.device)
        guard !lines.isEmpty else {
            throw DeviceCommand.invalid(self.device.name, "there is no line to configure")
        }
        // Until a commit nothing takes effect, so nothing has to be proven line by line.
        let commands = lines.map { line in
            let command = DeviceCommand(
                line.line, timeout: change.timeout, mode: procedure.mode, answers: change.answers,
                waitsForEcho: procedure.isLive)
            return (line, command)
        }
        for (line, command) in commands {
            try self.check(command)
            for text in line.text where !text.isEmpty { try self.check(DeviceCommand(text)) }
            _ = try command.options(on: self.plan.platform, device: self.device.name)
        }
        return try await self.withTurn { turn throws(DeviceError) in
            try await self.enterMode(procedure.mode, timeout: change.timeout, in: turn)
            var run = ConfigurationRun(session: self, procedure: procedure, change: change, turn: turn)
            await run.perform(commands)
            return run.result
        }
    }

    /// Makes permanent what was committed for a time only.
    public func confirmConfiguration(timeout: Duration? = nil) async throws(DeviceError) {
        let procedure = try self.configurationProcedure()
        guard !procedure.confirm.isEmpty else { throw self.unsupported("has no commit that has to be confirmed") }
        try await self.withTurn { turn throws(DeviceError) in
            try await self.enterMode(procedure.confirm[0].mode ?? procedure.mode, timeout: timeout, in: turn)
            for step in procedure.confirm {
                let result = try await self.run(step, timeout: timeout, in: turn)
                guard let failure = result.failure else { continue }
                throw DeviceError(
                    code: "command.rejected", message: "\(self.device.name): \(failure)", delivery: .answered,
                    sessionIsInStep: true, partialOutput: result.output)
            }
        }
    }

    private func configurationProcedure() throws(DeviceError) -> ConfigurationProcedure {
        guard let procedure = self.plan.platform.configuration else {
            throw self.unsupported("has no configuration procedure in its definition")
        }
        return procedure
    }

    func unsupported(_ reason: String) -> DeviceError {
        DeviceError(
            code: "operation.unsupported",
            message: "\(self.device.name): the platform \(self.plan.platform.name) \(reason)")
    }
}

/// One change of configuration under way, in its configuration mode.
private struct ConfigurationRun {
    let session: DeviceSession
    let procedure: ConfigurationProcedure
    let change: ConfigurationChange
    let turn: DeviceSession.Turn
    var result = ConfigurationResult(state: .discarded, lines: [], isSaved: false)

    mutating func perform(_ commands: [(ConfigurationLine, DeviceCommand)]) async {
        for (line, command) in commands {
            guard await self.type(line, command) else { return await self.giveUp() }
        }
        if self.procedure.isLive {
            self.result.state = .applied
        } else {
            guard await self.showDifference() else { return await self.giveUp() }
            guard self.change.commit != .dryRun else { return await self.abort() }
            guard await self.commit() else { return }
        }
        guard self.change.saving == .onSuccess, self.result.state == .applied, self.result.succeeded else { return }
        guard await self.run(self.session.plan.platform.save) else { return }
        self.result.isSaved = !self.session.plan.platform.save.isEmpty
    }

    private mutating func type(_ line: ConfigurationLine, _ command: DeviceCommand) async -> Bool {
        do throws(DeviceError) {
            var answer = try await self.session.run(command, typing: line.typedText, in: self.turn)
            answer.command = line.whole
            self.result.lines.append(answer)
            self.result.failure = answer.failure
        } catch {
            self.result.error = error
        }
        return self.result.succeeded
    }

    private mutating func showDifference() async -> Bool {
        guard !self.procedure.diff.isEmpty else { return true }
        var text = ""
        guard await self.run(self.procedure.diff, output: { text += $0.text }) else { return false }
        self.result.diff = text
        return true
    }

    private mutating func commit() async -> Bool {
        switch self.change.commit {
        case .within(let duration, let confirms):
            guard await self.run(self.procedure.commitConfirmed, within: duration) else {
                await self.commitFailed()
                return false
            }
            self.result.state = .unconfirmed
            guard confirms else { return true }
            // A fresh answer is the proof that the change hasn't cut off the way to the device. Without it nothing is confirmed, and the device
            // takes the change back.
            do throws(DeviceError) {
                try await self.session.probe(in: self.turn)
            } catch {
                self.result.error = error
                return false
            }
            guard await self.run(self.procedure.confirm) else { return false }
        case .permanently, .dryRun:
            guard await self.run(self.procedure.commit) else {
                await self.commitFailed()
                return false
            }
        }
        self.result.state = .applied
        return true
    }

    /// Runs steps of the procedure; false at the first that fails.
    private mutating func run(
        _ steps: [CommandStep], within duration: Duration? = nil, output: (CommandResult) -> Void = { _ in }
    ) async -> Bool {
        for step in steps {
            do throws(DeviceError) {
                let text = duration.map { step.command(within: $0) }
                let answer = try await self.session.run(step, as: text, timeout: self.change.timeout, in: self.turn)
                output(answer)
                self.result.failure = answer.failure
            } catch {
                self.result.error = error
            }
            guard self.result.succeeded else { return false }
        }
        return true
    }

    /// The device refused the commit, or nobody knows what it did with it.
    private mutating func commitFailed() async {
        guard let error = self.result.error, error.delivery != .notSent else { return await self.abort() }
        self.result.state = .unknown
        if error.sessionIsInStep { await self.tidy() }
    }

    /// A line failed.
    private mutating func giveUp() async {
        guard self.procedure.isLive else { return await self.abort() }
        let isInDoubt = self.result.error.map { $0.delivery != .notSent } ?? false
        let applied = self.result.lines.count { $0.failure == nil }
        self.result.state = isInDoubt ? .unknown : applied == 0 ? .discarded : .partlyApplied
        // Where a part of the configuration is open, what was typed into it may not be in effect yet.
        await self.tidy()
    }

    private mutating func abort() async {
        // A candidate that nobody commits is never in effect, even if the session is lost before it is thrown away.
        self.result.state = .discarded
        await self.tidy()
    }

    /// Throws away what isn't committed. Goes on when the caller is cancelled, and its failure changes nothing: leaving the mode throws
    /// it away, too.
    private func tidy() async {
        let (session, turn, steps) = (self.session, self.turn, self.procedure.abort)
        guard session.isOpen, !steps.isEmpty else { return }
        await Task {
            for step in steps {
                _ = try? await session.run(step, timeout: DeviceSession.tidyingTimeout, in: turn)
            }
        }.value
    }
}
