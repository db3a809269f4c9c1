import Foundation
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import SSH

@Suite("Jump hosts")
struct JumpHostTests {
    @Test("commands run through one and through two jump hosts")
    func chain() async throws {
        try await withServers { first, second, target in
            for via in [[first], [first, second], [first, second, first]] {
                let connection = try await connect(target, via: via.map { configuration($0) })
                #expect(
                    try await connection.collect("echo $SSH_CONNECTION | cut -d' ' -f4").output == "\(target.port)\n")
                let result = try await connection.collect("seq 1 200000")
                #expect(sha256(result.output.utf8) == sha256((1...200_000).map { "\($0)\n" }.joined().utf8))
                await connection.close()
            }
        }
    }

    @Test("sessions to one device after the other and side by side share the connection to the jump host")
    func sharing() async throws {
        try await withServers { first, _, target in
            let loop = anyLoop
            try await withThrowingTaskGroup(of: SSHConnection.self) { group in
                for _ in 0..<10 {
                    group.addTask { try await connect(target, via: [configuration(first)], on: loop) }
                }
                var connections: [SSHConnection] = []
                for try await connection in group { connections.append(connection) }
                for (number, connection) in connections.enumerated() {
                    #expect(try await connection.collect("echo \(number)").output == "\(number)\n")
                }
                #expect(first.log.components(separatedBy: "Accepted publickey").count - 1 == 1)
                #expect(target.log.components(separatedBy: "Accepted publickey").count - 1 == 10)
                for connection in connections { await connection.close() }
            }
            // With the last session through it, the connection to the jump host goes.
            #expect(await until { first.sessionProcesses.isEmpty })
        }
    }

    @Test("the host key is checked on every hop, and the error names the hop")
    func hostKeys() async throws {
        try await withServers { first, second, target in
            let strict = PolicyHostKeyVerifier(.strict, knownHosts: KnownHosts(text: ""))
            var bad = configuration(second)
            bad.hostKeyVerifier = strict
            let error = await failure { () async throws(SSHError) in
                try await connect(target, via: [configuration(first), bad])
            }
            #expect(error?.code == .hostKeyUnknown)
            #expect(error?.message.hasPrefix("Jump host 127.0.0.1:\(second.port): ") == true)

            // A connection that is open already is no way round the check.
            let loop = anyLoop
            let good = try await connect(target, via: [configuration(first)], on: loop)
            var other = configuration(first)
            other.hostKeyVerifier = strict
            let via = [other]
            let joined = await failure { () async throws(SSHError) in try await connect(target, via: via, on: loop) }
            #expect(joined?.code == .hostKeyUnknown)
            await good.close()

            let last = await failure { () async throws(SSHError) in
                try await connect(target, via: [configuration(first)], verifier: strict)
            }
            #expect(last?.code == .hostKeyUnknown)
            #expect(last?.message.contains("Jump host") == false)
        }
    }

    @Test("a device that the jump host doesn't reach is named, and the jump host with it")
    func unreachable() async throws {
        try await withServer { first in
            let closed = try await ClosedPort()
            defer { closed.release() }
            var target = configuration(first)
            target.port = closed.port
            target.via = [configuration(first)]
            let configuration = target
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(configuration, on: anyLoop, logger: Logger(label: "test"))
            }
            #expect(error?.code == .connectFailed)
            #expect(error?.message.contains("jump host 127.0.0.1:\(first.port)") == true)
        }
        try await withServer(.init(configuration: ["AllowTcpForwarding no"])) { first in
            let error = await failure { () async throws(SSHError) in
                try await connect(first, via: [configuration(first)])
            }
            #expect(error?.code == .connectFailed)
        }
    }

    @Test("a jump host that dies takes its sessions with it as session.lost")
    func lost() async throws {
        try await withServers { first, _, target in
            let connection = try await connect(target, via: [configuration(first)])
            let command = Task { () async -> SSHError? in
                do throws(SSHError) {
                    _ = try await connection.execute("echo; sleep 60") { _, _ in first.killSessions() }
                    return nil
                } catch {
                    return error
                }
            }
            let error = await command.value
            #expect(error?.code == .sessionLost)
            #expect(error?.message.contains("jump host") == true)
        }
    }

    @Test("an attempt through a jump host that doesn't answer ends when it is cancelled or out of time")
    func silent() async throws {
        let raw = try await RawServer()
        try await withServer { first in
            var target = configuration(first)
            target.port = raw.port
            target.via = [configuration(first)]
            target.timeouts.handshake = .milliseconds(300)
            let configuration = target
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(configuration, on: anyLoop, logger: Logger(label: "test"))
            }
            #expect(error?.code == .handshake)
            let cancelled = Task {
                await failure { () async throws(SSHError) in
                    var patient = configuration
                    patient.timeouts.handshake = .seconds(60)
                    return try await SSHConnection.connect(patient, on: anyLoop, logger: Logger(label: "test"))
                }
            }
            #expect(await until { raw.connections == 2 })
            cancelled.cancel()
            #expect(await cancelled.value?.code == .cancelled)
            #expect(await until { first.sessionProcesses.isEmpty })
        }
        await raw.stop()
    }

    @Test("a jump host that doesn't answer is tried once for all who wait for it, not once for each")
    func sharedFailure() async throws {
        let raw = try await RawServer()
        var hop = raw.configuration(SSHTimeouts(handshake: .milliseconds(500)))
        hop.username = "hop-\(UInt64.random(in: 0...(.max)))"
        let loop = anyLoop
        let via = hop
        let codes = await withTaskGroup(of: SSHError?.self) { tasks in
            for index in 0..<8 {
                tasks.addTask {
                    var target = via
                    target.port = 1 + index
                    target.via = [via]
                    let configuration = target
                    return await failure { () async throws(SSHError) in
                        try await SSHConnection.connect(configuration, on: loop, logger: .silent)
                    }
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.allSatisfy { $0?.code == .handshake && $0?.message.hasPrefix("Jump host") == true })
        // One that came when the first attempt had failed already makes another.
        #expect(raw.connections <= 2)
        await raw.stop()
    }

    @Test("who waits for a jump host leaves at once when it is cancelled, and the others go on")
    func cancelledWaiting() async throws {
        let raw = try await RawServer()
        var hop = raw.configuration(SSHTimeouts(handshake: .seconds(60)))
        hop.username = "hop-\(UInt64.random(in: 0...(.max)))"
        let loop = anyLoop
        let via = hop
        let attempt = { (index: Int) in
            Task {
                var target = via
                target.port = index
                target.via = [via]
                let configuration = target
                return await failure { () async throws(SSHError) in
                    try await SSHConnection.connect(configuration, on: loop, logger: .silent)
                }
            }
        }
        let first = attempt(1)
        #expect(await until { raw.connections == 1 })
        let second = attempt(2)
        #expect(await until { JumpHosts.shared.waitingCount == 1 })
        second.cancel()
        #expect(await second.value?.code == .cancelled)
        let third = attempt(3)
        #expect(await until { JumpHosts.shared.waitingCount == 1 })
        // Who waits isn't cancelled with the one that connects: it connects itself.
        first.cancel()
        #expect(await first.value?.code == .cancelled)
        #expect(await until { raw.connections == 2 })
        third.cancel()
        #expect(await third.value?.code == .cancelled)
        await raw.stop()
    }
}

private func withServers(_ body: (OpenSSHServer, OpenSSHServer, OpenSSHServer) async throws -> Void) async throws {
    try await withServer { first in
        // Slots are taken one at a time; the others are started past them, or two tests could wait for each other.
        let second = try await OpenSSHServer.start()
        defer { second.stop() }
        let target = try await OpenSSHServer.start()
        defer { target.stop() }
        try await body(first, second, target)
    }
}

private func configuration(_ server: OpenSSHServer) -> SSHConfiguration {
    SSHConfiguration(
        host: server.host, port: server.port, username: server.username,
        authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)], hostKeyVerifier: .unchecked)
}

private func connect(
    _ server: OpenSSHServer, via: [SSHConfiguration], verifier: (any HostKeyVerifier)? = nil,
    on loop: any EventLoop = anyLoop
) async throws(SSHError) -> SSHConnection {
    var target = configuration(server)
    target.via = via
    if let verifier { target.hostKeyVerifier = verifier }
    return try await SSHConnection.connect(target, on: loop, logger: Logger(label: "test"))
}
