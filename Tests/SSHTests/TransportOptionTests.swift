import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import SSH

@Suite("Options of the TCP connection")
struct TransportOptionTests {
    @Test("the source address is the one that the server sees")
    func source() async throws {
        try await withServer { server in
            var configuration = configuration(server)
            for address in ["127.0.0.1", "127.9.9.9"] {
                configuration.sourceAddress = address
                let connection = try await SSHConnection.connect(configuration, on: anyLoop, logger: .silent)
                #expect(try await connection.collect("echo $SSH_CLIENT | cut -d' ' -f1").output == "\(address)\n")
                await connection.close()
            }
        }
    }

    @Test(
        "a source address that can't be is said to be so",
        arguments: [
            ("192.0.2.1", "is not one of this machine's"), ("nonsense", "is not an IPv4 or IPv6 address"),
            ("::1", "No connection to"),
        ])
    func wrongSource(_ address: String, _ words: String) async throws {
        try await withServer { server in
            var configuration = configuration(server)
            configuration.sourceAddress = address
            let wrong = configuration
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(wrong, on: anyLoop, logger: .silent)
            }
            #expect(error?.code == .connectFailed)
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
    }

    @Test("buffers and traffic class are those of the socket")
    func options() async throws {
        let server = try await RawServer()
        var configuration = server.configuration()
        configuration.tcp = TCPOptions(sendBuffer: 50_000, receiveBuffer: 60_000, trafficClass: 0x40)
        configuration.timeouts.silence = .seconds(30)
        let channel = try await TransportBootstrap.connect(configuration, on: anyLoop).get()
        func value(_ level: NIOBSDSocket.OptionLevel, _ name: CInt) async throws -> Int {
            Int(
                try await channel.getOption(
                    ChannelOptions.Types.SocketOption(level: level, name: .init(rawValue: name))
                ).get())
        }
        // Linux doubles what is asked for.
        #expect(try await value(.socket, SO_SNDBUF) >= 50_000)
        #expect(try await value(.socket, SO_RCVBUF) >= 60_000)
        #expect(try await value(.socket, SO_KEEPALIVE) == 1)
        #expect(try await value(.ip, CInt(IP_TOS)) == 0x40)
        #expect(try await value(.tcp, CInt(TCP_USER_TIMEOUT)) == 30_000)
        try await channel.close()
        await server.stop()
    }

    private func configuration(_ server: OpenSSHServer) -> SSHConfiguration {
        SSHConfiguration(
            host: server.host, port: server.port, username: server.username,
            authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)], hostKeyVerifier: .unchecked)
    }

    @Test("a silence that is never too long is no mistake")
    func endlessSilence() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(
                to: server, timeouts: SSHTimeouts(silence: .seconds(Int64.max)), keepaliveInterval: .seconds(30))
            #expect(try await connection.collect("echo in").output == "in\n")
            await connection.close()
        }
        #expect(Duration.seconds(Int64.max).brief == "\(Int64.max) s")
        #expect(Duration.milliseconds(1_500).brief == "1500 ms" && Duration.seconds(45).brief == "45 s")
    }
}
