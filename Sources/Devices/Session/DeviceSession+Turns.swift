import Dialogue
import NIOCore

/// Several commands in a row, and where they leave the device.
extension DeviceSession {
    /// Commands of a turn run without any other caller's between them. Whatever mode they leave the device in, it is back in the platform's
    /// default mode when the turn is over.
    struct Turn: Sendable { let id: UInt64 }

    /// - Throws: what `body` throws; before that, why the turn never came, with `delivery` `.notSent`.
    func withTurn<Result>(
        _ body: (Turn) async throws(DeviceError) -> Result
    ) async throws(DeviceError) -> Result {
        let turn = Turn(id: try await self.takeTurn())
        do throws(DeviceError) {
            let result = try await body(turn)
            await self.endTurn(turn)
            return result
        } catch {
            await self.endTurn(turn)
            throw error
        }
    }

    func endTurn(_ turn: Turn) async {
        await self.leaveMode(in: turn)
        self.queue.endTurn(turn.id)
        self.startNext()
    }

    /// Runs one command of a turn.
    ///
    /// - Parameter text: What to type behind it when the device asks for it.
    func run(
        _ command: DeviceCommand,
        typing text: TypedText? = nil,
        in turn: Turn,
        output: (@Sendable (ByteBuffer) -> Void)? = nil
    ) async throws(DeviceError) -> CommandResult {
        try self.check(command)
        var options = try command.options(on: self.plan.platform, device: self.device.name)
        options.text = text
        return try await self.submit(command, .command, options, turn: turn.id, output: output)
    }

    /// Runs a step of the platform's definition in a turn.
    func run(
        _ step: CommandStep,
        as text: String? = nil,
        timeout: Duration? = nil,
        in turn: Turn
    ) async throws(DeviceError) -> CommandResult {
        let options = CommandOptions(mode: step.mode, answers: step.answers, abandonsQuestions: true)
        return try await self.submit(
            DeviceCommand(text ?? step.command, timeout: timeout), .command, options, turn: turn.id, output: nil)
    }

    /// Goes to another mode, verified by the device's prompt.
    ///
    /// - Throws: `privilege.denied` when the device refuses; otherwise as a command does, but nothing is in doubt.
    func enterMode(_ mode: String, timeout: Duration? = nil, in turn: Turn?) async throws(DeviceError) {
        let result: CommandResult
        do throws(DeviceError) {
            result = try await self.submit(
                DeviceCommand(mode, timeout: timeout), .mode, CommandOptions(), turn: turn?.id, output: nil)
        } catch {
            throw DeviceError(
                code: error.code, message: error.message, sessionIsInStep: error.sessionIsInStep,
                question: error.question)
        }
        guard let failure = result.failure else { return }
        throw DeviceError(
            code: "privilege.denied", message: "\(self.device.name): \(failure)", sessionIsInStep: true)
    }

    /// Ends one user's work on the session: whoever comes next must never begin where somebody else left off. If the device is in another mode than
    /// the platform's default, it is led back there, and what was not committed is thrown away; a session that can't be led back is closed.
    package nonisolated func endWork() async {
        if !self.isKnownToBeHome { await self.leaveMode(in: nil) }
    }

    /// Whether there is nothing to be led back, as far as that can be told without a way to the event loop.
    private nonisolated var isKnownToBeHome: Bool {
        self.eventLoop.inEventLoop && self.assumeIsolated { $0.machine?.hasLeftDefaultMode != true }
    }

    private func leaveMode(in turn: Turn?) async {
        guard let machine = self.machine, !machine.isInDefaultMode, self.queue.refusal == nil,
            let mode = self.plan.platform.defaultMode
        else { return }
        let left = machine.modeName
        // A task of its own: a cancelled caller has to tidy up all the same.
        await Task {
            do throws(DeviceError) {
                try await self.enterMode(mode, timeout: Self.tidyingTimeout, in: turn)
            } catch {
                self.logger.debug(
                    "session closed: it could not be led back to the default mode",
                    metadata: ["device": "\(self.device.name)", "mode": "\(left ?? "unknown")", "error": "\(error)"])
                await self.close()
            }
        }.value
    }

    /// For what is done after an operation, when nobody waits for the answer.
    static var tidyingTimeout: Duration { .seconds(15) }
}
