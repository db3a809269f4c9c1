import Jobs
import Testing

extension Integration {
    @Suite("A device that cuts the connection in the middle of a command")
    struct CutConnection {
        @Test("a change is unknown, is never sent again, and the next job opens a new session")
        func change() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("cut", "lab count cuts drop", effect: .change)
                try await fleet.submit("after", "show clock", key: "cut")
                let cut = try await fleet.replies.result(of: "cut")
                #expect(cut.outcome == .unknown)
                #expect(cut.error?.code == "session.lost")
                #expect(cut.attempts == 1)
                #expect(cut.commands.map(\.outcome) == [.unknown])
                let after = try await fleet.replies.result(of: "after")
                #expect(after.outcome == .succeeded)
                #expect(after.session?.reused == false)
                #expect(fleet.device.count(of: "cuts") == 1)
                #expect(fleet.device.commands.count { $0.command.hasPrefix("lab count") } == 1)
            }
        }

        @Test("a read is sent again on a new session and succeeds at the second attempt")
        func read() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("warm", "show clock")
                _ = try await fleet.replies.result(of: "warm")
                let commands = { fleet.device.commands.count { $0.command == "show version" } }
                fleet.device.setResponseDelay(.seconds(300))
                try await fleet.submit("read", "show version")
                try await until("the command is on the device") { commands() == 1 }
                fleet.device.setResponseDelay(.zero)
                fleet.device.dropConnections()
                let result = try await fleet.replies.result(of: "read")
                #expect(result.outcome == .succeeded)
                #expect(result.attempts == 2)
                #expect(result.commands.count == 1)
                #expect(commands() == 2)
                #expect(fleet.device.counters.logins == 2)
                #expect(fleet.device.counters.maximumConcurrentSessions == 1)
            }
        }
    }
}
