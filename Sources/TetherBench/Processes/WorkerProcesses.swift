import Glibc
import NIOConcurrencyHelpers

/// The workers of a stage, by name, in the order of starting.
final class WorkerProcesses: Sendable {
    private let running = NIOLockedValueBox<[(name: String, process: ChildProcess)]>([])

    var first: pid_t? { self.running.withLockedValue { $0.first?.process.identifier } }

    var identifiers: [(name: String, process: pid_t)] {
        self.running.withLockedValue { $0.map { ($0.name, $0.process.identifier) } }
    }

    func kill(_ name: String) async { await self.remove(name)?.endAtOnce() }

    func add(_ name: String, _ process: ChildProcess) { self.running.withLockedValue { $0.append((name, process)) } }

    func stop(_ name: String) async { await self.remove(name)?.stop(within: .seconds(30)) }

    func stopAll() async {
        let processes = self.running.withLockedValue { running in
            defer { running = [] }
            return running.map(\.process)
        }
        await withTaskGroup { tasks in
            for process in processes { tasks.addTask { await process.stop(within: .seconds(60)) } }
        }
    }

    private func remove(_ name: String) -> ChildProcess? {
        self.running.withLockedValue { running in
            running.firstIndex { $0.name == name }.map { running.remove(at: $0).process }
        }
    }
}
