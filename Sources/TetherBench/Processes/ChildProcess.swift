import Foundation
import NIOConcurrencyHelpers

/// A program that runs beside this one, and ends with it.
final class ChildProcess: Sendable {
    private let process: Process
    private let lines: AsyncStream<String>

    var identifier: Int32 { self.process.processIdentifier }

    /// Starts a program. Its standard error goes where ours goes, except when `isQuiet`.
    init(_ executable: URL, _ arguments: [String], environment: [String: String] = [:], isQuiet: Bool = false) throws {
        let (process, output) = (Process(), Pipe())
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        if isQuiet { process.standardError = FileHandle.nullDevice }
        // Lines that nobody reads are dropped, oldest first.
        let (lines, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1_000))
        let unfinished = NIOLockedValueBox(Data())
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                continuation.finish()
                return
            }
            let complete = unfinished.withLockedValue { unfinished in
                unfinished.append(data)
                var parts = unfinished.split(separator: 0x0A, omittingEmptySubsequences: false)
                unfinished = Data(parts.removeLast())
                return parts.map { String(decoding: $0, as: UTF8.self) }
            }
            for line in complete { continuation.yield(line) }
        }
        self.process = process
        self.lines = lines
        try process.run()
        ChildProcesses.shared.add(process)
    }

    /// Waits for a line that begins with `prefix`.
    func line(withPrefix prefix: String, within limit: Duration) async throws -> String {
        let found = try await self.within(limit) { () -> String? in
            for await line in self.lines where line.hasPrefix(prefix) { return line }
            return nil
        }
        guard let found else { throw BenchmarkError("\(self.name) ended before it was ready") }
        return found
    }

    /// Waits for the end, and returns all lines since the start.
    func output(within limit: Duration) async throws -> String {
        let output = try await self.within(limit) {
            var output = ""
            for await line in self.lines { output += line + "\n" }
            return output
        }
        self.process.waitUntilExit()
        ChildProcesses.shared.remove(self.process)
        guard self.process.terminationStatus == 0 else {
            throw BenchmarkError("\(self.name) ended with status \(self.process.terminationStatus)")
        }
        return output
    }

    /// Asks the program to end (SIGTERM) and waits for it; makes it end after `limit`.
    func stop(within limit: Duration = .seconds(15)) async {
        if self.process.isRunning { self.process.terminate() }
        do {
            _ = try await self.within(limit) { for await _ in self.lines {} }
        } catch {
            kill(self.identifier, SIGKILL)
        }
        self.process.waitUntilExit()
        ChildProcesses.shared.remove(self.process)
    }

    private var name: String { self.process.executableURL?.lastPathComponent ?? "a program" }

    private func within<Result: Sendable>(
        _ limit: Duration,
        _ body: @escaping @Sendable () async -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { await body() }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else {
                throw BenchmarkError("\(self.name) did not answer within \(limit)")
            }
            return result
        }
    }

    /// A program that is built beside this one.
    static func sibling(_ name: String) throws -> URL {
        let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let url = folder.appendingPathComponent(name)
        guard FileManager.default.isExecutableFile(atPath: url.path) else {
            throw BenchmarkError("\(url.path) is missing: build all products, as deploy/bench does")
        }
        return url
    }
}
