import Foundation
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport
import Testing

@testable import Devices

/// Output that is far larger than what a session may hold: 20 MB in the suite, 100 MB with `TETHER_LONG_TESTS=1`.
///
/// The server is a process of its own, so that what grows here is the session's. Nothing else may run at the same time.
@Suite("Large outputs", .serialized)
struct LargeOutputTests {
    private static let isLong = ProcessInfo.processInfo.environment["TETHER_LONG_TESTS"] == "1"
    private static let megabytes = isLong ? 100 : 20
    /// Whatever the size: windows of the channel, buffers on their way, and what the allocator keeps of them.
    private static let mostGrowth = 8 << 20

    private func withSession(
        _ platform: String, on group: MultiThreadedEventLoopGroup, _ body: (DeviceSession) async throws -> Void
    ) async throws {
        let server = try await OpenSSHServer.start()
        defer { server.stop() }
        let folder = server.folder.appendingPathComponent("platforms")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileOperationTests.definition.write(
            to: folder.appendingPathComponent("bash_terminal.yaml"), atomically: true, encoding: .utf8)
        let device = Device(
            name: "host1", host: server.host, port: server.port, platform: platform,
            credential: Credential(user: server.username, privateKey: .file(server.clientKeyPath)))
        var configuration = DeviceClient.Configuration(inventory: try Inventory(devices: [device]))
        configuration.platformDirectory = folder.path
        configuration.eventLoopGroup = group
        try await DeviceClient.withClient(configuration) { client async throws in
            try await body(try await client.session(for: device))
        }
    }

    /// Lines of 64 bytes; in a terminal a line end has two.
    private func command(_ megabytes: Int) -> DeviceCommand {
        let line = String(repeating: "x", count: 63)
        return DeviceCommand(
            "yes \(line) | head -c \(megabytes * 1_000_000 / 64 * 64)", timeout: .seconds(300), collectsOutput: false)
    }

    private final class Meter: Sendable {
        private let state = NIOLockedValueBox((bytes: 0, nextSample: 0, peak: 0))
        var bytes: Int { self.state.withLockedValue { $0.bytes } }
        var peak: Int { self.state.withLockedValue { $0.peak } }

        func count(_ bytes: Int) {
            self.state.withLockedValue { state in
                state.bytes += bytes
                guard state.bytes >= state.nextSample else { return }
                state.nextSample = state.bytes + 1_000_000
                state.peak = max(state.peak, residentBytes())
            }
        }
    }

    @Test(
        "memory stays bounded while output streams, and the cost grows with the size and no faster",
        arguments: ["linux", "bash_terminal"])
    func streaming(_ platform: String) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        try await self.withSession(platform, on: group) { session in
            // What is allocated once.
            try await self.run(4, on: session, Meter())
            let small = try await self.run(5, on: session, Meter())
            let before = residentBytes()
            let meter = Meter()
            let large = try await self.run(Self.megabytes, on: session, meter)
            let growth = meter.peak - before
            let ratio =
                Double(large.components.attoseconds / 1_000_000_000 + large.components.seconds * 1_000_000_000)
                / Double(small.components.attoseconds / 1_000_000_000 + small.components.seconds * 1_000_000_000)
            if Self.isLong {
                print(
                    "\(platform): \(meter.bytes) bytes, growth \(growth) bytes, CPU \(large), 5 MB \(small), ratio \(ratio)"
                )
            }
            // A sanitizer keeps what has been freed.
            #expect(isSanitized || growth < Self.mostGrowth, "resident memory grew by \(growth) bytes")
            #expect(ratio < Double(Self.megabytes) / 5 * 1.8, "\(Self.megabytes) MB cost \(ratio) times 5 MB")
            #expect(try await session.run("echo here").text == "here\n")
        }
        try await group.shutdownGracefully()
    }

    /// Returns the CPU time of the session's thread.
    @discardableResult
    private func run(_ megabytes: Int, on session: DeviceSession, _ meter: Meter) async throws -> Duration {
        let loop = session.eventLoop
        let before = try await loop.submit { threadTime() }.get()
        let result = try await session.run(self.command(megabytes)) { meter.count($0.readableBytes) }
        let after = try await loop.submit { threadTime() }.get()
        #expect(result.failure == nil && result.output.isEmpty)
        #expect(meter.bytes == megabytes * 1_000_000 / 64 * 64)
        return after - before
    }
}

/// CPU time of the thread that asks.
private func threadTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

/// Of this process, in bytes (proc(5), `statm`).
private func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
}
