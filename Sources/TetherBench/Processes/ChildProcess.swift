import Dispatch
import Foundation
import NIOConcurrencyHelpers

/// A program that runs beside this one, and ends with it.
///
/// Its output is read by a thread of its own until its end, which also collects its exit status.
final class ChildProcess: Sendable {
    private enum Ending { case exited(Int32), signalled(Int32) }

    let identifier: pid_t
    private let name: String
    private let lines: AsyncStream<String>
    /// `nil` as long as the process identifier is the program's.
    private let ending = NIOLockedValueBox<Ending?>(nil)

    /// Starts a program. Its standard error goes where ours goes, except when `isQuiet`.
    init(_ executable: URL, _ arguments: [String], isQuiet: Bool = false) throws {
        self.name = executable.lastPathComponent
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw BenchmarkError("no pipe: \(String(cString: strerror(errno)))") }
        let (output, input) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, input, 1)
        if isQuiet { posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) }

        // What this program has done about signals isn't the other one's business.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var words: [UnsafeMutablePointer<CChar>?] = ([executable.path] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var started = pid_t(0)
        let failure = posix_spawn(&started, executable.path, &actions, &attributes, words, environ)
        close(input)
        guard failure == 0 else {
            close(output)
            throw BenchmarkError("\(executable.path) does not start: \(String(cString: strerror(failure)))")
        }
        let identifier = started
        self.identifier = identifier
        // Lines that nobody reads are dropped, oldest first.
        let (lines, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1_000))
        self.lines = lines
        ChildProcesses.shared.add(identifier)
        let ending = self.ending
        let reader = Thread {
            Self.readLines(from: output) { continuation.yield($0) }
            close(output)
            // The identifier is given back under the lock, so that no signal ever meets another process.
            var information = siginfo_t()
            while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            ending.withLockedValue { ending in
                var status: Int32 = 0
                waitpid(identifier, &status, 0)
                ending = status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
            }
            ChildProcesses.shared.remove(identifier)
            continuation.finish()
        }
        reader.start()
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
        switch self.ending.withLockedValue({ $0 }) {
        case .exited(0): return output
        case .exited(let status): throw BenchmarkError("\(self.name) ended with status \(status)")
        case .signalled(let signal): throw BenchmarkError("\(self.name) was ended by signal \(signal)")
        case nil: throw BenchmarkError("waiting for \(self.name) was cancelled")
        }
    }

    /// Ends the program at once (SIGKILL), and waits until its ports and files are free.
    func endAtOnce() async {
        self.send(SIGKILL)
        for await _ in self.lines {}
    }

    /// Asks the program to end (SIGTERM) and waits for it; makes it end after `limit`.
    func stop(within limit: Duration = .seconds(15)) async {
        self.send(SIGTERM)
        do {
            try await self.within(limit) { for await _ in self.lines {} }
        } catch {
            self.send(SIGKILL)
        }
    }

    private func send(_ signal: Int32) {
        self.ending.withLockedValue { ending in
            if ending == nil { kill(self.identifier, signal) }
        }
    }

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

    /// Reads until the other end is closed. Blocks.
    private static func readLines(from descriptor: Int32, _ body: (String) -> Void) {
        var unfinished: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            unfinished += buffer[..<count]
            var parts = unfinished.split(separator: 0x0A, omittingEmptySubsequences: false)
            unfinished = Array(parts.removeLast())
            for part in parts { body(String(decoding: part, as: UTF8.self)) }
        }
        if !unfinished.isEmpty { body(String(decoding: unfinished, as: UTF8.self)) }
    }
}
