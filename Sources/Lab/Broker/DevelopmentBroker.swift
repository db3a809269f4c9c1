import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// The development broker as a child process, which ends with this one, however this one ends.
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
    ///
    /// - Parameters:
    ///   - binary: the executable `noida-db`. The launcher script that `pip` installs is resolved to the executable behind it, because the
    ///     script doesn't pass signals on.
    ///   - dataDirectory: made if it doesn't exist. A folder in use by another broker gives an error.
    ///   - port: 0 takes a free one.
    /// - Throws: ``LabError``, and errors of the file system.
    package static func start(
        binary: String,
        dataDirectory: String,
        port: Int = 0,
        timeout: Duration = .seconds(20)
    ) async throws -> DevelopmentBroker {
        let port = port == 0 ? try LoopbackPort.free() : port
        try FileManager.default.createDirectory(atPath: dataDirectory, withIntermediateDirectories: true)
        let log = URL(fileURLWithPath: dataDirectory).appendingPathComponent("broker.log")
        try Data().write(to: log)
        let output = try FileHandle(forWritingTo: log)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable(behind: binary))
        process.arguments = [
            "start", "--data-dir", dataDirectory, "--host", "127.0.0.1", "--only", "kafka", "--kafka-port", "\(port)",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let ended = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Int32.self)
        process.terminationHandler = { ended.succeed($0.terminationStatus) }
        do {
            try process.runWithSignalsUnblocked()
        } catch {
            ended.fail(error)
            throw LabError("can't start \(binary): \(error.localizedDescription)")
        }
        let broker = DevelopmentBroker(port: port, process: process, ended: ended.futureResult)
        do {
            let watchdog = try Watchdog(process.processIdentifier)
            ended.futureResult.whenComplete { _ in watchdog.dismiss() }
        } catch {
            await broker.kill()
            throw LabError("can't watch over \(binary): \(error.localizedDescription)")
        }
        let deadline = ContinuousClock.now + timeout
        while true {
            let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            // It names its address once it has the port: a connection alone may lead to somebody else.
            if text.contains("127.0.0.1:\(port)"), LoopbackPort.answers(port) { return broker }
            guard broker.isRunning else { throw LabError("the broker ended: \(text.suffix(500))") }
            guard ContinuousClock.now < deadline else {
                await broker.kill()
                throw LabError("the broker doesn't answer on port \(port): \(text.suffix(500))")
            }
            try await Task.sleep(for: .milliseconds(10))
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
            process.withLockedValue { if $0.isRunning { _ = Foundation.kill($0.processIdentifier, SIGKILL) } }
        }
        _ = try? await ended.get()
        killer.cancel()
    }

    /// Kills the broker: what it hasn't saved is lost, which is about the last second of acknowledged records.
    package func kill() async {
        process.withLockedValue { if $0.isRunning { _ = Foundation.kill($0.processIdentifier, SIGKILL) } }
        _ = try? await ended.get()
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
