import Logging
import NIOCore
import NIOPosix

/// One SSH connection: transport, authentication, and the channels on it.
///
/// Isolation: an actor whose executor is the connection's event loop. libssh2 is only ever called there.
package actor SSHConnection {
    package nonisolated let eventLoop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { fatalError("stub") }

    private init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Connects, checks the host key, authenticates.
    ///
    /// - Throws: a code for each phase; `cancelled` when the calling task is cancelled. Nothing is left open on a throw.
    package static func connect(
        _ configuration: SSHConfiguration,
        on eventLoop: any EventLoop,
        logger: Logger
    ) async throws(SSHError) -> SSHConnection { fatalError("stub") }

    /// What a connection tells of itself for results and logs: negotiated algorithms, server identification string.
    package nonisolated var serverIdentification: String { fatalError("stub") }

    /// Opens a channel with a terminal and a shell.
    ///
    /// `receive` is called on the event loop, in order, for every piece of output (stdout and stderr merged), and exactly once with `.closed`
    /// as the last call, whoever closed it. It must not block.
    package func openShell(
        _ terminal: PseudoTerminal,
        receive: @escaping @Sendable (ShellEvent) -> Void
    ) async throws(SSHError) -> SSHShell { fatalError("stub") }

    /// Runs one command on a channel of its own, without a terminal.
    ///
    /// `output` is called on the event loop for each piece. Cancelling the task closes the channel.
    /// - Throws: `sessionLost` if the connection breaks before the exit status; `channelRefused` if the command was never started.
    package func execute(
        _ command: String,
        output: @escaping @Sendable (ExecStream, ByteBuffer) -> Void
    ) async throws(SSHError) -> SSHExit { fatalError("stub") }

    /// Says goodbye (SSH_MSG_DISCONNECT) if that doesn't block, and closes. Idempotent; returns when the socket is closed.
    package func close() async { fatalError("stub") }

    /// Completes when the connection is gone, with the reason (`nil` when this side closed it).
    package nonisolated var closeFuture: EventLoopFuture<SSHError?> { fatalError("stub") }
}

package enum ShellEvent: Sendable {
    case data(ByteBuffer)
    /// The shell ended: `nil` after an orderly end of file or our own close, else why.
    case closed(SSHError?)
}

package enum ExecStream: Sendable { case standardOutput, standardError }

/// How a command on an exec channel ended (RFC 4254 §6.10).
package enum SSHExit: Sendable, Hashable {
    case status(Int)
    /// Killed by this signal, named without `SIG`.
    case signal(String)
    /// The server closed the channel and told neither.
    case unknown
}

/// An open shell channel.
package struct SSHShell: Sendable {
    /// Queues bytes for the device. Call on the connection's event loop only (traps otherwise).
    ///
    /// Bytes given after the shell has closed are dropped: `.closed` has been or will be delivered.
    package func write(_ bytes: ByteBuffer) { fatalError("stub") }
    /// Closes the channel; the connection stays. Call on the event loop only.
    package func close() { fatalError("stub") }
}
