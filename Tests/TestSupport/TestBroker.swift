import Foundation
import Lab
import NIOConcurrencyHelpers

/// A real broker process on a free port of 127.0.0.1, with a fresh data folder, for one test or suite.
///
/// It is a small stand-in for Apache Kafka (`noida-db`): right in offsets with metadata, transactions and isolation, administration and
/// static membership. It never ends the session of a dead member, and with `cooperative-sticky` two members need a proxy in front.
/// Keep its data below 10 MB: it rewrites all of it every second.
package final class TestBroker: Sendable {
    package let port: Int
    /// `127.0.0.1:port`
    package var bootstrapServers: String { "127.0.0.1:\(self.port)" }
    private let binary: String
    private let folder: URL
    private let broker: NIOLockedValueBox<DevelopmentBroker>

    private init(_ broker: DevelopmentBroker, binary: String, folder: URL) {
        self.port = broker.port
        self.binary = binary
        self.folder = folder
        self.broker = NIOLockedValueBox(broker)
    }

    /// Starts a broker and waits until it takes connections.
    package static func start() async throws -> TestBroker {
        let binary = try Self.binary()
        // Somebody else may take the port between the look and the start.
        var attempts = 5
        while true {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "tether-broker-\(UUID().uuidString)")
            do {
                let broker = try await DevelopmentBroker.start(binary: binary, dataDirectory: folder.path)
                return TestBroker(broker, binary: binary, folder: folder)
            } catch {
                try? FileManager.default.removeItem(at: folder)
                attempts -= 1
                guard attempts > 0 else { throw error }
            }
        }
    }

    /// Runs `body` with a broker of its own.
    package static func with<Value>(_ body: (TestBroker) async throws -> Value) async throws -> Value {
        let broker = try await Self.start()
        do {
            let value = try await body(broker)
            await broker.stop()
            return value
        } catch {
            await broker.stop()
            throw error
        }
    }

    /// Ends the process, waits for its end, and removes its data.
    package func stop() async {
        await self.broker.withLockedValue { $0 }.kill()
        try? FileManager.default.removeItem(at: self.folder)
    }

    /// Ends the broker in order, so that it saves its data, and starts it again on the same port.
    package func restart() async throws {
        await self.broker.withLockedValue { $0 }.stop()
        let broker = try await DevelopmentBroker.start(
            binary: self.binary, dataDirectory: self.folder.path, port: self.port)
        self.broker.withLockedValue { $0 = broker }
    }

    private static func binary() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["TETHER_TEST_BROKER"], !path.isEmpty {
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw LabError("TETHER_TEST_BROKER names \(path), which can't be executed.")
            }
            return path
        }
        for folder in (environment["PATH"] ?? "").split(separator: ":") {
            let path = "\(folder)/noida-db"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw LabError(
            """
            These tests need a Kafka broker, and none was found. Install one with
                python3 -m venv .venv && .venv/bin/pip install noida-db==0.2.3
            and set TETHER_TEST_BROKER to the path of .venv/bin/noida-db.
            """
        )
    }
}
