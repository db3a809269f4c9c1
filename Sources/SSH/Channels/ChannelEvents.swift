import NIOCore

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
