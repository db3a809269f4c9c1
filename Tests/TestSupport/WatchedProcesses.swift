import Foundation

/// The processes of a test's server, and the folder that they work in: gone with ``stop()``, with this object, or with the test process, however it
/// ends.
final class WatchedProcesses: @unchecked Sendable {
    // Sendable: everything but `isStopped` is constant, and that is used under `lock`.

    private let processes: [pid_t]
    private let folder: URL
    private let cleanUp: String
    /// Does what `stop` does when the pipe closes.
    private let watchdog: pid_t
    private let watchdogPipe: Int32
    private let lock = NSLock()
    private var isStopped = false

    /// - Parameter cleanUp: a shell command for what is left besides the folder.
    init(_ processes: [pid_t], folder: URL, cleanUp: String = ":") throws {
        self.processes = processes
        self.folder = folder
        self.cleanUp = cleanUp
        let kills = processes.map { "kill -9 \($0)" }.joined(separator: "; ")
        (self.watchdog, self.watchdogPipe) = try OpenSSHServer.spawnWatchdog(
            "read end; \(kills); \(cleanUp); rm -rf '\(folder.path)'")
    }

    deinit { self.stop() }

    /// - Parameter others: processes that are looked up before the first one ends, and end after it.
    func stop(with others: () -> [pid_t] = { [] }) {
        self.lock.lock()
        defer { self.lock.unlock() }
        guard !self.isStopped else { return }
        self.isStopped = true
        let others = others()
        for process in [self.watchdog] + self.processes {
            kill(process, SIGKILL)
            _ = OpenSSHServer.wait(for: process)
        }
        close(self.watchdogPipe)
        for process in others { kill(process, SIGKILL) }
        try? OpenSSHServer.run("/bin/sh", ["-c", self.cleanUp])
        try? FileManager.default.removeItem(at: self.folder)
    }
}
