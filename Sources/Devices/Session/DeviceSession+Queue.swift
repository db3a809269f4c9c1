import Dialogue
import NIOCore
import SSH

/// Requests on their way: through the queue, to the device, and back to their callers.
extension DeviceSession {
    /// Waits for the answer outside of the actor: the caller's task goes to no other thread than its own, and the event loop hears of the command
    /// by one message at most.
    nonisolated func submit(
        _ command: DeviceCommand,
        _ kind: PendingCommand.Kind,
        _ options: CommandOptions,
        turn: UInt64? = nil,
        isAlone: Bool = false,
        isLeased: Bool = false,
        output: (@Sendable (ByteBuffer) -> Void)?
    ) async throws(DeviceError) -> CommandResult {
        guard !Task.isCancelled else { throw DeviceError.cancelled(self.device.name) }
        let id = self.lastRequest.withLockedValue { number -> UInt64 in
            number += 1
            return number
        }
        let request = PendingCommand(
            id: id, turn: turn, kind: kind, command: command, options: options, isAlone: isAlone,
            isLeased: isLeased, output: output)
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<PendingCommand.Answer, Never>) in
                request.answer(to: continuation)
                if self.eventLoop.inEventLoop {
                    self.assumeIsolated { $0.add(request) }
                } else {
                    self.eventLoop.execute { self.assumeIsolated { $0.add(request) } }
                }
            }
        } onCancel: {
            self.eventLoop.execute { self.assumeIsolated { $0.cancel(request) } }
        }
        return try result.get()
    }

    private func add(_ request: PendingCommand) {
        guard !request.isCancelled else {
            return request.resume(returning: .failure(DeviceError.cancelled(self.device.name)))
        }
        do throws(DeviceError) {
            // In the meantime somebody has come with a command: that serves as well.
            if request.kind == .keepalive, !self.queue.isEmpty { throw DeviceError.cancelled(self.device.name) }
            try self.queue.append(request)
            if self.queue.running?.kind == .keepalive { self.setBusy(true) }
            self.startNext()
        } catch {
            request.resume(returning: .failure(error))
        }
    }

    /// Begins the next command if its turn has come, and tells the pool when work begins or ends.
    func startNext() {
        if let request = self.queue.startNext() {
            // A session that is only kept alive is one that nobody uses. Who holds a lease has told the pool.
            if request.kind != .keepalive, !request.isLeased { self.setBusy(true) }
            if request.kind == .turn { self.beginTurn(request) } else { self.begin(request) }
        } else if self.queue.isEmpty {
            self.setBusy(false)
        }
    }

    private func setBusy(_ isBusy: Bool) {
        guard self.isBusy != isBusy else { return }
        self.isBusy = isBusy
        self.tell(isBusy ? .busy : .idle)
    }

    func tell(_ event: SessionEvent) {
        if self.isReporting { self.report(event) }
    }

    private func beginTurn(_ request: PendingCommand) {
        _ = self.queue.finish()
        self.queue.beginTurn(request.id)
        request.resume(returning: .success(CommandResult(command: "", output: [], elapsed: .zero)))
    }

    private func begin(_ request: PendingCommand) {
        self.collected = []
        self.collects = request.command.collectsOutput
        self.startedAt = .now()
        let timeout = request.command.timeout ?? self.plan.commandTimeout
        self.timeLimit.start(timeout, from: self.startedAt)
        self.watchTimeLimit()
        switch self.plan.platform.transport {
        case .terminal: self.beginInTerminal(request)
        case .exec: self.beginExecution(request)
        }
    }

    /// Takes a piece of the running command's output.
    func take(_ piece: [UInt8]) {
        guard let running = self.queue.running else { return }
        if let output = running.output { output(ByteBuffer(bytes: piece)) }
        guard self.collects, self.hasRoom(for: piece.count) else { return }
        // Most outputs are one piece, which needs no copy.
        if self.collected.isEmpty { self.collected = piece } else { self.collected += piece }
    }

    func take(_ piece: ByteBuffer) {
        guard let running = self.queue.running else { return }
        running.output?(piece)
        guard self.collects, self.hasRoom(for: piece.readableBytes) else { return }
        self.collected.append(contentsOf: piece.readableBytesView)
    }

    private func hasRoom(for count: Int) -> Bool {
        guard self.collected.count + count > self.plan.outputLimit else { return true }
        self.collects = false
        self.interruptSoon(
            code: "output.too_large",
            message:
                "the command's output is larger than \(self.plan.outputLimit) bytes; narrow the command, or take the output in pieces"
        )
        return false
    }

    /// The running command has been answered. The caller starts the next one.
    func finish(failure: String?, exitStatus: Int? = nil, endedSession: Bool = false) {
        self.end { session, request in
            .success(
                CommandResult(
                    command: request.command.text,
                    output: session.collected,
                    failure: failure,
                    exitStatus: exitStatus,
                    endedSession: endedSession,
                    elapsed: Duration(NIODeadline.now() - session.startedAt)
                )
            )
        }
    }

    /// The running command has failed, and the session has not. The caller starts the next one.
    func fail(_ error: DeviceError) {
        self.end { _, _ in .failure(error) }
    }

    private func end(_ result: (isolated DeviceSession, PendingCommand) -> Result<CommandResult, DeviceError>) {
        guard let request = self.queue.finish() else { return }
        self.timeLimit.end()
        let result = result(self, request)
        if let interruption = self.interruption {
            interruption.timer?.cancel()
            self.interruption = nil
        }
        self.collected = []
        if self.keepalive != nil, request.kind != .keepalive { self.keepalive?.used(at: .now()) }
        guard request.isAlone, self.machine?.hasLeftDefaultMode == true else {
            return request.resume(returning: result)
        }
        // Nobody else's turn comes until the device has been led back.
        self.queue.beginTurn(request.id)
        Task {
            await self.endTurn(Turn(id: request.id))
            request.resume(returning: result)
        }
    }

    private func cancel(_ request: PendingCommand) {
        request.isCancelled = true
        switch self.queue.cancel(request.id) {
        case .left(let request):
            request.resume(returning: .failure(DeviceError.cancelled(self.device.name)))
        case .isRunning: self.interrupt(code: "cancelled", message: "the caller was cancelled")
        case .isUnknown: break
        }
    }

    /// Sees to it that a timer fires at the running command's time limit or before.
    private func watchTimeLimit() {
        guard let deadline = self.timeLimit.timerToStart() else { return }
        self.commandTimer?.cancel()
        self.commandTimer = self.eventLoop.scheduleTask(deadline: deadline) { [weak self] in
            self?.assumeIsolated { $0.commandTimerFired() }
        }
    }

    private func commandTimerFired() {
        self.commandTimer = nil
        if let timeout = self.timeLimit.timerFired(now: .now()) {
            self.commandTimedOut(timeout)
        } else {
            self.watchTimeLimit()
        }
    }

    private func commandTimedOut(_ timeout: Duration) {
        let tail = self.machine?.tail ?? ""
        if self.queue.running?.kind == .keepalive { return self.keepaliveTimedOut(timeout) }
        self.interrupt(
            code: "command.timeout",
            message: "no end of the command's output within \(timeout)"
                + (tail.isEmpty ? "" : "; the device's last words were \(quoted(tail))")
        )
    }
}
