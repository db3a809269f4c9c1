import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import SSH

@Suite("Faults in every phase")
struct FaultTests {
    enum Phase: String, Sendable, CaseIterable {
        case resolve, connect, banner, keyExchange, authentication, channel, command
    }

    enum Ending: Sendable {
        /// It goes well.
        case success
        /// It fails with this code long before any time-out.
        case atOnce(SSHError.Code)
        /// It fails with this code at the phase's time-out.
        case atTimeout(SSHError.Code)
        /// There is no such fault, for this reason.
        case impossible(String)
    }

    /// What every fault does in every phase.
    static func ending(_ phase: Phase, _ fault: FaultProxy.Fault) -> Ending {
        switch (phase, fault) {
        case (_, .none): .success
        case (.resolve, .cut): .atOnce(.unresolved)
        case (.resolve, _): .impossible("the system's resolver answers in one piece, and its servers are the machine's")
        case (.connect, .cut), (.connect, .reset): .atOnce(.refused)
        case (.connect, .blackHole), (.connect, .hang): .atTimeout(.connectTimeout)
        case (.connect, _): .impossible("TCP's handshake carries no bytes")
        case (_, .oneByte), (_, .delayed): .success
        case (.banner, .blackHole), (.banner, .hang): .atTimeout(.handshake)
        case (.banner, _): .atOnce(.handshake)
        case (.keyExchange, .blackHole), (.keyExchange, .hang): .atTimeout(.handshake)
        case (.keyExchange, _): .atOnce(.handshake)
        case (.authentication, .blackHole), (.authentication, .hang): .atTimeout(.authenticationTimeout)
        case (.channel, .blackHole), (.channel, .hang): .atTimeout(.channelRefused)
        case (.command, .blackHole), (.command, .hang): .atTimeout(.sessionLost)
        case (.authentication, _), (.channel, _), (.command, _): .atOnce(.sessionLost)
        }
    }

    struct Row: Sendable {
        var phase: Phase
        var fault: FaultProxy.Fault
    }

    /// Each phase's time-out where a fault has to run into it.
    private static let short = Duration.milliseconds(600)
    /// Far more than anything takes that doesn't wait for a time-out, on a busy machine too.
    private static let slack = Duration.seconds(15)

    @Test("each fault ends in its own code, in time, or doesn't matter", arguments: Phase.allCases)
    func matrix(_ phase: Phase) async throws {
        try await withServer { server in
            await withTaskGroup(of: Void.self) { group in
                for fault in FaultProxy.Fault.allCases {
                    let ending = Self.ending(phase, fault)
                    if case .impossible = ending { continue }
                    group.addTask {
                        let start = ContinuousClock.now
                        let error: SSHError?
                        do {
                            error = try await Self.run(server, phase, fault, ending)
                        } catch {
                            Issue.record("\(phase) × \(fault): \(error)")
                            return
                        }
                        let elapsed = ContinuousClock.now - start
                        let name = "\(phase) × \(fault): \(error.map { "\($0)" } ?? "success") after \(elapsed)"
                        switch ending {
                        case .impossible: break
                        case .success: #expect(error == nil, "\(name)")
                        case .atOnce(let code):
                            // Without a name server in reach the resolver takes as long as it likes.
                            if phase != .resolve { #expect(elapsed < Self.slack, "\(name)") }
                            // A connection that is reset as soon as it is made may never have been one.
                            let isEarlyReset = fault == .reset && error?.code == .connectFailed
                            #expect(
                                error?.code == code || isEarlyReset
                                    || (phase == .resolve && error?.code == .connectTimeout), "\(name)")
                        case .atTimeout(let code):
                            #expect(error?.code == code, "\(name)")
                            #expect(elapsed >= Self.short / 2 && elapsed < Self.short + Self.slack, "\(name)")
                        }
                    }
                }
            }
        }
    }

