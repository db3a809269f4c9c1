import Foundation
import Logging
import NIOCore
import NIOPosix
import SSH
import TestSupport
import Testing

@testable import Devices

@Suite("Pinned host keys against real servers", .serialized)
struct PinnedHostKeyTests {
    @Test(
        "the pinned key is taken, every other refused, for commands, jump hosts and files",
        arguments: ["ed25519", "ecdsa", "rsa"])
    func pinned(_ type: String) async throws {
        let target = try await OpenSSHServer.start(
            .init(hostKeyTypes: [type], configuration: ["Subsystem sftp internal-sftp"]))
        defer { target.stop() }
        let jump = try await OpenSSHServer.start(.init(hostKeyTypes: [type], clientKeyType: "ecdsa"))
        defer { jump.stop() }
        let own = try fingerprint(target)
        let wrong = "SHA256:" + String(repeating: "A", count: 43)

        for via in [nil, jump] {
            let hops = via.map { [configuration($0, own)] } ?? []
            let connection = try await connect(configuration(target, own, via: hops))
            let exit = try await connection.execute("true") { _, _ in }
            #expect(exit == .status(0))
            let local = target.folder.appendingPathComponent("local")
            try Data("pinned".utf8).write(to: local)
            _ = try await connection.upload(local.path, to: target.folder.path + "/remote")
            _ = try await connection.download(target.folder.path + "/remote", to: local.path + ".2")
            #expect(try Data(contentsOf: URL(fileURLWithPath: local.path + ".2")) == Data("pinned".utf8))
            await connection.close()

            let error = await failure(configuration(target, wrong, via: hops))
            #expect(error?.code == .hostKeyChanged)
            #expect(error?.message.contains(own) == true && error?.message.contains(wrong) == true)
            #expect(error?.authenticationAttempts == 0)
        }
        // The wrong key on the way is as bad, and named.
        let error = await failure(configuration(target, own, via: [configuration(jump, wrong)]))
        #expect(error?.code == .hostKeyChanged)
        #expect(error?.message.hasPrefix("Jump host 127.0.0.1:\(jump.port): ") == true, "\(error?.message ?? "")")
    }

    private func fingerprint(_ server: OpenSSHServer) throws -> String {
        let base64 = try #require(server.hostPublicKeys[0].split(separator: " ").last)
        let blob = try #require(Data(base64Encoded: String(base64)))
        return try #require(HostKey(blob: Array(blob))).fingerprint
    }

    private func configuration(
        _ server: OpenSSHServer, _ fingerprint: String, via: [SSHConfiguration] = []
    ) -> SSHConfiguration {
        SSHConfiguration(
            host: server.host, port: server.port, username: server.username,
            authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
            hostKeyVerifier: PinnedHostKeyVerifier(fingerprint: fingerprint), via: via)
    }

    private func connect(_ configuration: SSHConfiguration) async throws(SSHError) -> SSHConnection {
        try await SSHConnection.connect(
            configuration, on: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
    }

    private func failure(_ configuration: SSHConfiguration) async -> SSHError? {
        do throws(SSHError) {
            await (try await self.connect(configuration)).close()
            return nil
        } catch {
            return error
        }
    }
}
