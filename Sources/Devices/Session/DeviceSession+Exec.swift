import NIOCore
import SSH

/// Commands on exec channels: each on a channel of its own, with an exit status.
extension DeviceSession {
    func beginExecution(_ request: PendingCommand) {
        guard let connection = self.connection, self.mayWrite() else { return }
        let id = request.id
        self.execution = Task {
            do throws(SSHError) {
                let exit = try await connection.execute(request.command.text) { _, piece in
                    self.assumeIsolated { if $0.queue.running?.id == id { $0.take(piece) } }
                }
                self.executionEnded(id, exit)
            } catch {
                self.executionFailed(id, error)
            }
        }
    }

    private func executionEnded(_ id: UInt64, _ exit: SSHExit) {
        guard self.queue.running?.id == id else { return }
        if let error = self.interruptionError(isInStep: true) {
            self.fail(error)
            return self.startNext()
        }
        switch exit {
        case .status where self.matchedFailure != nil:
            self.finish(failure: self.matchedFailure, exitStatus: exit.status)
        case .status(0): self.finish(failure: nil, exitStatus: 0)
        case .status(let status): self.finish(failure: "exit status \(status)", exitStatus: status)
        case .signal(let name): self.finish(failure: "killed by signal \(name)")
        case .unknown:
            // A channel that ends without an exit status (RFC 4254 §6.10) was cut: the output may be a part, and nobody knows how it ended.
            return self.lost(SSHError(.sessionLost, "the command's channel was closed before its exit status came"))
        }
        self.startNext()
    }

    private func executionFailed(_ id: UInt64, _ error: SSHError) {
        guard self.queue.running?.id == id else { return }
        switch error.code {
        case .channelRefused:
            // Refused before it began: neither the command nor the session has come to harm.
            self.fail(DeviceError(error, device: self.device.name))
            self.startNext()
        default: self.lost(error)
        }
    }

    /// The first line of the output that one of the command's own failure patterns matches.
    private var matchedFailure: String? {
        guard let patterns = self.queue.running?.options.failurePatterns, !patterns.isEmpty else { return nil }
        for line in self.collected.split(separator: 0x0A) {
            let line = Array(line)
            if patterns.contains(where: { $0.matches(line) }) {
                return String(decoding: line.prefix(500), as: UTF8.self)
            }
        }
        return nil
    }
}

extension SSHExit {
    fileprivate var status: Int? {
        if case .status(let status) = self { status } else { nil }
    }
}
