import Foundation

/// A real broker process on a free port of 127.0.0.1, with a fresh data folder, for one test or suite.
///
/// It is a small stand-in for Apache Kafka (`noida-db`): right in offsets with metadata, transactions and isolation, administration and
/// static membership. It never ends the session of a dead member, and with `cooperative-sticky` two members need a proxy in front.
/// Keep its data below 10 MB: it rewrites all of it every second.
package final class DevelopmentBroker: Sendable {
    /// `127.0.0.1:port`
    package let bootstrapServers: String
    package let port: Int
    private let folder: URL
    private let process: BrokerProcess

    private init(port: Int, folder: URL, process: BrokerProcess) {
        self.port = port
        self.bootstrapServers = "127.0.0.1:\(port)"
        self.folder = folder
        self.process = process
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
                return DevelopmentBroker(port: port, folder: folder, process: process)
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
        await self.process.stop()
        try? FileManager.default.removeItem(at: self.folder)
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
    // @unchecked: both are set once and then only used through their own thread-safe calls.
    private let process = Process()
    private let leash = Pipe()
    private let ended = DispatchSemaphore(value: 0)
    private let log: URL

    init(binary: String, folder: URL, port: Int) throws {
        self.log = folder.appendingPathComponent("broker.log")
        _ = FileManager.default.createFile(atPath: self.log.path, contents: nil)
        let output = try FileHandle(forWritingTo: self.log)
        // A child that another test starts must not hold the pipe open.
        _ = fcntl(self.leash.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        self.process.executableURL = URL(fileURLWithPath: "/bin/sh")
        self.process.arguments = [
            "-c", #""$@" </dev/null & child=$!; trap 'kill $child' TERM; read -r _; kill $child; wait $child"#, "broker",
            binary, "start", "--data-dir", folder.appendingPathComponent("data").path, "--host", "127.0.0.1",
            "--only", "kafka", "--kafka-port", String(port),
        ]
        self.process.standardInput = self.leash
        self.process.standardOutput = output
        self.process.standardError = output
        let ended = self.ended
        self.process.terminationHandler = { _ in ended.signal() }
        try self.process.run()
    }

    func waitUntilReady(port: Int) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(20))
        while !canConnect(port: port) {
            guard self.process.isRunning, ContinuousClock.now < deadline else {
                let said = (try? String(contentsOf: self.log, encoding: .utf8)) ?? ""
                throw DevelopmentBrokerError("The broker did not come up on port \(port): \(said)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func stop() async {
        try? self.leash.fileHandleForWriting.close()
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            DispatchQueue.global().async {
                if self.ended.wait(timeout: .now() + 20) == .timedOut {
                    kill(self.process.processIdentifier, SIGTERM)
                    _ = self.ended.wait(timeout: .now() + 10)
                }
                continuation.resume()
            }
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on now.
package func freePort() throws -> Int {
    let (port, descriptor) = try withLoopbackSocket { descriptor, address, length in
        bind(descriptor, address, length)
    }
    close(descriptor)
    return port
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
    port: Int = 0,
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
