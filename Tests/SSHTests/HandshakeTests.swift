import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import SSH

@Suite("From TCP to the key exchange")
struct HandshakeTests {
    @Test("host keys of each type are proved and reported", arguments: ["ed25519", "ecdsa", "rsa"])
    func hostKeyTypes(_ type: String) async throws {
        try await withServer(.init(hostKeyTypes: [type])) { server in
            let verifier = PolicyHostKeyVerifier(.strict, knownHosts: KnownHosts(text: server.knownHosts))
            let connection = try await SSHConnection.connect(to: server, verifier: verifier)
            #expect(connection.serverIdentification.hasPrefix("SSH-2.0-OpenSSH_"))
            await connection.close()
            #expect(try await connection.closeFuture.get() == nil)
        }
    }

    @Test("a port without a listener is refused")
    func refused() async throws {
        // Bound, so that nobody else takes it, but not listening.
        let holder = try await ClosedPort()
        let configuration = SSHConfiguration(
            host: "127.0.0.1", port: holder.port, username: "user", authentication: [.password(Secret("x"))],
            hostKeyVerifier: .unchecked)
        let error = await failure { () async throws(SSHError) in try await connect(configuration) }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("127.0.0.1:\(configuration.port)") == true)
        holder.release()
    }

    @Test("a name without an address is unresolved")
    func unresolved() async throws {
        var configuration = SSHConfiguration(
            host: "no-such-host.invalid", username: "user", authentication: [.password(Secret("x"))],
            hostKeyVerifier: .unchecked)
        configuration.timeouts.connect = .seconds(5)
        let error = await failure { () async throws(SSHError) in try await connect(configuration) }
        // Without a name server in reach the resolver may take longer than the time-out.
        #expect(error?.code == .unresolved || error?.code == .connectTimeout)
    }

    @Test("a server that says nothing is given up after the handshake time-out")
    func silent() async throws {
        let server = try await RawServer()
        let error = await failure { () async throws(SSHError) in
            try await connect(server.configuration(SSHTimeouts(handshake: .milliseconds(200))))
        }
        #expect(error?.code == .handshake)
        #expect(error?.message.contains("within 200 ms") == true)
        #expect(await until { server.openConnections == 0 })
        await server.stop()
    }

    @Test("a server that goes silent after its identification is given up")
    func silentAfterIdentification() async throws {
        let server = try await RawServer(greeting: Array("SSH-2.0-Mute\r\n".utf8))
        let error = await failure { () async throws(SSHError) in
            try await connect(server.configuration(SSHTimeouts(handshake: .milliseconds(200))))
        }
        #expect(error?.code == .handshake)
        #expect(error?.message.contains("key exchange within 200 ms") == true)
        await server.stop()
    }

    @Test(
        "what isn't an SSH 2 server is told apart at once",
        arguments: [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", true, "ssh.handshake", "after sending \"HTTP/1.1 400 Bad Request\""),
            (String(repeating: "noise\n", count: 100), false, "ssh.handshake", "it sent \"noise\""),
            (String(repeating: "x", count: 20_000), false, "ssh.handshake", "it sent \"xxxx"),
            ("SSH-1.5-Old\n", false, "ssh.handshake", "another version"),
            ("", true, "ssh.handshake", "without identifying"),
            ("SSH-2.0-Rude\r\nthis is no packet at all, is it?", false, "ssh.handshake", "key exchange"),
        ])
    func garbage(_ greeting: String, _ closes: Bool, _ code: String, _ words: String) async throws {
        let server = try await RawServer(greeting: Array(greeting.utf8), closes: closes)
        let error = await failure { () async throws(SSHError) in try await connect(server.configuration()) }
        #expect(error?.code.rawValue == code)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        await server.stop()
    }

    @Test("a server's farewell in plain text is passed on")
    func plainDisconnect() async throws {
        let text = Array("Too many connections".utf8)
        var payload: [UInt8] = [1, 0, 0, 0, 12, 0, 0, 0, UInt8(text.count)] + text + [0, 0, 0, 0]
        let padding = 8 - (payload.count + 5) % 8 + 8
        payload = [0, 0, 0, UInt8(payload.count + padding + 1), UInt8(padding)] + payload
        payload += [UInt8](repeating: 0, count: padding)
        let server = try await RawServer(greeting: Array("SSH-2.0-Busy\r\n".utf8) + payload, closes: true)
        let error = await failure { () async throws(SSHError) in try await connect(server.configuration()) }
        #expect(error?.code == .handshake)
        #expect(error?.message.contains("Too many connections") == true, "\(error?.message ?? "")")
        await server.stop()
    }

    @Test(
        "key exchange methods work",
        arguments: [
            "curve25519-sha256", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512",
        ])
    func keyExchange(_ name: String) async throws {
        try await withServer(.init(configuration: ["KexAlgorithms \(name)"])) { server in
            let connection = try await SSHConnection.connect(to: server)
            #expect(try await connection.collect("echo hello").output == "hello\n")
            await connection.close()
        }
    }

    @Test("lines before the identification are skipped, blank ones too")
    func linesBeforeIdentification() async throws {
        try await withServer { server in
            // A relay in front of the server adds the lines.
            let relay = try await Relay(to: server.port, greeting: "Welcome\r\n\r\n\0weird\n")
            let connection = try await SSHConnection.connect(
                SSHConfiguration(
                    host: "127.0.0.1", port: relay.port, username: server.username,
                    authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
                    hostKeyVerifier: .unchecked), on: anyLoop, logger: Logger(label: "test"))
            #expect(try await connection.collect("echo through").output == "through\n")
            await connection.close()
            await relay.stop()
        }
    }

    @Test("a connection attempt can be cancelled while the server is silent, and leaves nothing open")
    func cancellation() async throws {
        let server = try await RawServer()
        let task = Task { () -> SSHError? in
            await failure { () async throws(SSHError) in try await connect(server.configuration()) }
        }
        #expect(await until { server.openConnections == 1 })
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        #expect(await until { server.openConnections == 0 })
        await server.stop()
    }

    @Test("a task that was cancelled before doesn't connect")
    func cancelledBefore() async throws {
        let server = try await RawServer()
        let task = Task { () -> SSHError? in
            _ = await until { Task.isCancelled }
            return await failure { () async throws(SSHError) in try await connect(server.configuration()) }
        }
        task.cancel()
        #expect(await task.value?.code == .cancelled)
        #expect(await until { server.openConnections == 0 })
        await server.stop()
    }
}

private func connect(_ configuration: SSHConfiguration) async throws(SSHError) -> SSHConnection {
    try await SSHConnection.connect(configuration, on: anyLoop, logger: Logger(label: "test"))
}
