import Glibc
import NIOConcurrencyHelpers

/// The programs that run now, so that none outlives an interrupted benchmark.
final class ChildProcesses: Sendable {
    static let shared = ChildProcesses()

    private let running = NIOLockedValueBox<Set<pid_t>>([])

    func add(_ process: pid_t) { self.running.withLockedValue { _ = $0.insert(process) } }
    func remove(_ process: pid_t) { self.running.withLockedValue { _ = $0.remove(process) } }

    /// Asks all of them to end, without waiting.
    func terminate() {
        for process in self.running.withLockedValue({ $0 }) { kill(process, SIGTERM) }
    }
}
