import NIOCore
import SSH

/// A shell that runs one command after the other, as fast as the device answers, without leaving its event loop.
///
/// It does for our SSH module what the reference program does for libssh2: the least. Isolation: all state is on the connection's event loop.
final class PromptShell: Sendable {
    private struct State {
        var shell: SSHShell?
        var tail = PromptTail()
        var command = ByteBuffer()
        /// Prompts to wait for, the current one included.
        var remaining = 1
        var waiter: CheckedContinuation<Void, any Error>?
        var failure: (any Error)?
    }

    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    private init(on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
    }

    /// Opens a shell and waits for its first prompt.
    static func open(on connection: SSHConnection) async throws -> PromptShell {
        let shell = PromptShell(on: connection.eventLoop)
        let channel = try await connection.openShell(PseudoTerminal()) { shell.received($0) }
        try await shell.wait { $0.shell = channel }
        return shell
    }

    /// Runs `command` so many times, one at a time.
    func run(_ command: String, times: Int) async throws {
        guard times > 0 else { return }
        try await self.wait { state in
            state.remaining = times
            state.command = ByteBuffer(string: command + "\r")
            state.shell?.write(state.command)
        }
    }

    /// Does `begin` on the event loop, then waits for the last prompt.
    private func wait(_ begin: @escaping @Sendable (inout State) -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            self.onLoop {
                begin(&self.state.value)
                if let failure = self.state.value.failure {
                    continuation.resume(throwing: failure)
                } else if self.state.value.remaining == 0 {
                    continuation.resume()
                } else {
                    self.state.value.waiter = continuation
                }
            }
        }
    }

    private func onLoop(_ body: @escaping @Sendable () -> Void) {
        if self.eventLoop.inEventLoop { body() } else { self.eventLoop.execute(body) }
    }

    private func received(_ event: ShellEvent) {
        switch event {
        case .data(let output):
            guard self.state.value.tail.take(output.readableBytesView), self.state.value.remaining > 0 else { return }
            self.state.value.remaining -= 1
            if self.state.value.remaining > 0 {
                self.state.value.shell?.write(self.state.value.command)
            } else {
                self.end(nil)
            }
        case .closed(let error):
            self.end(error ?? BenchmarkError("the device closed the shell"))
        }
    }

    private func end(_ failure: (any Error)?) {
        self.state.value.failure = failure
        guard let waiter = self.state.value.waiter else { return }
        self.state.value.waiter = nil
        if let failure { waiter.resume(throwing: failure) } else { waiter.resume() }
    }
}
