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
    var queue = CommandQueue<PendingCommand>()
    /// Of the running command.
    var collected: [UInt8] = []
    var collects = false
    var startedAt: NIODeadline = .distantPast
    var commandTimer: Scheduled<Void>?
    private var nextRequest: UInt64 = 0
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

    struct PendingCommand: Identifiable {
        let id: UInt64
        let command: DeviceCommand
        let output: (@Sendable (ByteBuffer) -> Void)?
        let continuation: CheckedContinuation<Result<CommandResult, DeviceError>, Never>
    }

    // MARK: Commands

    /// Runs one command.
    ///
    /// `output` is called on the session's event loop with pieces of output while they come; the result holds the whole output as well unless
    /// `DeviceCommand.collectsOutput` is false.
    /// After a time-out or cancellation the session is interrupted and closed; it is never used again out of step. A caller that is cancelled
    /// while it waits for its turn just leaves.
    /// - Throws: `DeviceError`: its `delivery` tells whether the command may have run. A command that the device rejects is not thrown but a
    ///   result with `failure` set.
    public func run(
        _ command: DeviceCommand,
        output: (@Sendable (ByteBuffer) -> Void)? = nil
    ) async throws(DeviceError) -> CommandResult {
        try self.check(command)
        return try await self.submit(command, output: output)
    }

    /// Proves that the device still answers: with a return key at the prompt, on exec channels with the command `true`. Waits for its turn as a
    /// command does; a device that doesn't answer in time loses its session.
    ///
    /// - Throws: `command.timeout`, `session.lost`, …; never with a `delivery` in doubt, as nothing was asked of the device.
    public func probe(timeout: Duration = .seconds(10)) async throws(DeviceError) {
        let text = self.plan.platform.transport == .exec ? "true" : ""
        let probe = DeviceCommand(text, timeout: timeout, collectsOutput: false, waitsForEcho: false)
        do throws(DeviceError) {
            _ = try await self.submit(probe, output: nil)
        } catch {
            throw DeviceError(code: error.code, message: error.message)
        }
    }

    private func submit(
        _ command: DeviceCommand,
        output: (@Sendable (ByteBuffer) -> Void)?
    ) async throws(DeviceError) -> CommandResult {
        guard !Task.isCancelled else { throw DeviceError.cancelled(self.device.name) }
        self.nextRequest += 1
        let id = self.nextRequest
        let eventLoop = self.eventLoop
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = PendingCommand(id: id, command: command, output: output, continuation: continuation)
                do throws(DeviceError) {
                    try self.queue.append(request)
                    self.startNext()
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        } onCancel: {
            eventLoop.execute { self.assumeIsolated { $0.cancel(id) } }
        }
        return try result.get()
    }

    /// Ends one user's work on the session. If its commands have left the device in another mode than the platform's default (in the middle of
    /// configuration, say), the session is closed: whoever comes next must never begin where somebody else left off.
    package func endWork() async {
        guard self.machine?.isInDefaultMode == false else { return }
        self.logger.debug(
            "Session closed: it was left in another mode",
            metadata: ["device": "\(self.device.name)", "mode": "\(self.machine?.modeName ?? "unknown")"]
        )
        await self.close()
    }

    /// Whether the session can take commands.
    public nonisolated var isOpen: Bool { self.acceptsCommands.withLockedValue { $0 } }

    /// Commands that wait for their turn.
    package var waitingCommands: Int { self.queue.waitingCount }

    /// Closes the session; a running command ends with `session.closed`. Idempotent; returns when the connection is gone.
    public func close() async {
        self.shutDown(DeviceError.sessionClosed(self.device.name))
        await self.closing?.value
    }

    private func check(_ command: DeviceCommand) throws(DeviceError) {
        let isTerminal = self.plan.platform.transport == .terminal
        let isBad: (Unicode.Scalar) -> Bool =
            isTerminal
            ? { $0.properties.generalCategory == .control }
            : { $0 == "\0" }
        guard !command.text.isEmpty, !command.text.unicodeScalars.contains(where: isBad) else {
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
            self.begin(request)
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

    private func begin(_ request: PendingCommand) {
        self.collected = []
        self.collects = request.command.collectsOutput
        self.startedAt = .now()
        let timeout = request.command.timeout ?? self.plan.commandTimeout
        self.commandTimer = self.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            self.assumeIsolated { $0.commandTimedOut(request.id, timeout) }
        }
        switch self.plan.platform.transport {
        case .terminal: self.beginInTerminal(request.command)
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
            return self.interrupt(
                code: "output.too_large",
                message:
                    "the command's output is larger than \(self.plan.outputLimit) bytes; narrow the command, or take the output in pieces"
            )
        }
        self.collected.append(contentsOf: piece.readableBytesView)
    }

    /// The running command has been answered. The caller starts the next one.
    func finish(failure: String?, exitStatus: Int? = nil) {
        self.end { session, request in
            .success(
                CommandResult(
                    command: request.command.text,
                    output: session.collected,
                    failure: failure,
                    exitStatus: exitStatus,
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
        self.commandTimer?.cancel()
        self.commandTimer = nil
        request.continuation.resume(returning: result(self, request))
        self.collected = []
    }

    private func cancel(_ id: UInt64) {
        switch self.queue.cancel(id) {
        case .left(let request):
            request.continuation.resume(returning: .failure(DeviceError.cancelled(self.device.name)))
        case .isRunning: self.interrupt(code: "cancelled", message: "the caller was cancelled")
        case .isUnknown: break
        }
    }

    private func commandTimedOut(_ id: UInt64, _ timeout: Duration) {
        guard self.queue.running?.id == id else { return }
        let tail = self.machine?.tail ?? ""
        self.interrupt(
            code: "command.timeout",
            message: "no end of the command's output within \(timeout)"
                + (tail.isEmpty ? "" : "; the device's last words were \(quoted(tail))")
        )
    }

    /// Ends the running command, and with it the session: nobody could tell its late output from the next command's.
    func interrupt(code: String, message: String) {
        if self.plan.mayWrite() { self.shell?.write(ByteBuffer(bytes: [0x03])) }
        let running = DeviceError(
            code: code,
            message: "\(self.device.name): \(message)",
            delivery: self.runningDelivery,
            partialOutput: self.collected
        )
        let waiting = DeviceError(
            code: "session.closed",
            message:
                "\(self.device.name): the session was closed because the command before this one was interrupted (\(code))"
        )
        self.shutDown(waiting, running: running)
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
        let message = reason?.message ?? "the device ended the session"
        let waiting = DeviceError(code: "session.lost", message: "\(self.device.name): \(message)")
        let running = DeviceError(
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
        self.stopDialogueTimer()
        self.execution?.cancel()
        self.logger.debug(
            "session closing",
            metadata: ["device": "\(self.device.name)", "session": "\(self.id)", "reason": "\(error.code)"]
        )
        self.tell(.closing)
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
