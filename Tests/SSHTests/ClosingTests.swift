import Foundation
import Lab
import Logging
import NIOCore
import TestSupport
import Testing

@testable import SSH

@Suite("Closing many connections")
struct ClosingTests {
    @Test("all are closed within a deadline although the peers have gone silent")
    func silent() async throws {
        let count = ProcessInfo.processInfo.environment["TETHER_LONG_TESTS"] == "1" ? 1_000 : 100
        let farm = try DeviceFarm(.init())
        defer { farm.stop() }
        let proxy = try await FaultProxy(to: farm.devices[0].port, .blackHole, at: .armed)
        let configuration = SSHConfiguration(
            host: "127.0.0.1", port: proxy.port, username: "admin", authentication: [.password(Secret("admin"))],
            hostKeyVerifier: .unchecked,
            timeouts: SSHTimeouts(connect: .seconds(60), handshake: .seconds(60), authentication: .seconds(60)))
        let opened = ContinuousClock.now
        let connections = try await withThrowingTaskGroup(of: SSHConnection.self) { group in
            var connections: [SSHConnection] = []
            for number in 0..<count {
                if number >= 16, let connection = try await group.next() { connections.append(connection) }
                group.addTask {
                    let connection = try await SSHConnection.connect(configuration, on: anyLoop, logger: .silent)
                    _ = try await connection.openShell(PseudoTerminal()) { _ in }
                    return connection
                }
            }
            for try await connection in group { connections.append(connection) }
            return connections
        }
        #expect(connections.count == count)
        proxy.arm()
        let start = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            for connection in connections { group.addTask { await connection.close() } }
        }
        let elapsed = ContinuousClock.now - start
        print("\(count) connections: opened in \(start - opened), closed in \(elapsed)")
        #expect(elapsed < .seconds(5))
        #expect(!connections.contains { !$0.isClosed })
        await proxy.stop()
    }
}
