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
///
/// Properties that each command uses are not checked for exclusive access at run time, which was one instruction in fourteen of the session's own.
/// What the checks would find can't be: the dialogue and the queue are values that call nothing while they change, and all else is read or replaced.
public actor DeviceSession {
    /// Unique for each session ever opened.
    public nonisolated let id: String
    public nonisolated var device: Device { self.plan.device }
    public nonisolated let eventLoop: any EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.eventLoop.executor.asUnownedSerialExecutor()
    }

    nonisolated let began = ContinuousClock.now
    /// From the first packet to the end of authentication, once it has come to that.
    nonisolated let handshake = NIOLockedValueBox<Duration?>(nil)

    let plan: SessionPlan
    let logger: Logger
    let report: @Sendable (SessionEvent) -> Void
    nonisolated let acceptsCommands = NIOLockedValueBox(false)

    @exclusivity(unchecked) var connection: SSHConnection?
    /// Whether the device has not yet refused a second channel on the connection.
    var takesSecondChannel = true
    @exclusivity(unchecked) var queue = CommandQueue<PendingCommand>()
    /// Of the running command.
    @exclusivity(unchecked) var collected: [UInt8] = []
    @exclusivity(unchecked) var collects = false
    @exclusivity(unchecked) var startedAt: NIODeadline = .distantPast
    @exclusivity(unchecked) var timeLimit = CommandTimeLimit()
    var commandTimer: Scheduled<Void>?
    /// Why the running command is being stopped: see DeviceSession+Interruption.
    @exclusivity(unchecked) var interruption: Interruption?
    nonisolated let lastRequest = NIOLockedValueBox<UInt64>(0)
    @exclusivity(unchecked) var isBusy = false
    /// Set while the pool knows the session: before that, the end of it is the error that `open` throws.
    @exclusivity(unchecked) var isReporting = false
    /// Set when the session has begun to close.
    @exclusivity(unchecked) var closing: Task<Void, Never>?
    /// When the device is asked whether it is still there, where somebody wants that: see DeviceSession+Keepalive.
    @exclusivity(unchecked) var keepalive: KeepaliveSchedule?
    var keepaliveTimer: Scheduled<Void>?

    // The terminal's side: see DeviceSession+Terminal.
    @exclusivity(unchecked) var machine: DialogueMachine?
    @exclusivity(unchecked) var shell: SSHShell?
    /// What arrived before the shell could be written to.
    var early: [ShellEvent] = []
    /// The timer under way, which serves whatever the dialogue waits for next, too, unless it would fire too late.
    var dialogueTimer: (deadline: NIODeadline, scheduled: Scheduled<Void>)?
    /// When the dialogue is to hear that its time is over; `nil` when it doesn't wait for that.
    @exclusivity(unchecked) var dialogueDeadline: NIODeadline?
    /// Tasks of the loop that are under way to tell it at the end of a turn; only the last one does. Whether that one is still wanted.
    @exclusivity(unchecked) var pendingDrains = 0
    @exclusivity(unchecked) var awaitsDrain = false
    /// Room for the dialogue's actions, used again and again.
    @exclusivity(unchecked) var spareActions: [DialogueMachine.Action] = []
    @exclusivity(unchecked) var hasBegunSignOn = false
    @exclusivity(unchecked) var signOn: CheckedContinuation<Result<Void, DeviceError>, Never>?
    /// The exec channel's side: see DeviceSession+Exec.
    var execution: Task<Void, Never>?

    init(
        _ plan: SessionPlan,
        on eventLoop: any EventLoop,
        logger: Logger,
        report: @escaping @Sendable (SessionEvent) -> Void
    ) {
        self.id = SessionIdentifier.next()
        self.eventLoop = eventLoop
        self.plan = plan
        self.logger = logger
        self.report = report
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
    ///
    /// - Parameter isLeased: The caller holds a lease of the session until this returns: the pool knows that it is in use, and isn't told again.
    nonisolated func runAlone(
        _ command: DeviceCommand, isLeased: Bool = false
    ) async throws(DeviceError) -> CommandResult {
        try self.check(command)
        let options = try command.options(on: self.plan.platform, device: self.device.name)
        return try await self.submit(command, .command, options, isAlone: true, isLeased: isLeased, output: nil)
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
        do throws(DeviceError) {
            _ = try await self.submit(
                self.probeCommand(timeout), .probe, CommandOptions(isGated: false), turn: turn?.id, output: nil)
        } catch {
            throw DeviceError(code: error.code, message: error.message)
        }
    }

    nonisolated func probeCommand(_ timeout: Duration) -> DeviceCommand {
        let text = self.plan.platform.transport == .exec ? "true" : ""
        return DeviceCommand(text, timeout: timeout, collectsOutput: false, waitsForEcho: false)
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
}
