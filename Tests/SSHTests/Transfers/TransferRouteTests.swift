import Foundation
import Logging
import NIOCore
import TestSupport
import Testing

@testable import SSH

/// Where the other side is, and what it is.
@Suite("File transfer by other routes")
struct TransferRouteTests {
    @Test("files pass through one and through two jump hosts, while these renew keys", arguments: [1, 2])
    func jumpHosts(hops: Int) async throws {
        try await withServer(sftpServer()) { target in
            var jumps: [OpenSSHServer] = []
            defer { for jump in jumps { jump.stop() } }
            for _ in 0..<hops {
                jumps.append(try await OpenSSHServer.start(.init(configuration: ["RekeyLimit 1M"])))
            }
            let files = try TransferFolder()
            defer { files.remove() }
            let hash = try files.make("source", size: 8_000_000)
            var configuration = Self.configuration(target)
            configuration.via = jumps.map(Self.configuration)
            let connection = try await SSHConnection.connect(
                configuration, on: anyLoop, logger: Logger(label: "test"))
            for method in FileTransferTests.methods {
                let options = FileTransfer.Options(method: method, sha256: hash)
                _ = try await connection.upload(files["source"], to: files["up"], options: options)
                _ = try await connection.download(files["up"], to: files["down"], options: options)
                #expect(try files.hash("down") == hash)
            }
            // A jump host that goes takes the transfer with it, and leaves no half file under the name.
            let first = try #require(jumps.first)
            let cut = await transferError {
                try await connection.download(files["source"], to: files["cut"]) { _ in first.killSessions() }
            }
            #expect(cut == .sessionLost)
            #expect(!files.exists("cut"))
            #expect(files.leftovers.isEmpty)
            await connection.close()
        }
    }

    @Test(
        "Dropbear takes and gives files by SCP, and by SFTP where it finds a server for it",
        .enabled(if: DropbearServer.isAvailable))
    func dropbear() async throws {
        let password = "dropbear transfers"
        let server = try await DropbearServer.start(
            hostKeyTypes: ["ed25519"], password: password, authorizedKeys: [])
        defer { server.stop() }
        let files = try TransferFolder()
        defer { files.remove() }
        // The account on the other side is another one than ours.
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o777],
            ofItemAtPath: URL(fileURLWithPath: files["source"]).deletingLastPathComponent().path)
        let connection = try await SSHConnection.connect(
            SSHConfiguration(
                host: server.host, port: try #require(server.servers["ed25519"]).port, username: server.username,
                authentication: [.password(Secret(password))], hostKeyVerifier: .unchecked),
            on: anyLoop, logger: Logger(label: "test"))
        let hash = try files.make("source", size: 20_000_000)
        for method in FileTransferTests.methods {
            // Where Debian's Dropbear looks for it.
            if method == .sftp, !FileManager.default.isExecutableFile(atPath: "/usr/lib/sftp-server") { continue }
            let options = FileTransfer.Options(method: method, sha256: hash)
            _ = try await connection.upload(files["source"], to: files["up"], options: options)
            #expect(try files.hash("up") == hash)
            _ = try await connection.download(files["up"], to: files["down"], options: options)
            #expect(try files.hash("down") == hash)
            _ = try files.make("empty", size: 0)
            // Time and again: a channel's end must not get in the way of the next one.
            for _ in 0..<(takesLong ? 200 : 5) {
                #expect(
                    try await connection.upload(files["empty"], to: files["empty2"], options: .init(method: method))
                        .size == 0)
            }
            let missing = await transferError {
                try await connection.download(files["no"], to: files["down"], options: .init(method: method))
            }
            #expect(missing == .transferNoSuchFile)
            #expect(files.leftovers.isEmpty)
        }
        await connection.close()
    }

    private static func configuration(_ server: OpenSSHServer) -> SSHConfiguration {
        SSHConfiguration(
            host: server.host, port: server.port, username: server.username,
            authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)], hostKeyVerifier: .unchecked)
    }
}
