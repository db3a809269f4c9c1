import Foundation
import NIOConcurrencyHelpers

/// The programs that run now, so that none outlives an interrupted benchmark.
final class ChildProcesses: Sendable {
    static let shared = ChildProcesses()

    private let running = NIOLockedValueBox<Set<Int32>>([])

    func add(_ process: Process) { self.running.withLockedValue { _ = $0.insert(process.processIdentifier) } }
    func remove(_ process: Process) { self.running.withLockedValue { _ = $0.remove(process.processIdentifier) } }

    /// Asks all of them to end, without waiting.
    func terminate() {
        for process in self.running.withLockedValue({ $0 }) { kill(process, SIGTERM) }
    }
}
