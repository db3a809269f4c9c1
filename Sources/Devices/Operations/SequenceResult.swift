import NIOCore

/// What came of several commands in a row.
public struct SequenceResult: Sendable {
    public enum Outcome: Sendable {
        /// The device answered; it may have rejected the command (`CommandResult.failure`).
        case answered(CommandResult)
        /// There is no complete answer.
        case failed(DeviceError)
        /// It was not sent, because one before it failed.
        case notRun
    }

    public struct Step: Sendable {
        public var command: DeviceCommand
        public var outcome: Outcome

        public var succeeded: Bool {
            if case .answered(let result) = self.outcome { result.failure == nil } else { false }
        }
    }

    /// One for each command, in order.
    public var steps: [Step]

    /// The answers that there are.
    public var results: [CommandResult] {
        self.steps.compactMap { if case .answered(let result) = $0.outcome { result } else { nil } }
    }

    public var succeeded: Bool { self.steps.allSatisfy(\.succeeded) }

    /// The first error, if there is one; a rejected command isn't one.
    public var error: DeviceError? {
        for case .failed(let error) in self.steps.map(\.outcome) { return error }
        return nil
    }
}

extension DeviceSession {
    /// Runs commands in a row; no other caller's command comes between them, and the device is back in its default mode afterwards.
    ///
    /// A mode that a command leads to stays for the next one. After a command that ended the session the rest is `notRun`.
    ///
    /// - Parameters:
    ///   - stopsAtFailure: Whether the first command that fails is the last one. Otherwise the sequence goes on as long as the session does.
    ///   - output: Called on the session's event loop with the command's index and pieces of its output while they come.
    /// - Throws: `command.invalid` if one of them is no command; why the turn never came. Nothing was sent then. Whatever happens later is in the
    ///   result.
    public func runSequence(
        _ commands: [DeviceCommand],
        stopsAtFailure: Bool = true,
        output: (@Sendable (Int, ByteBuffer) -> Void)? = nil
    ) async throws(DeviceError) -> SequenceResult {
        for command in commands {
            try self.check(command)
            _ = try command.options(on: self.plan.platform, device: self.device.name)
        }
        return try await self.withTurn { turn throws(DeviceError) in
            var result = SequenceResult(steps: commands.map { .init(command: $0, outcome: .notRun) })
            for index in commands.indices {
                var sink: (@Sendable (ByteBuffer) -> Void)?
                if let output { sink = { output(index, $0) } }
                let canGoOn: Bool
                do throws(DeviceError) {
                    let answer = try await self.run(commands[index], in: turn, output: sink)
                    result.steps[index].outcome = .answered(answer)
                    canGoOn = !answer.endedSession
                } catch {
                    // Nothing at all was sent: whoever opens another session may begin again.
                    if index == 0, error.delivery == .notSent, !error.sessionIsInStep { throw error }
                    result.steps[index].outcome = .failed(error)
                    canGoOn = error.sessionIsInStep && !Task.isCancelled
                }
                guard canGoOn, result.steps[index].succeeded || !stopsAtFailure else { break }
            }
            return result
        }
    }
}
