import Glibc
import NIOConcurrencyHelpers

/// The workers of a stage, by name, in the order of starting.
final class WorkerProcesses: Sendable {
    private let running = NIOLockedValueBox<[(name: String, process: ChildProcess)]>([])

    var first: pid_t? { self.running.withLockedValue { $0.first?.process.identifier } }

    var identifiers: [(name: String, process: pid_t)] {
        self.running.withLockedValue { $0.map { ($0.name, $0.process.identifier) } }
    }

    /// The process is collected by whoever stops all.
    func kill(_ name: String) {
        let process = self.running.withLockedValue { running -> ChildProcess? in
            guard let index = running.firstIndex(where: { $0.name == name }) else { return nil }
            return running.remove(at: index).process
        }
        process?.endAtOnce()
    }

    func add(_ name: String, _ process: ChildProcess) { self.running.withLockedValue { $0.append((name, process)) } }

    func stop(_ name: String) async {
        let process = self.running.withLockedValue { running -> ChildProcess? in
            guard let index = running.firstIndex(where: { $0.name == name }) else { return nil }
            return running.remove(at: index).process
        }
        await process?.stop(within: .seconds(30))
    }

    func stopAll() async {
        let processes = self.running.withLockedValue { running in
            defer { running = [] }
            return running.map(\.process)
        }
        await withTaskGroup { tasks in
            for process in processes { tasks.addTask { await process.stop(within: .seconds(60)) } }
        }
    }
}
