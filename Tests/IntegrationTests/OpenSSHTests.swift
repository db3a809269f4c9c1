import Jobs
import TestSupport
import Testing

extension Integration {
    @Suite("A real OpenSSH server as a device")
    struct RealServer {
        @Test("a failing command reports its exit status and both output streams, and is no success")
        func exitStatus() async throws {
            let server = try await OpenSSHServer.start()
            defer { server.stop() }
            let entry =
                "server1: {host: 127.0.0.1, port: \(server.port), device_type: linux, user: \(server.username), private_key: {file: '\(server.clientKeyPath)'}}"
            try await Fleet.with(extraDevices: [entry]) { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit(
                    "fails", to: ["server1"], "echo fine", "echo to-stdout; echo to-stderr >&2; exit 3", "echo never",
                    effect: .read)
                let failed = try await fleet.replies.result(of: "fails")
                #expect(failed.outcome == .failed)
                #expect(failed.error?.code == "command.exit_status")
                #expect(failed.attempts == 1)
                #expect(failed.commands.map(\.outcome) == [.succeeded, .failed])
                #expect(failed.commands.map(\.exitStatus) == [0, 3])
                let lines = String(decoding: failed.commands.last?.output ?? [], as: UTF8.self).split(separator: "\n")
                #expect(lines.sorted() == ["to-stderr", "to-stdout"])

                try await fleet.submit("works", to: ["server1"], "id -un")
                let worked = try await fleet.replies.result(of: "works")
                #expect(worked.outcome == .succeeded)
                #expect(worked.session?.reused == true)
                #expect(
                    worked.commands.first?.output.map { String(decoding: $0, as: UTF8.self) } == "\(server.username)\n")
            }
        }
    }
}
