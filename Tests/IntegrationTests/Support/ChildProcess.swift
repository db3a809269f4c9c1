import Foundation
import Lab
import NIOConcurrencyHelpers

/// A program of its own, with its output in files. It ends with its leash at the latest.
final class ChildProcess: Sendable {
    let name: String
    let processIdentifier: pid_t
    private let outputFile: URL
    private let errorFile: URL
    private let process: NIOLockedValueBox<Process>
    private let status: NIOLockedValueBox<Int32?>

    /// - Parameter executable: a path, or a name that is looked up in `PATH`.
    static func start(
        _ executable: String,
        _ arguments: [String],
        input: Data = Data(),
        environment: [String: String] = [:],
        on leash: Leash
    ) throws -> ChildProcess {
        try ChildProcess(executable, arguments, input: input, environment: environment, leash: leash)
    }

    /// Runs a program to its end.
    /// - Returns: its exit status and what it wrote to standard output.
    static func run(
        _ executable: String,
        _ arguments: [String],
        input: Data = Data(),
        within limit: Duration = patience,
        on leash: Leash
    ) async throws -> (status: Int32, output: Data, errors: String) {
        let child = try Self.start(executable, arguments, input: input, on: leash)
        let status = try await child.end(within: limit)
        return (status, child.output, child.errors)
    }

    private init(
        _ executable: String, _ arguments: [String], input: Data, environment: [String: String], leash: Leash
    ) throws {
        let base = leash.folder.appendingPathComponent("process-\(UUID().uuidString)")
        // Files instead of pipes: nothing that can fill up and stall either side.
        func file(_ suffix: String, _ content: Data = Data()) throws -> URL {
            let url = base.appendingPathExtension(suffix)
            try content.write(to: url)
            return url
        }
        self.name = URL(fileURLWithPath: executable).lastPathComponent
        self.outputFile = try file("out")
        self.errorFile = try file("err")
        let process = Process()
        let isPath = executable.contains("/")
        process.executableURL = URL(fileURLWithPath: isPath ? executable : "/usr/bin/env")
        process.arguments = isPath ? arguments : [executable] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = try FileHandle(forReadingFrom: file("in", input))
        process.standardOutput = try FileHandle(forWritingTo: self.outputFile)
        process.standardError = try FileHandle(forWritingTo: self.errorFile)
        let status = NIOLockedValueBox<Int32?>(nil)
        process.terminationHandler = { process in
            leash.release(process.processIdentifier)
            let isSignal = process.terminationReason == .uncaughtSignal
            status.withLockedValue { $0 = isSignal ? -process.terminationStatus : process.terminationStatus }
        }
        try process.runWithSignalsUnblocked()
        self.processIdentifier = process.processIdentifier
        leash.hold(self.processIdentifier)
        self.process = NIOLockedValueBox(process)
        self.status = status
    }

    var isRunning: Bool { self.status.withLockedValue { $0 == nil } }
    var output: Data { (try? Data(contentsOf: self.outputFile)) ?? Data() }
    var errors: String { String(decoding: (try? Data(contentsOf: self.errorFile)) ?? Data(), as: UTF8.self) }

    func send(signal: Int32) {
        // A process that has been reaped has given its number away.
        if self.isRunning { kill(self.processIdentifier, signal) }
    }

    /// Waits for the end.
    /// - Returns: the exit status; the negative number of the signal that ended it.
    func end(within limit: Duration = patience) async throws -> Int32 {
        try await until("\(self.name) ends", within: limit, state: { String(self.errors.suffix(2_000)) }) {
            !self.isRunning
        }
        return self.status.withLockedValue { $0 ?? 0 }
    }
}
