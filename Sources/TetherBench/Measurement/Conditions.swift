import Foundation
import Glibc
import Kafka
import SSH

/// When and where something was measured: figures of another machine, or of a busy one, say something else.
struct Conditions {
    private let begin = Date()
    private let load = Self.loadAverages
    /// What was measured, as `deploy/bench` knows it.
    private let revision = ProcessInfo.processInfo.environment["TETHER_REVISION"]

    /// Each condition under its name, as of now.
    var list: [(name: String, value: String)] {
        let machine = ProcessInfo.processInfo
        return [
            ("begun", ISO8601DateFormatter().string(from: self.begin)),
            ("ended", ISO8601DateFormatter().string(from: Date())),
            ("revision", self.revision ?? "unknown"),
            (
                "machine",
                "\(Self.processor), \(machine.activeProcessorCount) cores, \(machine.physicalMemory / 1_073_741_824) GiB"
            ),
            ("system", "\(Self.system), Linux \(Self.kernel)"),
            ("libraries", "libssh2 \(LibSSH2Library.version), librdkafka \(KafkaConfiguration.libraryVersion)"),
            ("load_at_begin", self.load),
            ("load_at_end", Self.loadAverages),
        ]
    }

    /// Of the last minute, five and fifteen minutes.
    private static var loadAverages: String {
        var averages = [0.0, 0.0, 0.0]
        guard getloadavg(&averages, 3) == 3 else { return "unknown" }
        return averages.map { String(format: "%.2f", $0) }.joined(separator: " ")
    }

    private static var processor: String {
        self.field("model name", of: "/proc/cpuinfo", separator: ":") ?? "unknown processor"
    }

    private static var system: String {
        self.field("PRETTY_NAME", of: "/etc/os-release", separator: "=") ?? "unknown system"
    }

    private static var kernel: String {
        (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
    }

    private static func field(_ name: String, of path: String, separator: Character) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: separator, maxSplits: 1)
            guard parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == name else { continue }
            return parts[1].trimmingCharacters(in: CharacterSet(charactersIn: " \t\""))
        }
        return nil
    }
}
