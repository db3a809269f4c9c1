import Foundation
import NIOConcurrencyHelpers
import SSH
import TestSupport
import Testing

@testable import Devices

@Suite("Files to and from devices, through sessions")
struct FileOperationTests {
    /// A command line in a terminal with SCP, as most network devices are; it is bash.
    static let definition = """
        name: bash_terminal
        line_ending: lf
        terminal: {type: dumb, columns: 511, rows: 1000}
        default_mode: shell
        modes:
          - name: shell
            prompt_pattern: '^[\\w.@:~/-]{1,120}[$#] ?'
        file_transfer:
          method: scp
          checksum: {algorithm: md5, command: 'md5sum {path}'}
        """

    struct World {
        var client: DeviceClient
        var server: OpenSSHServer
        var folder: String
    }

    private func withWorld(
        _ platform: String, _ lines: [String] = [], definition: String = Self.definition,
        _ body: (World) async throws -> Void
    ) async throws {
        let server = try await OpenSSHServer.start(.init(configuration: lines + ["Subsystem sftp internal-sftp"]))
        defer { server.stop() }
        let folder = server.folder.appendingPathComponent("files").path
        try FileManager.default.createDirectory(atPath: folder + "/platforms", withIntermediateDirectories: true)
        try definition.write(
            toFile: folder + "/platforms/bash_terminal.yaml", atomically: true, encoding: .utf8)
        let device = Device(
            name: "host1", host: server.host, port: server.port, platform: platform,
            credential: Credential(user: server.username, privateKey: .file(server.clientKeyPath)))
        var configuration = DeviceClient.Configuration(inventory: try Inventory(devices: [device]))
        configuration.platformDirectory = folder + "/platforms"
        try await DeviceClient.withClient(configuration) { client async throws in
            try await body(World(client: client, server: server, folder: folder))
        }
    }

    private func bytes(_ count: Int) -> Data {
        Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
    }

