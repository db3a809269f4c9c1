import Foundation
import Lab
import NIOConcurrencyHelpers

/// One worker of the fleet: a process that is started, ended and started again under the same name.
final class WorkerProcess: Sendable {
    let name: String
    private let executable: URL
    private let arguments: [String]
    private let log: URL
    private let running = NIOLockedValueBox<Process?>(nil)
    /// Where the last run's part of the log begins.
    private let logStart = NIOLockedValueBox<UInt64>(0)

    init(_ name: String, _ executable: URL, _ arguments: [String], log: URL) {
        self.name = name
        self.executable = executable
        self.arguments = arguments
        self.log = log
    }

    func start() throws {
        let process = Process()
        process.executableURL = self.executable
        process.arguments = self.arguments
        // A worker that is killed while its crash is examined would leave the examiner behind, and that one seems to be the worker still.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        if !FileManager.default.fileExists(atPath: self.log.path) {
            _ = FileManager.default.createFile(atPath: self.log.path, contents: nil)
        }
        let output = try FileHandle(forWritingTo: self.log)
        let start = try output.seekToEnd()
        self.logStart.withLockedValue { $0 = start }
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.runWithSignalsUnblocked()
        self.running.withLockedValue { $0 = process }
    }

    var isRunning: Bool { self.running.withLockedValue { $0?.isRunning ?? false } }

    /// Whether the last run has come so far as to be a worker. Before that a signal ends it as it ends any program, and nothing is lost.
    var hasBegun: Bool {
        guard let log = try? FileHandle(forReadingFrom: self.log) else { return false }
        try? log.seek(toOffset: self.logStart.withLockedValue { $0 })
        let text = String(decoding: (try? log.readToEnd()) ?? Data(), as: UTF8.self)
        return text.contains("worker starts")
    }

    /// Exit status of the last run; the negative number of the signal that ended it; `nil` while it runs.
    var status: Int32? {
        self.running.withLockedValue { process in
            guard let process, !process.isRunning else { return nil }
            return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
        }
    }

    func send(_ signal: Int32) {
        // A process that has been reaped has given its number away.
        self.running.withLockedValue { process in
            if let process, process.isRunning { kill(process.processIdentifier, signal) }
        }
    }

    /// Waits for the end; makes an end after `limit`.
    /// - Returns: whether it ended by itself.
    @discardableResult
    func waitForEnd(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while self.isRunning {
            guard ContinuousClock.now < deadline else {
                self.send(SIGCONT)
                self.send(SIGKILL)
                while self.isRunning { try? await Task.sleep(for: .milliseconds(20)) }
                return false
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return true
    }
}
