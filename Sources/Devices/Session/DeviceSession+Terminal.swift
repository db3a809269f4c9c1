import Dialogue
import NIOCore
import SSH

/// The prompt-driven side: bytes to the dialogue, its actions to the shell.
extension DeviceSession {
    /// Opens the shell and leads the dialogue to the first prompt.
    func signOnToTerminal() async throws(DeviceError) {
        guard let connection = self.connection else { throw DeviceError.sessionClosed(self.device.name) }
        let terminal = self.plan.platform.terminal
        let shell: SSHShell
        do throws(SSHError) {
            shell = try await connection.openShell(
                PseudoTerminal(type: terminal.type, columns: terminal.columns, rows: terminal.rows)
            ) { [weak self] event in
                self?.assumeIsolated { $0.received(event) }
            }
        } catch {
            throw DeviceError(error, device: self.device.name)
        }
        self.shell = shell
        self.machine = DialogueMachine(platform: self.plan.platform, hasEnableSecret: self.plan.enableSecret != nil)

        let timeout = self.plan.signOnTimeout
        let timer = self.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            self.assumeIsolated { $0.signOnTimedOut(timeout) }
        }
        defer { timer.cancel() }
        let eventLoop = self.eventLoop
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Void, DeviceError>, Never>) in
                guard !Task.isCancelled else {
                    return continuation.resume(returning: .failure(DeviceError.cancelled(self.device.name)))
                }
                self.signOn = continuation
                self.hasBegunSignOn = true
                self.converse { machine, actions in machine.opened(&actions) }
                let early = self.early
                self.early = []
                for event in early { self.received(event) }
            }
        } onCancel: {
            eventLoop.execute {
                self.assumeIsolated { $0.signOnEnded(.failure(DeviceError.cancelled($0.device.name))) }
            }
        }
        try result.get()
    }

    private func signOnTimedOut(_ timeout: Duration) {
        let tail = self.machine?.tail ?? ""
        self.signOnEnded(
            .failure(
                DeviceError(
                    code: "prompt.timeout",
                    message: "\(self.device.name): no prompt within \(timeout) of opening the shell"
                        + (tail.isEmpty ? "; the device sent nothing" : "; its last words were \(quoted(tail))")
                        + ". Is `\(self.device.platform)` the right device_type?"
                )
            )
        )
    }

    private func signOnEnded(_ result: Result<Void, DeviceError>) {
        self.signOn?.resume(returning: result)
        self.signOn = nil
    }

    func beginInTerminal(_ request: PendingCommand) {
        self.converse { machine, actions in
            if request.changesMode {
                machine.enterMode(request.command.text, &actions)
            } else {
                machine.run(request.command.text, request.options, &actions)
            }
        }
    }

    /// Takes leave of the device in its own words, if it is ready to hear them and still this process's to talk to.
    func hangUp() {
        guard var machine = self.machine.take(), self.plan.mayWrite() else { return }
        var actions: [DialogueMachine.Action] = []
        machine.hangUp(&actions)
        for case .send(let bytes) in actions { self.shell?.write(ByteBuffer(bytes: bytes)) }
    }

    /// What the shell channel delivers, in order.
    private func received(_ event: ShellEvent) {
        guard self.hasBegunSignOn else { return self.early.append(event) }
        switch event {
        case .data(let buffer):
            self.converse { machine, actions in
                buffer.withUnsafeReadableBytes { machine.received($0, &actions) }
            }
        case .closed(let reason): self.lost(reason)
        }
    }

    /// Lets the machine take one event, and performs what it asks for.
    func converse(_ event: (inout DialogueMachine, inout [DialogueMachine.Action]) -> Void) {
        var actions: [DialogueMachine.Action] = []
        swap(&actions, &self.spareActions)
        guard let isReady = self.machine?.take(event, &actions) else { return }
        for action in actions where self.closing == nil { self.perform(action) }
        actions.removeAll(keepingCapacity: true)
        swap(&actions, &self.spareActions)
        // Only now: the next command's actions must not come between those of this event.
        if isReady, self.closing == nil, self.queue.running == nil, self.signOn == nil { self.startNext() }
    }

    private func perform(_ action: DialogueMachine.Action) {
        switch action {
        case .send(let bytes):
            guard self.mayWrite() else { return }
            self.shell?.write(ByteBuffer(bytes: bytes))
        case .sendSecret(let name):
            guard self.mayWrite() else { return }
            self.sendSecret(name)
        case .startTimer(let duration): self.startDialogueTimer(duration)
        case .stopTimer: self.stopDialogueTimer()
        case .output(let bytes): self.take(bytes)
        case .ready: self.signOnEnded(.success(()))
        case .finished(let completion): self.completed(completion)
        case .failed(let error): self.dialogueFailed(error)
        }
    }

    private func startDialogueTimer(_ duration: Duration) {
        self.stopDialogueTimer()
        if duration == .zero {
            // A loop runs its tasks after it has handed out what its sockets had to read.
            self.awaitsDrain = true
            self.pendingDrains += 1
            self.eventLoop.execute { self.assumeIsolated { $0.drained() } }
        } else {
            self.dialogueDeadline = .now() + TimeAmount(duration)
            self.watchDialogueDeadline()
        }
    }

    func stopDialogueTimer() {
        self.awaitsDrain = false
        self.dialogueDeadline = nil
    }

    private func drained() {
        self.pendingDrains -= 1
        guard self.pendingDrains == 0, self.awaitsDrain else { return }
        self.awaitsDrain = false
        self.converse { machine, actions in machine.timerFired(&actions) }
    }

    /// Sees to it that a timer fires at the dialogue's deadline or before. One that fires too early is started anew for what is left: most of what the
    /// dialogue waits for comes at once, and a timer for each would cost more than the rest of a command.
    private func watchDialogueDeadline() {
        guard let deadline = self.dialogueDeadline, self.closing == nil else { return }
        if let timer = self.dialogueTimer {
            guard deadline < timer.deadline else { return }
            timer.scheduled.cancel()
        }
        let scheduled: Scheduled<Void> = self.eventLoop.scheduleTask(deadline: deadline) { [weak self] in
            self?.assumeIsolated { $0.dialogueTimerFired() }
        }
        self.dialogueTimer = (deadline, scheduled)
    }

    private func dialogueTimerFired() {
        self.dialogueTimer = nil
        guard let deadline = self.dialogueDeadline else { return }
        guard deadline <= .now() else { return self.watchDialogueDeadline() }
        self.dialogueDeadline = nil
        self.converse { machine, actions in machine.timerFired(&actions) }
    }

    /// The dialogue can't go on. What it was about ends with its error, everything else with the session.
    private func dialogueFailed(_ error: DialogueError) {
        let message = "\(self.device.name): \(error.message)"
        self.signOnEnded(.failure(DeviceError(code: error.code, message: message)))
        self.shutDown(
            DeviceError(
                code: "session.closed", message: "\(self.device.name): the session was closed: \(error.message)"),
            running: self.interruptionError(isInStep: false)
                ?? DeviceError(
                    code: error.code,
                    message: message,
                    delivery: self.runningDelivery,
                    partialOutput: self.collected
                )
        )
    }

    private func sendSecret(_ name: DialogueMachine.SecretName) {
        let secret =
            switch name {
            case .enable: self.plan.enableSecret
            case .login: self.plan.password
            }
        var bytes = ByteBuffer()
        secret?.withExposedValue { _ = bytes.writeString($0) }
        bytes.writeBytes(self.plan.platform.lineEnding)
        self.shell?.write(bytes)
    }
}

extension DialogueMachine {
    /// Takes one event in place: the machine is large, and every command passes here several times. Returns whether it is ready for a command.
    fileprivate mutating func take(
        _ event: (inout DialogueMachine, inout [Action]) -> Void,
        _ actions: inout [Action]
    ) -> Bool {
        event(&self, &actions)
        return self.isReady
    }

    /// Asked in place as well.
    var hasLeftDefaultMode: Bool { mutating get { !self.isInDefaultMode } }
}