    @Test(
        "nothing of a file is written to a device that may be another process's by now",
        arguments: ["linux", "bash_terminal"], [0, 20])
    func guarded(_ platform: String, _ writes: Int) async throws {
        try await self.withWorld(platform) { world async throws in
            try self.bytes(30_000_000).write(to: URL(fileURLWithPath: world.folder + "/local"))
            let left = NIOLockedValueBox(Int.max)
            world.client.setWriteGuard {
                left.withLockedValue { left in
                    left -= 1
                    return left >= 0
                }
            }
            let session = try await world.client.session(for: world.client.device(named: "host1"))
            left.withLockedValue { $0 = writes }
            let error = await #expect(throws: DeviceError.self) {
                try await session.upload(localFile: world.folder + "/local", remotePath: world.folder + "/there")
            }
            #expect(error?.code == "session.closed")
            #expect(error?.delivery == (writes == 0 ? .notSent : .unknown))
            let size = (try? FileManager.default.attributesOfItem(atPath: world.folder + "/there")[.size]) as? Int
            #expect((size ?? 0) < 30_000_000)
            try await until("closed") { !session.isOpen }
        }
    }

    @Test(
        "a file arrives whole both ways, and the device's own hash proves it",
        arguments: [("linux", "sha256", "a name"), ("bash_terminal", "md5", "name")])
    func roundTrip(_ platform: String, _ algorithm: String, _ name: String) async throws {
        try await self.withWorld(platform) { world async throws in
            let data = self.bytes(300_000)
            try data.write(to: URL(fileURLWithPath: world.folder + "/local"))
            _ = try await world.client.run("host1", "true")
            let sent = try await world.client.upload(
                "host1", localFile: world.folder + "/local", remotePath: world.folder + "/" + name)
            #expect(sent.size == 300_000 && FileManager.default.contents(atPath: world.folder + "/" + name) == data)
            guard case .hash(algorithm, _) = sent.verification else {
                Issue.record("not verified: \(sent)")
                return
            }
            let received = try await world.client.download(
                "host1", remoteFile: world.folder + "/" + name, localPath: world.folder + "/back")
            #expect(received.sha256 == sent.sha256 && received.verification == sent.verification)
            #expect(FileManager.default.contents(atPath: world.folder + "/back") == data)
            #expect(world.server.log.components(separatedBy: "Accepted publickey").count == 2)
        }
    }

    @Test("where a connection takes one channel only, files get a connection of their own for as long as they need it")
    func oneChannel() async throws {
        try await self.withWorld("bash_terminal", ["MaxSessions 1"]) { world async throws in
            let data = self.bytes(5_000)
            try data.write(to: URL(fileURLWithPath: world.folder + "/local"))
            for round in 1...2 {
                let sent = try await world.client.upload(
                    "host1", localFile: world.folder + "/local", remotePath: world.folder + "/remote\(round)")
                #expect(sent.size == 5_000)
                #expect(FileManager.default.contents(atPath: world.folder + "/remote\(round)") == data)
                #expect(try await world.client.run("host1", "echo here").text == "here\n")
                #expect(world.client.openSessionCount == 1)
            }
            #expect(world.server.log.components(separatedBy: "Accepted publickey").count == 4)
        }
    }

    @Test("a hash that differs is an error, and one that can't be had is told")
    func verification() async throws {
        let wrong = Self.definition.replacing("md5sum {path}", with: "echo 00000000000000000000000000000000 {path}")
        try await self.withWorld("bash_terminal", definition: wrong) { world async throws in
            try self.bytes(10).write(to: URL(fileURLWithPath: world.folder + "/local"))
            let error = try await deviceError {
                try await world.client.upload(
                    "host1", localFile: world.folder + "/local", remotePath: world.folder + "/remote")
            }
            #expect(error.code == "transfer.corrupt" && error.delivery == .answered, "\(error)")
        }
        let none = Self.definition.replacing("md5sum {path}", with: "echo nothing {path}")
        try await self.withWorld("bash_terminal", definition: none) { world async throws in
            try self.bytes(10).write(to: URL(fileURLWithPath: world.folder + "/local"))
            let sent = try await world.client.upload(
                "host1", localFile: world.folder + "/local", remotePath: world.folder + "/remote")
            guard case .size = sent.verification else {
                Issue.record("\(sent)")
                return
            }
        }
    }

    @Test("what isn't there, on either side, is told by its name, and the session goes on")
    func missing() async throws {
        try await self.withWorld("linux") { world async throws in
            let remote = try await deviceError {
                try await world.client.download("host1", remoteFile: "/nowhere/x", localPath: world.folder + "/back")
            }
            #expect(
                remote.code == "transfer.no_such_file"
                    && !FileManager.default.fileExists(atPath: world.folder + "/back"))
            let local = try await deviceError {
                try await world.client.upload("host1", localFile: "/nowhere/x", remotePath: world.folder + "/remote")
            }
            #expect(local.code == "transfer.no_such_file" && local.message.contains("on this machine"))
            #expect(try await world.client.run("host1", "echo here").text == "here\n")
            #expect(world.server.log.components(separatedBy: "Accepted publickey").count == 2)
        }
    }

    @Test("a command that hangs in a real shell is interrupted, and the shell goes on")
    func interruption() async throws {
        try await self.withWorld("bash_terminal") { world async throws in
            _ = try await world.client.run("host1", "x=41")
            let error = try await deviceError {
                try await world.client.run("host1", "echo begun; sleep 60", timeout: .seconds(1))
            }
            #expect(error.code == "command.timeout" && error.sessionIsInStep, "\(error)")
            #expect(error.partialOutput.starts(with: Array("begun\n".utf8)))
            // The same shell.
            #expect(try await world.client.run("host1", "echo $((x + 1))").text == "42\n")
            let question = DeviceCommand(
                "read -p 'Sure? [y/n] ' answer", answers: [.text("y", to: "sure\\? \\[y/n\\]")])
            #expect(try await world.client.run("host1", question).failure == nil)
            #expect(try await world.client.run("host1", "echo $answer").text == "y\n")
        }
    }
}
