import Dialogue
import NIOCore

/// Stopping a command before its end, and proving that the session is in step afterwards.
extension DeviceSession {
    /// Why the running command is being stopped.
    struct Interruption {
        var code: String
        var message: String
        /// The command has been told to stop, and this is how long the device may take to come back.
        var timer: Scheduled<Void>?
    }

    /// Stops the running command. In a terminal the device gets its interrupt key, and the session goes on when it has proven to be in step again;
    /// otherwise, and on exec channels, the session is discarded: nobody could tell late output from the next command's.
    ///
    /// Not from within a call of the dialogue: see `interruptSoon`.
    func interrupt(code: String, message: String) {
        guard self.interruption?.timer == nil, let running = self.queue.running else { return }
        self.timeLimit.end()
        self.interruption = self.interruption ?? Interruption(code: code, message: message)
        guard self.machine != nil, !running.isProbe else { return self.discard() }
        let timeout = self.plan.interruptionTimeout
        self.interruption?.timer = self.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            self.assumeIsolated { if $0.queue.running?.id == running.id { $0.discard() } }
        }
        self.converse { machine, actions in machine.interrupt(&actions) }
    }

    /// From within a call of the dialogue: whatever comes of the command now, this is how it has ended.
    func interruptSoon(code: String, message: String) {
        guard self.interruption == nil, let id = self.queue.running?.id else { return }
        self.interruption = Interruption(code: code, message: message)
        self.eventLoop.execute {
            self.assumeIsolated { if $0.queue.running?.id == id { $0.interrupt(code: code, message: message) } }
        }
    }

    /// Ends the running command together with the session.
    private func discard() {
        guard let interruption = self.interruption else { return }
        self.shutDown(
            DeviceError(
                code: "session.closed",
                message:
                    "\(self.device.name): the session was closed because the command before this one was interrupted (\(interruption.code))"
            ),
            running: self.interruptionError(isInStep: false)
        )
    }

    /// How the running command ends when it has been interrupted; `nil` when it hasn't.
    func interruptionError(isInStep: Bool) -> DeviceError? {
        guard let interruption = self.interruption else { return nil }
        return DeviceError(
            code: interruption.code,
            message: "\(self.device.name): \(interruption.message); "
                + (isInStep
                    ? "it was interrupted, and the device is at its prompt again"
                    : "the session was discarded"),
            delivery: self.runningDelivery,
            sessionIsInStep: isInStep,
            partialOutput: self.collected
        )
    }

    /// The dialogue is done with the running command.
    func completed(_ completion: DialogueMachine.Completion) {
        if case .question(let question) = completion.ending {
            return self.fail(
                DeviceError(
                    code: "dialogue.question",
                    message: "\(self.device.name): \(completion.failure ?? "the device asked \(quoted(question))") "
                        + "The command was interrupted, and the device is at its prompt again.",
                    delivery: self.runningDelivery,
                    sessionIsInStep: true,
                    question: question,
                    partialOutput: self.collected
                ))
        }
        if let error = self.interruptionError(isInStep: completion.ending != .sessionEnded) { return self.fail(error) }
        if completion.ending == .sessionEnded {
            return self.finish(failure: completion.failure, endedSession: true)
        }
        if let failure = completion.failure, self.queue.running?.changesMode == false,
            self.machine?.commandWasSubmitted == false
        {
            // The change of mode before it.
            return self.fail(
                DeviceError(
                    code: "privilege.denied", message: "\(self.device.name): \(failure)", sessionIsInStep: true))
        }
        self.finish(failure: completion.failure)
    }

    /// Lets the dialogue know that the session is over, which completes a command that was to end it.
    func completeEndingCommand() {
        guard self.queue.running?.options.endsSession == true, var machine = self.machine.take() else { return }
        var actions: [DialogueMachine.Action] = []
        machine.closed(&actions)
        for action in actions {
            switch action {
            case .output(let bytes): self.take(bytes)
            case .finished(let completion): self.completed(completion)
            default: break
            }
        }
    }
}
