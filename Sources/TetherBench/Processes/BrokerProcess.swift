import Foundation
import Lab

/// A development broker with the proxy that makes it behave, in a process of its own, for the time of a measurement: its data are gone with it, because
/// it writes all of them over and over.
enum BrokerProcess {
    /// - Parameter body: gets the bootstrap servers, and a folder for files of its own.
    static func with<Result>(_ body: (_ servers: String, _ folder: URL) async throws -> Result) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let broker = try ChildProcess(
            try SiblingProgram.url("tether-lab"),
            [
                "broker", "--data-dir", folder.appendingPathComponent("broker").path, "--port", "0",
                "--binary", ProcessInfo.processInfo.environment["TETHER_TEST_BROKER"] ?? "noida-db",
            ],
            isQuiet: true
        )
        do {
            let ready = try await broker.line(withPrefix: "ready ", within: .seconds(60))
            guard let servers = ready.split(separator: " ").first(where: { $0.hasPrefix("bootstrap=") })?.dropFirst(10)
            else {
                throw BenchmarkError("tether-lab said something else than where its broker is: \(ready)")
            }
            let result = try await body(String(servers), folder)
            await broker.stop()
            return result
        } catch {
            await broker.stop()
            throw error
        }
    }
}
