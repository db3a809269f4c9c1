import Foundation
import NIOConcurrencyHelpers

/// A real broker process on a free port of 127.0.0.1, with a fresh data folder, for one test or suite.
///
/// It is a small stand-in for Apache Kafka (`noida-db`): right in offsets with metadata, transactions and isolation, administration and
/// static membership. It never ends the session of a dead member, and with `cooperative-sticky` two members need a proxy in front.
/// Keep its data below 10 MB: it rewrites all of it every second.
package final class DevelopmentBroker: Sendable {
    /// `127.0.0.1:port`
    package let bootstrapServers: String
    package let port: Int
    private let binary: String
    private let folder: URL
    private let process: NIOLockedValueBox<BrokerProcess>

    private init(port: Int, binary: String, folder: URL, process: BrokerProcess) {
        self.port = port
        self.bootstrapServers = "127.0.0.1:\(port)"
        self.binary = binary
        self.folder = folder
        self.process = NIOLockedValueBox(process)
    }

    /// Starts a broker and waits until it takes connections.
    package static func start() async throws -> DevelopmentBroker {
        let binary = try Self.binary()
        var lastError: any Error = DevelopmentBrokerError("The broker was not started.")
        // Somebody else may take the port between the look and the start.
        for _ in 1...5 {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "tether-broker-\(UUID().uuidString)"
            )
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let port = try freePort()
            let process = try BrokerProcess(binary: binary, folder: folder, port: port)
            do {
                try await process.waitUntilReady(port: port)
                return DevelopmentBroker(port: port, binary: binary, folder: folder, process: process)
            } catch {
                lastError = error
                await process.stop()
                try? FileManager.default.removeItem(at: folder)
            }
        }
        throw lastError
    }

    /// Runs `body` with a broker of its own.
    package static func with<Value>(_ body: (DevelopmentBroker) async throws -> Value) async throws -> Value {
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
        await self.process.withLockedValue { $0 }.stop()
        try? FileManager.default.removeItem(at: self.folder)
    }

    /// Ends the broker and starts it again on the same port with the same data.
    ///
    /// - Parameter saving: in order, so that it writes its state first; otherwise it loses about the last second, acknowledged records too.
    package func restart(saving: Bool = true) async throws {
        await self.process.withLockedValue { $0 }.stop(saving: saving)
        let process = try BrokerProcess(binary: self.binary, folder: self.folder, port: self.port)
        self.process.withLockedValue { $0 = process }
        try await process.waitUntilReady(port: self.port)
    }

    private static func binary() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["TETHER_TEST_BROKER"], !path.isEmpty {
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw DevelopmentBrokerError("TETHER_TEST_BROKER names \(path), which can't be executed.")
            }
            return path
        }
        for folder in (environment["PATH"] ?? "").split(separator: ":") {
            let path = "\(folder)/noida-db"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw DevelopmentBrokerError(
            """
            These tests need a Kafka broker, and none was found. Install one with
                python3 -m venv .venv && .venv/bin/pip install noida-db==0.2.3
            and set TETHER_TEST_BROKER to the path of .venv/bin/noida-db.
            """
        )
    }
}

package struct DevelopmentBrokerError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// The broker behind a shell that ends it when this process goes away, however it goes: the shell reads from a pipe that we hold.
private final class BrokerProcess: @unchecked Sendable {
    // @unchecked: all are set once and then only used through calls that are thread-safe.
    private let process = Process()
    private let leash = Pipe()
    private let ended = DispatchSemaphore(value: 0)
    private let log: URL

    /// `noida-db` as pip installs it is a script that starts the real binary and waits for it: the signal is for the binary.
    private static let script = #"""
        "$@" </dev/null & child=$!
        read -r how
        broker=$(cat /proc/$child/task/$child/children)
        if [ "$how" = save ]; then kill -TERM ${broker:-$child}; else kill -KILL ${broker:-$child}; fi
        wait $child
        """#

    init(binary: String, folder: URL, port: Int) throws {
        self.log = folder.appendingPathComponent("broker.log")
        _ = FileManager.default.createFile(atPath: self.log.path, contents: nil)
        let output = try FileHandle(forWritingTo: self.log)
        // A child that another test starts must not hold the pipe open.
        _ = fcntl(self.leash.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        self.process.executableURL = URL(fileURLWithPath: "/bin/sh")
        self.process.arguments = [
            "-c", Self.script, "broker", binary, "start", "--data-dir", folder.appendingPathComponent("data").path,
            "--host", "127.0.0.1", "--only", "kafka", "--kafka-port", String(port),
        ]
        self.process.standardInput = self.leash
        self.process.standardOutput = output
        self.process.standardError = output
        let ended = self.ended
        self.process.terminationHandler = { _ in ended.signal() }

        // A child inherits the signals that its starting thread blocks, and threads of a pool block nearly all.
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try self.process.run()
    }

    func waitUntilReady(port: Int) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(20))
        // It names its address once it has the port; a connection alone may lead to somebody else.
        while !(self.said.contains("127.0.0.1:\(port)") && canConnect(port: port)) {
            guard self.process.isRunning, ContinuousClock.now < deadline else {
                throw DevelopmentBrokerError("The broker did not come up on port \(port): \(self.said)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private var said: String { (try? String(contentsOf: self.log, encoding: .utf8)) ?? "" }

    /// - Parameter saving: let the broker write its state first.
    func stop(saving: Bool = false) async {
        if saving { try? self.leash.fileHandleForWriting.write(contentsOf: Data("save\n".utf8)) }
        try? self.leash.fileHandleForWriting.close()
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            DispatchQueue.global().async {
                _ = self.ended.wait(timeout: .now() + 60)
                continuation.resume()
            }
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on now, from below the range that the system hands out by itself: it will not give it to
/// somebody else meanwhile.
package func freePort() throws -> Int {
    for _ in 1...100 {
        let port = Int.random(in: 15_000..<32_000)
        guard
            let (_, descriptor) = try? withLoopbackSocket(
                port: port,
                { descriptor, address, length in bind(descriptor, address, length) }
            )
        else { continue }
        close(descriptor)
        return port
    }
    throw DevelopmentBrokerError("No free port between 15000 and 32000.")
}

private func canConnect(port: Int) -> Bool {
    guard
        let (_, descriptor) = try? withLoopbackSocket(
            port: port,
            { descriptor, address, length in connect(descriptor, address, length) }
        )
    else { return false }
    close(descriptor)
    return true
}

private func withLoopbackSocket(
    port: Int,
    _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
) throws -> (port: Int, descriptor: Int32) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw DevelopmentBrokerError("No socket: errno \(errno)") }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer -> Int32 in
            let status = body(descriptor, pointer, length)
            if status == 0 { getsockname(descriptor, pointer, &length) }
            return status
        }
    }
    guard status == 0 else {
        close(descriptor)
        throw DevelopmentBrokerError("Port \(port): errno \(errno)")
    }
    return (Int(UInt16(bigEndian: address.sin_port)), descriptor)
}
