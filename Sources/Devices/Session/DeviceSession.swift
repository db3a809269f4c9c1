import Dialogue
import Logging
import NIOConcurrencyHelpers
import NIOCore
import SSH

/// A persistent session with one device: one SSH connection, one signed-on CLI (or exec channels), one command at a time in order of call.
///
/// ```swift
/// let session = try await client.session(for: device)
/// let result = try await session.run(DeviceCommand("show version", timeout: .seconds(10)))
/// if let failure = result.failure { print("rejected: \(failure)") } else { print(result.text) }
/// ```
///
/// Isolation: an actor on the event loop of its connection.
public actor DeviceSession {
    /// Unique for each session ever opened.
    public nonisolated let id: String
    public nonisolated let device: Device
    public nonisolated let eventLoop: any EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.eventLoop.executor.asUnownedSerialExecutor()
    }

    let plan: SessionPlan
    let logger: Logger
    private let report: @Sendable (SessionEvent) -> Void
    private nonisolated let acceptsCommands = NIOLockedValueBox(false)

    var connection: SSHConnection?
    /// Whether the device has not yet refused a second channel on the connection.
    var takesSecondChannel = true
    var queue = CommandQueue<PendingCommand>()
    /// Of the running command.
    var collected: [UInt8] = []
    var collects = false
    var startedAt: NIODeadline = .distantPast
    var timeLimit = CommandTimeLimit()
    private var commandTimer: Scheduled<Void>?
    /// Why the running command is being stopped: see DeviceSession+Interruption.
    var interruption: Interruption?
    private nonisolated let lastRequest = NIOLockedValueBox<UInt64>(0)
    private var isBusy = false
    /// Set while the pool knows the session: before that, the end of it is the error that `open` throws.
    private var isReporting = false
    private(set) var closing: Task<Void, Never>?

    // The terminal's side: see DeviceSession+Terminal.
    var machine: DialogueMachine?
    var shell: SSHShell?
    /// What arrived before the shell could be written to.
    var early: [ShellEvent] = []
    var dialogueTimer: Scheduled<Void>?
    /// A timer that is out of date when it fires does nothing.
    var dialogueTimerNumber: UInt64 = 0
    var hasBegunSignOn = false
    var signOn: CheckedContinuation<Result<Void, DeviceError>, Never>?
    /// The exec channel's side: see DeviceSession+Exec.
    var execution: Task<Void, Never>?

    init(
        _ plan: SessionPlan,
        on eventLoop: any EventLoop,
        logger: Logger,
        report: @escaping @Sendable (SessionEvent) -> Void
    ) {
        self.id = SessionIdentifier.next()
        self.device = plan.device
        self.eventLoop = eventLoop
        self.plan = plan
        self.logger = logger
        self.report = report
    }

    struct PendingCommand: QueuedRequest {
        enum Kind { case command, probe, mode, turn }

        let id: UInt64
        /// The turn that it belongs to.
        let turn: UInt64?
        let kind: Kind
        /// For `mode`, its text is the mode's name.
        let command: DeviceCommand
        let options: CommandOptions
        /// It is a turn of its own: see `runAlone`.
        let isAlone: Bool
        let output: (@Sendable (ByteBuffer) -> Void)?
        let continuation: CheckedContinuation<Result<CommandResult, DeviceError>, Never>
        /// Set when the caller is cancelled before the request has come in.
        let isCancelled: NIOLoopBoundBox<Bool>

        var isProbe: Bool { self.kind == .probe }
        var changesMode: Bool { self.kind == .mode }
    }

    // MARK: Commands

    /// Runs one command.
    ///
    /// `output` is called on the session's event loop with pieces of output while they come; the result holds the whole output as well unless
    /// `DeviceCommand.collectsOutput` is false. A mode that the command leaves the device in stays.
    ///
    /// On a time-out or cancellation the device gets its interrupt key. The session goes on if the device then proves to be in step
    /// (`DeviceError.sessionIsInStep`), and is closed otherwise; it is never used out of step. A caller that is cancelled while it waits for its
    /// turn just leaves.
    /// - Throws: `DeviceError`: its `delivery` tells whether the command may have run. A command that the device rejects is not thrown but a
    ///   result with `failure` set.
    public nonisolated func run(
        _ command: DeviceCommand,
        output: (@Sendable (ByteBuffer) -> Void)? = nil
    ) async throws(DeviceError) -> CommandResult {
        try self.check(command)
        let options = try command.options(on: self.plan.platform, device: self.device.name)
        return try await self.submit(command, .command, options, output: output)
    }

    /// As `run`, but the device is back in its default mode before anybody else's command runs.
    nonisolated func runAlone(_ command: DeviceCommand) async throws(DeviceError) -> CommandResult {
        try self.check(command)
        let options = try command.options(on: self.plan.platform, device: self.device.name)
        return try await self.submit(command, .command, options, isAlone: true, output: nil)
    }

    /// Waits for a turn; gives back its number.
    func takeTurn() async throws(DeviceError) -> UInt64 {
        _ = try await self.submit("", .turn, CommandOptions(), output: nil)
        // Nothing else can have run since: the turn was resumed on this actor, and holds the queue.
        guard let turn = self.queue.holder else { throw DeviceError.sessionClosed(self.device.name) }
        return turn
    }

    /// Proves that the device still answers: with a return key at the prompt, on exec channels with the command `true`. Waits for its turn as a
    /// command does; a device that doesn't answer in time loses its session.
    ///
    /// - Throws: `command.timeout`, `session.lost`, …; never with a `delivery` in doubt, as nothing was asked of the device.
    public nonisolated func probe(timeout: Duration = .seconds(10)) async throws(DeviceError) {
        try await self.probe(timeout: timeout, in: nil)
    }

    nonisolated func probe(timeout: Duration = .seconds(10), in turn: Turn?) async throws(DeviceError) {
        let text = self.plan.platform.transport == .exec ? "true" : ""
        let probe = DeviceCommand(text, timeout: timeout, collectsOutput: false, waitsForEcho: false)
        do throws(DeviceError) {
            _ = try await self.submit(probe, .probe, CommandOptions(isGated: false), turn: turn?.id, output: nil)
        } catch {
            throw DeviceError(code: error.code, message: error.message)
        }
    }

    /// Waits for the answer outside of the actor: the caller's task goes to no other thread than its own, and the event loop hears of the command
    /// by one message at most.
    nonisolated func submit(
        _ command: DeviceCommand,
        _ kind: PendingCommand.Kind,
        _ options: CommandOptions,
        turn: UInt64? = nil,
        isAlone: Bool = false,
        output: (@Sendable (ByteBuffer) -> Void)?
    ) async throws(DeviceError) -> CommandResult {
        guard !Task.isCancelled else { throw DeviceError.cancelled(self.device.name) }
        let id = self.lastRequest.withLockedValue { number -> UInt64 in
            number += 1
            return number
        }
        let eventLoop = self.eventLoop
        let isCancelled = NIOLoopBoundBox.makeBoxSendingValue(false, eventLoop: eventLoop)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = PendingCommand(
                    id: id, turn: turn, kind: kind, command: command, options: options, isAlone: isAlone,
                    output: output, continuation: continuation, isCancelled: isCancelled)
                self.onLoop { $0.add(request) }
            }
        } onCancel: {
            eventLoop.execute {
                isCancelled.value = true
                self.assumeIsolated { $0.cancel(id) }
            }
        }
        return try result.get()
    }

    private nonisolated func onLoop(_ body: @escaping @Sendable (isolated DeviceSession) -> Void) {
        if self.eventLoop.inEventLoop {
            self.assumeIsolated { body($0) }
        } else {
            self.eventLoop.execute { self.assumeIsolated { body($0) } }
        }
    }

    private func add(_ request: PendingCommand) {
        guard !request.isCancelled.value else {
            return request.continuation.resume(returning: .failure(DeviceError.cancelled(self.device.name)))
        }
        do throws(DeviceError) {
            try self.queue.append(request)
            self.startNext()
        } catch {
            request.continuation.resume(returning: .failure(error))
        }
    }

    /// Whether the session can take commands.
    public nonisolated var isOpen: Bool { self.acceptsCommands.withLockedValue { $0 } }

    /// Commands that wait for their turn.
    package var waitingCommands: Int { self.queue.waitingCount }

    /// Closes the session; a running command ends with `session.closed`. Idempotent; returns when the connection is gone.
    public nonisolated func close() async {
        // Awaited outside of the actor: its event loop may be shut down as soon as the connection is gone.
        await self.beginClosing()?.value
    }

    private func beginClosing() -> Task<Void, Never>? {
        self.shutDown(DeviceError.sessionClosed(self.device.name))
        return self.closing
    }

    nonisolated func check(_ command: DeviceCommand) throws(DeviceError) {
        let isTerminal = self.plan.platform.transport == .terminal
        guard !command.text.isEmpty,
            isTerminal ? !command.text.hasControlCharacters : !command.text.utf8.contains(0)
        else {
            throw DeviceError(
                code: "command.invalid",
                message: isTerminal
                    ? "\(self.device.name): a command must be one line of text without control characters; send several lines as several commands"
                    : "\(self.device.name): a command must not be empty nor contain NUL"
            )
        }
    }

    /// Begins the next command if its turn has come, and tells the pool when work begins or ends.
    func startNext() {
        if let request = self.queue.startNext() {
            self.setBusy(true)
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

    private func tell(_ event: SessionEvent) {
        if self.isReporting { self.report(event) }
    }

    private func beginTurn(_ request: PendingCommand) {
        _ = self.queue.finish()
        self.queue.beginTurn(request.id)
        request.continuation.resume(returning: .success(CommandResult(command: "", output: [], elapsed: .zero)))
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
    func take(_ piece: ByteBuffer) {
        guard let running = self.queue.running else { return }
        running.output?(piece)
        guard self.collects else { return }
        guard self.collected.count + piece.readableBytes <= self.plan.outputLimit else {
            self.collects = false
            return self.interruptSoon(
                code: "output.too_large",
                message:
                    "the command's output is larger than \(self.plan.outputLimit) bytes; narrow the command, or take the output in pieces"
            )
        }
        self.collected.append(contentsOf: piece.readableBytesView)
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
        self.interruption?.timer?.cancel()
        self.interruption = nil
        self.collected = []
        guard request.isAlone, self.machine?.isInDefaultMode == false else {
            return request.continuation.resume(returning: result)
        }
        // Nobody else's turn comes until the device has been led back.
        self.queue.beginTurn(request.id)
        Task {
            await self.endTurn(Turn(id: request.id))
            request.continuation.resume(returning: result)
        }
    }

    private func cancel(_ id: UInt64) {
        switch self.queue.cancel(id) {
        case .left(let request):
            request.continuation.resume(returning: .failure(DeviceError.cancelled(self.device.name)))
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
        self.interrupt(
            code: "command.timeout",
            message: "no end of the command's output within \(timeout)"
                + (tail.isEmpty ? "" : "; the device's last words were \(quoted(tail))")
        )
    }

    /// Asks whether the device is still this process's to talk to, and closes the session if it isn't.
    func mayWrite() -> Bool {
        guard !self.plan.mayWrite() else { return true }
        let message = "\(self.device.name): the session was closed because the device may be another worker's by now"
        let running = DeviceError(
            code: "session.closed", message: message, delivery: self.runningDelivery, partialOutput: self.collected)
        // It isn't even taken leave of.
        self.machine = nil
        self.shutDown(DeviceError(code: "session.closed", message: message), running: running)
        return false
    }

    /// Whether the running command has reached the device, as far as anybody can know.
    var runningDelivery: DeviceError.Delivery {
        switch self.plan.platform.transport {
        case .terminal: self.machine?.commandWasSubmitted == false ? .notSent : .unknown
        case .exec: .unknown
        }
    }

    // MARK: Life

    /// Connects, authenticates and signs on. On a throw nothing is left open.
    func open() async throws(DeviceError) {
        do throws(SSHError) {
            let connection = try await SSHConnection.connect(
                self.plan.connection, on: self.eventLoop, logger: self.logger)
            self.connection = connection
            // Weak, here and in the shell's events: a session that nobody holds any more is to go, and its connection with it.
            connection.closeFuture.whenSuccess { [weak self] reason in self?.assumeIsolated { $0.lost(reason) } }
        } catch {
            throw DeviceError(error, device: self.device.name)
        }
        do throws(DeviceError) {
            if Task.isCancelled { throw DeviceError.cancelled(self.device.name) }
            if self.plan.platform.transport == .terminal { try await self.signOnToTerminal() }
            if let refusal = self.queue.refusal { throw refusal }
        } catch {
            self.shutDown(error)
            await self.closing?.value
            throw error
        }
        self.acceptsCommands.withLockedValue { $0 = true }
        self.isReporting = true
        self.logger.debug("session open", metadata: ["device": "\(self.device.name)", "session": "\(self.id)"])
    }

    /// The shell or the connection has ended.
    func lost(_ reason: SSHError?) {
        guard self.closing == nil else { return }
        self.completeEndingCommand()
        let message = reason?.message ?? "the device ended the session"
        let waiting = DeviceError(code: "session.lost", message: "\(self.device.name): \(message)")
        let interrupted = self.interruptionError(isInStep: false)
        let running =
            interrupted
            ?? DeviceError(
                code: "session.lost",
                message: "\(self.device.name): the session was lost in the middle of the command: \(message)",
                delivery: self.runningDelivery,
                partialOutput: self.collected
            )
        self.shutDown(waiting, running: running)
    }

    /// Takes no commands any more, ends all that there are, and closes the connection. Only the first call does something.
    func shutDown(_ error: DeviceError, running: DeviceError? = nil) {
        guard self.closing == nil else { return }
        self.acceptsCommands.withLockedValue { $0 = false }
        let delivery = self.runningDelivery
        let waiting = self.queue.refuse(error)
        let interrupted = self.queue.finish()
        self.commandTimer?.cancel()
        self.interruption?.timer?.cancel()
        self.interruption = nil
        self.stopDialogueTimer()
        self.execution?.cancel()
        self.logger.debug(
            "session closing",
            metadata: ["device": "\(self.device.name)", "session": "\(self.id)", "reason": "\(error.code)"]
        )
        self.tell(.closing(self, running ?? error))
        self.hangUp()

        let connection = self.connection
        let shell = self.shell
        self.closing = Task {
            // What has been written before (an interrupt, a farewell) leaves before the channel closes.
            shell?.close()
            await connection?.close()
            self.shell = nil
            self.connection = nil
            self.tell(.closed)
        }

        interrupted?.continuation.resume(
            returning: .failure(
                running
                    ?? DeviceError(
                        code: error.code, message: error.message, delivery: delivery, partialOutput: self.collected)
            )
        )
        self.collected = []
        for request in waiting { request.continuation.resume(returning: .failure(error)) }
        self.signOn?.resume(returning: .failure(error))
        self.signOn = nil
    }
}
