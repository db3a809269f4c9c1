import NIOCore

/// Ties a channel to the task that waits for it.
extension SessionChannel {
    /// Opens the shell; `continuation` hears whether it runs, `receive` of everything after that.
    func openShell(
        resuming continuation: CheckedContinuation<Result<SSHShell, SSHError>, Never>,
        receive: @escaping @Sendable (ShellEvent) -> Void
    ) {
        var waiting: CheckedContinuation<Result<SSHShell, SSHError>, Never>? = continuation
        let shell = SSHShell(channel: NIOLoopBound(self, eventLoop: self.core.eventLoop))
        self.begin(
            output: { _, bytes in receive(.data(bytes)) },
            started: {
                waiting?.resume(returning: .success(shell))
                waiting = nil
            },
            ended: { end in
                if let task = waiting {
                    waiting = nil
                    task.resume(returning: .failure(end.error ?? Self.closedByUs))
                } else {
                    receive(.closed(end.error))
                }
            })
    }

    /// Runs the command; `continuation` hears how it ended.
    func runCommand(
        resuming continuation: CheckedContinuation<Result<SSHExit, SSHError>, Never>,
        output: @escaping @Sendable (ExecStream, ByteBuffer) -> Void
    ) {
        self.begin(output: output, started: {}) { end in
            switch end {
            case .exited(let exit): continuation.resume(returning: .success(exit))
            case .failed(let error): continuation.resume(returning: .failure(error))
            case .closedLocally: continuation.resume(returning: .failure(Self.closedByUs))
            }
        }
    }

    private static var closedByUs: SSHError { SSHError(.sessionClosed, "The connection was closed by this side.") }
}

extension SessionChannel.End {
    /// `nil` after an orderly end.
    var error: SSHError? {
        if case .failed(let error) = self { error } else { nil }
    }
}