    /// Connects, opens a channel and runs a command, with the fault in its phase.
    private static func run(
        _ server: OpenSSHServer, _ phase: Phase, _ fault: FaultProxy.Fault, _ ending: Ending
    ) async throws -> SSHError? {
        let place: FaultProxy.Place =
            switch phase {
            case .resolve, .connect: .armed
            case .banner: .beginning
            case .keyExchange: .identified
            case .authentication: .accepted
            case .channel, .command: .armed
            }
        let proxy = try await FaultProxy(to: server.port, fault, at: place)
        var configuration = SSHConfiguration(
            host: "127.0.0.1", port: proxy.port, username: server.username,
            authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)], hostKeyVerifier: .unchecked,
            // Long ones, so that a wrong time-out shows.
            timeouts: SSHTimeouts(
                connect: .seconds(60), handshake: .seconds(60), authentication: .seconds(60), channel: .seconds(60),
                silence: .seconds(120)),
            keepaliveInterval: .milliseconds(50))
        if case .atTimeout = ending {
            switch phase {
            case .resolve, .connect: configuration.timeouts.connect = Self.short
            case .banner, .keyExchange: configuration.timeouts.handshake = Self.short
            case .authentication: configuration.timeouts.authentication = Self.short
            case .channel: configuration.timeouts.channel = Self.short
            case .command: configuration.timeouts.silence = Self.short
            }
        }
        var closed: ClosedPort?
        var full: FullPort?
        switch (phase, fault) {
        case (.resolve, .cut): configuration.host = "no-such-host.invalid"
        case (.connect, .cut), (.connect, .reset):
            closed = try await ClosedPort()
            configuration.port = closed?.port ?? 0
        case (.connect, .blackHole), (.connect, .hang):
            full = try await FullPort()
            configuration.port = full?.port ?? 0
        default: break
        }
        let error = await self.use(configuration) { event in
            switch (phase, event) {
            case (.channel, .connected), (.command, .running): proxy.arm()
            default: break
            }
        }
        closed?.release()
        full?.release()
        await proxy.stop()
        return error
    }

    private enum Event { case connected, running }

    private static func use(
        _ configuration: SSHConfiguration, _ reached: @escaping @Sendable (Event) -> Void
    ) async -> SSHError? {
        do throws(SSHError) {
            let connection = try await SSHConnection.connect(
                configuration, on: anyLoop, logger: Logger(label: "test"))
            reached(.connected)
            let isRunning = NIOLockedValueBox(false)
            let output = NIOLockedValueBox(ByteBuffer())
            // Without more than the first line, a fault that begins with it has nothing to spoil.
            let command = "echo running; sleep 0.2; seq 1 3000; echo done"
            let exit: SSHExit
            do throws(SSHError) {
                exit = try await connection.execute(command) { _, piece in
                    var piece = piece
                    output.withLockedValue { _ = $0.writeBuffer(&piece) }
                    let isFirst = isRunning.withLockedValue { isRunning in
                        defer { isRunning = true }
                        return !isRunning
                    }
                    if isFirst { reached(.running) }
                }
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
            let expected = "running\n" + (1...3000).map { "\($0)\n" }.joined() + "done\n"
            guard exit == .status(0), String(buffer: output.withLockedValue { $0 }) == expected else {
                return SSHError(.transferIncomplete, "the output is not complete")
            }
            return nil
        } catch {
            return error
        }
    }
}

/// A TCP port whose queue of connections is full: further ones get no answer at all.
final class FullPort: Sendable {
    private let listener: Int32
    private let fillers: [any Channel]
    let port: Int

    init() async throws {
        self.listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        let listener = self.listener
        self.port = address.withSockAddr { pointer, size -> Int in
            guard bind(listener, pointer, socklen_t(size)) == 0, listen(listener, 0) == 0 else { return 0 }
            var bound = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = withUnsafeMutableBytes(of: &bound) { region in
                getsockname(listener, region.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
            }
            return Int(in_port_t(bigEndian: bound.sin_port))
        }
        try #require(self.port != 0)
        // Linux takes one connection more than the queue's length.
        var fillers: [any Channel] = []
        while let channel = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.milliseconds(200)).connect(host: "127.0.0.1", port: self.port).get()
        {
            fillers.append(channel)
            try #require(fillers.count < 16)
        }
        self.fillers = fillers
    }

    func release() {
        for channel in self.fillers { channel.close(promise: nil) }
        close(self.listener)
    }
}
