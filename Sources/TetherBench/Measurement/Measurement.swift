import Foundation

/// What one process measured of its own work; the reference program prints the same fields.
struct Measurement: Codable, Sendable {
    var mode: String
    var sessions: Int
    /// Connections made, commands run, or sessions held.
    var count: Int
    var failures: Int
    var userSeconds: Double
    var systemSeconds: Double
    var wallSeconds: Double
    /// Resident memory at the end, and before the first session; when sessions are only held, before the second.
    var rssBytes: Int
    var rssBeforeBytes: Int
    /// Median of the time to an answer, where each was timed.
    var p50Seconds: Double?

    var cpuSeconds: Double { self.userSeconds + self.systemSeconds }
    /// CPU microseconds for one of `count`.
    var cpuMicroseconds: Double { self.cpuSeconds / Double(max(self.count, 1)) * 1e6 }
    var userMicroseconds: Double { self.userSeconds / Double(max(self.count, 1)) * 1e6 }
    /// Memory that one more held session adds.
    var bytesPerSession: Double { Double(self.rssBytes - self.rssBeforeBytes) / Double(max(self.sessions - 1, 1)) }

    private enum CodingKeys: String, CodingKey {
        case mode, sessions, count, failures
        case userSeconds = "user_seconds"
        case systemSeconds = "system_seconds"
        case wallSeconds = "wall_seconds"
        case rssBytes = "rss_bytes"
        case rssBeforeBytes = "rss_before_bytes"
        case p50Seconds = "p50_seconds"
    }

    /// Reads the last line of a process's output.
    init(lastLineOf output: String) throws {
        guard let line = output.split(separator: "\n").last else {
            throw BenchmarkError("a measured process printed nothing")
        }
        self = try JSONDecoder().decode(Self.self, from: Data(line.utf8))
    }

    init(mode: String, sessions: Int, count: Int, spent: ResourceUsage, rssBefore: Int) {
        self.mode = mode
        self.sessions = sessions
        self.count = count
        self.failures = 0
        self.userSeconds = spent.userSeconds
        self.systemSeconds = spent.systemSeconds
        self.wallSeconds = spent.wallSeconds
        self.rssBytes = ResourceUsage.residentBytes() ?? 0
        self.rssBeforeBytes = rssBefore
    }

    /// As one line of JSON.
    func line() throws -> String {
        String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
    }
}

/// Why a benchmark could not be run to its end.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
