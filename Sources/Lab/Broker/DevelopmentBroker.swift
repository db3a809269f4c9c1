import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// The development broker as a child process.
///
/// Give each run a data folder of its own, and keep what it holds small: the broker writes all its data as one file about every second.
package final class DevelopmentBroker: Sendable {
    /// Port of the broker itself; clients belong on the proxy's.
    package let port: Int
    private let process: NIOLockedValueBox<Process>
    private let ended: EventLoopFuture<Int32>

    private init(port: Int, process: Process, ended: EventLoopFuture<Int32>) {
        self.port = port
        self.process = NIOLockedValueBox(process)
        self.ended = ended
    }

    /// Starts the broker and waits until it answers.
    /// - Parameters:
    ///   - binary: the executable `noida-db`. The launcher script that `pip` installs is resolved to the executable behind it, because the
    ///     script doesn't pass signals on.
    ///   - dataDirectory: made if it doesn't exist. A folder in use by another broker gives an error.
    ///   - port: 0 takes a free one.
    package static func start(
        binary: String,
        dataDirectory: String,
        port: Int = 0,
        timeout: Duration = .seconds(20)
    ) async throws -> DevelopmentBroker {
        let port = port == 0 ? try await freePort() : port
        try FileManager.default.createDirectory(atPath: dataDirectory, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable(behind: binary))
        process.arguments = [
            "start", "--data-dir", dataDirectory, "--host", "127.0.0.1", "--only", "kafka", "--kafka-port", "\(port)",
        ]
        let log = URL(fileURLWithPath: dataDirectory).appendingPathComponent("broker.log")
        try Data().write(to: log)
        let output = try FileHandle(forWritingTo: log)
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        let ended = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Int32.self)
        process.terminationHandler = { ended.succeed($0.terminationStatus) }
        do {
            try process.runWithSignalsUnblocked()
        } catch {
            ended.fail(error)
            throw LabError("can't start \(binary): \(error.localizedDescription)")
        }
        let broker = DevelopmentBroker(port: port, process: process, ended: ended.futureResult)
        let deadline = ContinuousClock.now + timeout
        while true {
            if await answers(port: port) { return broker }
            let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            guard broker.isRunning else { throw LabError("the broker ended: \(text.suffix(500))") }
            guard ContinuousClock.now < deadline else {
                await broker.kill()
                throw LabError("the broker doesn't answer on port \(port): \(text.suffix(500))")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    package var isRunning: Bool { process.withLockedValue { $0.isRunning } }
    package var processIdentifier: Int32 { process.withLockedValue { $0.processIdentifier } }

    /// Calls `body` when the process has ended, whatever the reason.
    package func whenEnded(_ body: @escaping @Sendable () -> Void) { ended.whenComplete { _ in body() } }

    /// Stops the broker in good order (it saves its data) and waits for its end. Kills it when that takes longer than `timeout`.
    package func stop(timeout: Duration = .seconds(60)) async {
        process.withLockedValue { if $0.isRunning { $0.terminate() } }
        let process = process
        let killer = ended.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            process.withLockedValue { _ = Foundation.kill($0.processIdentifier, SIGKILL) }
        }
        _ = try? await ended.get()
        killer.cancel()
    }

    /// Kills the broker: what it hasn't saved is lost, which is about the last second of acknowledged records.
    package func kill() async {
        process.withLockedValue { if $0.isRunning { _ = Foundation.kill($0.processIdentifier, SIGKILL) } }
        _ = try? await ended.get()
    }

    /// A port that is free now.
    package static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(
            host: "127.0.0.1", port: 0
        ).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return port
    }

    private static func answers(port: Int) async -> Bool {
        guard
            let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(1)).connect(host: "127.0.0.1", port: port).get()
        else { return false }
        try? await channel.close()
        return true
    }

    static func executable(behind binary: String) -> String {
        let library = URL(fileURLWithPath: binary).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("lib")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: library.path)) ?? []
        where name.hasPrefix("python") {
            let path = library.appendingPathComponent("\(name)/site-packages/noida_db/noida-db").path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        return binary
    }
}
