import CLibSSH2
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// One SSH connection: transport, authentication, and the channels on it.
///
/// Isolation: an actor whose executor is the connection's event loop. libssh2 is only ever called there, except for signing
/// while a connection is set up, which a thread pool does.
///
/// A connection that nobody holds any more is closed.
package actor SSHConnection {
    package nonisolated let eventLoop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.eventLoop.executor.asUnownedSerialExecutor()
    }

    /// The server's identification string (RFC 4253 §4.2), such as `SSH-2.0-OpenSSH_9.2`.
    package nonisolated let serverIdentification: String
    /// How many credentials the server was shown until it took one.
    package nonisolated let authenticationAttempts: Int
    /// Completes when the connection is gone, with the reason (`nil` when this side closed it).
    package nonisolated let closeFuture: EventLoopFuture<SSHError?>

    nonisolated let core: NIOLoopBound<SessionCore>
    nonisolated let hasClosed = NIOLockedValueBox(false)

    private init(_ established: ConnectionAttempt.Established, on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.core = established.core
        self.serverIdentification = established.identification
        self.authenticationAttempts = established.authenticationAttempts
        self.closeFuture = established.closeFuture
        self.closeFuture.whenComplete { [hasClosed] _ in hasClosed.withLockedValue { $0 = true } }
    }

    deinit {
        // A loop that has shut down has closed its channels, and takes no more work.
        guard !self.hasClosed.withLockedValue({ $0 }) else { return }
        let core = self.core
        self.eventLoop.execute { core.value.close() }
    }

    /// Connects, checks the host key, authenticates.
    ///
    /// - Throws: a code for each phase; `cancelled` when the calling task is cancelled. Nothing is left open on a throw.
    package static func connect(
        _ configuration: SSHConfiguration,
        on eventLoop: any EventLoop,
        logger: Logger
    ) async throws(SSHError) -> SSHConnection {
        let credentials = await Credential.prepare(
            configuration.authentication, bound: configuration.timeouts.authentication, on: eventLoop)
        if let error = Credential.onlyError(credentials) { throw error }
        let jumpHost = try await Self.jumpHost(for: configuration, on: eventLoop, logger)
        let attempt = NIOLoopBoundBox.makeEmptyBox(valueType: ConnectionAttempt.self, eventLoop: eventLoop)
        let isCancelled = NIOLockedValueBox(false)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<ConnectionAttempt.Established, SSHError>, Never>) in
                eventLoop.execute {
                    let started = ConnectionAttempt(
                        configuration, credentials, through: jumpHost, on: eventLoop, logger)
                    attempt.value = started
                    if isCancelled.withLockedValue({ $0 }) { started.cancel() }
                    started.start { continuation.resume(returning: $0) }
                }
            }
        } onCancel: {
            isCancelled.withLockedValue { $0 = true }
            eventLoop.execute { attempt.value?.cancel() }
        }
        return SSHConnection(try result.get(), on: eventLoop)
    }

    /// The connection that leads to the host: to the last jump host, through those before it.
    private static func jumpHost(
        for configuration: SSHConfiguration, on eventLoop: any EventLoop, _ logger: Logger
    ) async throws(SSHError) -> SSHConnection? {
        guard var last = configuration.via.last else { return nil }
        last.via = configuration.via.dropLast() + last.via
        return try await JumpHosts.shared.connection(last, on: eventLoop, logger: logger)
    }

    /// Opens a channel with a terminal and a shell.
    ///
    /// `receive` is called on the event loop, in order, for every piece of output (stdout and stderr merged), and exactly once with
    /// `.closed` as the last call, whoever closed it. It must not block. When this throws, `receive` is never called.
    ///
    /// - Throws: `channelRefused` if the server refuses or doesn't answer in time; `sessionLost`, `sessionClosed`, `cancelled`.
    package nonisolated func openShell(
        _ terminal: PseudoTerminal,
        receive: @escaping @Sendable (ShellEvent) -> Void
    ) async throws(SSHError) -> SSHShell {
        try await self.withChannel(.shell(terminal)) { channel, continuation in
            channel.openShell(resuming: continuation, receive: receive)
        } cancel: {
            $0.cancelStart()
        }
    }

    /// Runs one command on a channel of its own, without a terminal and without input.
    ///
    /// `output` is called on the event loop for each piece. Cancelling the task closes the channel.
    /// - Throws: `sessionLost` if the connection breaks before the exit status, or the server doesn't say in time that the command runs;
    ///   `channelRefused` if it was never started.
    package nonisolated func execute(
        _ command: String,
        output: @escaping @Sendable (ExecStream, ByteBuffer) -> Void
    ) async throws(SSHError) -> SSHExit {
        try await self.withChannel(.command(command)) { channel, continuation in
            channel.runCommand(resuming: continuation, output: output)
        } cancel: {
            $0.cancel()
        }
    }

    /// Puts a channel in line, and waits for the answer outside of the actor: a task on the event loop stays in its turn, and any other one crosses to
    /// the loop and back once.
    private nonisolated func withChannel<Answer: Sendable>(
        _ request: SessionChannel.Request,
        begin: @escaping @Sendable (SessionChannel, CheckedContinuation<Result<Answer, SSHError>, Never>) -> Void,
        cancel: @escaping @Sendable (SessionChannel) -> Void
    ) async throws(SSHError) -> Answer {
        // Whoever waits holds the connection.
        defer { withExtendedLifetime(self) {} }
        let (eventLoop, core) = (self.eventLoop, self.core)
        let channel = NIOLoopBoundBox.makeEmptyBox(valueType: SessionChannel.self, eventLoop: eventLoop)
        let isCancelled = NIOLockedValueBox(false)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Answer, SSHError>, Never>) in
                let start: @Sendable () -> Void = {
                    let started = SessionChannel(request, core: core.value)
                    channel.value = started
                    begin(started, continuation)
                    if isCancelled.withLockedValue({ $0 }) { cancel(started) }
                }
                if eventLoop.inEventLoop { start() } else { eventLoop.execute(start) }
            }
        } onCancel: {
            isCancelled.withLockedValue { $0 = true }
            eventLoop.execute { channel.value.map(cancel) }
        }
        return try result.get()
    }

    func makeTransferChannel(_ request: SessionChannel.Request, _ options: FileTransfer.Options) -> TransferChannel {
        TransferChannel(request, core: self.core.value, bound: options.silence, mayWrite: options.mayWrite)
    }

    /// Says goodbye (SSH_MSG_DISCONNECT) if that doesn't block, and closes. Idempotent; returns when the socket is closed.
    package func close() async {
        self.core.value.close()
        _ = await self.closeFuture.outcome()
    }
}

extension SessionCore {
    /// Closes as asked by this side.
    func close() {
        self.shutDown(reason: nil, farewell: (SSH_DISCONNECT_BY_APPLICATION, "closed by user"))
    }
}
