import SSH
import TestSupport
import Testing

@testable import Devices

@Suite("A real OpenSSH server as a linux device")
struct OpenSSHTests {
    private func withServer(_ body: (DeviceClient) async throws -> Void) async throws {
        let server = try await OpenSSHServer.start()
        defer { server.stop() }
        let device = Device(
            name: "server1",
            host: server.host,
            port: server.port,
            platform: "linux",
            credential: Credential(user: server.username, privateKey: .file(server.clientKeyPath))
        )
        try await DeviceClient.withClient(.init(inventory: try Inventory(devices: [device])), body)
    }

    @Test("exit status, signals and both output streams are told as they are")
    func exitStatus() async throws {
        try await self.withServer { client in
            let good = try await client.run("server1", "printf 'a\\n'; printf 'b\\n' >&2; printf 'c'")
            #expect(good.exitStatus == 0 && good.failure == nil)
            #expect(Set(good.text) == Set("a\nb\nc"))
            let bad = try await client.run("server1", "echo before; exit 3")
            #expect(bad.exitStatus == 3 && bad.failure == "exit status 3")
            #expect(bad.text == "before\n")
            let unknown = try await client.run("server1", "no-such-command-anywhere")
            #expect(unknown.exitStatus == 127 && unknown.failure != nil)
            let killed = try await client.run("server1", "kill -TERM $$")
            #expect(killed.failure == "killed by signal TERM" && killed.exitStatus == nil)
            let lines = try await client.run("server1", "x=1\necho $((x + 1))")
            #expect(lines.text == "2\n")
        }
    }

    @Test("a megabyte of output is complete, and many callers share the connection")
    func output() async throws {
        try await self.withServer { client in
            let large = try await client.run("server1", "seq 1 150000")
            #expect(large.text == (1...150_000).map { "\($0)\n" }.joined())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<16 {
                    group.addTask {
                        let result = try await client.run("server1", "echo \(index)")
                        #expect(result.text == "\(index)\n")
                    }
                }
                try await group.waitForAll()
            }
            #expect(client.openSessionCount == 1)
        }
    }

    @Test("a time-out closes the session; the next call opens another")
    func timeout() async throws {
        try await self.withServer { client in
            let error = try await deviceError {
                try await client.run("server1", "echo begun; sleep 30", timeout: .seconds(2))
            }
            #expect(error.code == "command.timeout" && error.delivery == .unknown)
            #expect(error.partialOutput == Array("begun\n".utf8))
            let next = try await client.run("server1", "echo again")
            #expect(next.text == "again\n")
        }
    }
}
