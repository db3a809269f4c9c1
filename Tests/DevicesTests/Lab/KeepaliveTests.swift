import Foundation
import Lab
import Testing

@testable import Devices

@Suite("Sessions that are kept from being cut for want of use")
struct KeepaliveTests {
    private func lab(
        keepalive: Duration?,
        _ change: (inout DeviceFarm.Options) -> Void = { _ in }
    ) throws -> (TestLab, LifeCycleTests.Events) {
        var lab = try TestLab(general: .init(timeout: .seconds(2), retryDelay: .milliseconds(20)), options: change)
        var device = try #require(lab.configuration.inventory[lab.name])
        device.session.cliKeepalive = keepalive
        let events = LifeCycleTests.Events()
        lab.configuration.inventory = try Inventory(general: lab.configuration.inventory.general, devices: [device])
        lab.configuration.onEvent = { events.note($0) }
        return (lab, events)
    }

    @Test("a device that would hang up on an idle terminal doesn't")
    func execTimeout() async throws {
        let (lab, events) = try self.lab(keepalive: .milliseconds(400)) { $0.execTimeout = .milliseconds(1_200) }
        try await lab.withClient { client async throws in
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            let end = ContinuousClock.now + .milliseconds(3_600)
            try await until("three times the device's limit are over, or the session is") {
                ContinuousClock.now > end || !client.hasSession(lab.name)
            }
            #expect(client.hasSession(lab.name) && events.names == ["session.opened"])
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            #expect(lab.device.counters.logins == 1)
            // A new prompt is no command.
            #expect(lab.device.commands.count { $0.command.isEmpty } == 0)
        }
    }

    @Test("being kept alive is no use: an idle session is still closed")
    func idleTimeout() async throws {
        var (lab, events) = try self.lab(keepalive: .milliseconds(50))
        lab.configuration.idleTimeout = .milliseconds(500)
        let started = ContinuousClock.now
        try await lab.withClient { client async throws in
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            try await until("closed for want of use") { client.openSessionCount == 0 }
            #expect(ContinuousClock.now - started >= .milliseconds(500))
        }
        guard case .sessionClosed(_, .idle)? = events.all.dropFirst().first?.kind else {
            Issue.record("\(events.all)")
            return
        }
    }

    @Test("a device that gives no new prompt loses its session, and the next command gets another one")
    func silence() async throws {
        let (lab, events) = try self.lab(keepalive: .milliseconds(200))
        try await lab.withClient { client async throws in
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            lab.device.setFault(.hangAfterLogin)
            try await until("lost") { events.count("session.lost") == 1 }
            lab.device.setFault(nil)
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            #expect(lab.device.counters.logins == 2)
        }
        guard case .sessionLost(_, "session.lost", let message)? = events.all.dropFirst().first?.kind else {
            Issue.record("\(events.all)")
            return
        }
        #expect(message.contains("new prompt"))
    }

    @Test("commands that meet a keepalive wait for its prompt, and none gets another's answer")
    func collisions() async throws {
        let (lab, events) = try self.lab(keepalive: .microseconds(200))
        try await lab.withClient { client async throws in
            for number in 0..<150 {
                let result = try await client.run(lab.name, "lab count a\(number)")
                #expect(result.text == "a\(number) = 1\n" && result.failure == nil)
                await Task.yield()
            }
            #expect(lab.device.counters.logins == 1 && events.names == ["session.opened"])
        }
    }

    @Test("on exec channels too: a connection without a channel may be cut as well")
    func exec() async throws {
        var lab = try TestLab([.linux])
        var device = try #require(lab.configuration.inventory[lab.name])
        device.session.cliKeepalive = .milliseconds(50)
        lab.configuration.inventory = try Inventory(devices: [device])
        try await lab.withClient { client async throws in
            #expect(try await client.run(lab.name, "hostname").failure == nil)
            try await until("asked twice") { lab.device.commands.count { $0.command == "true" } >= 2 }
            #expect(client.hasSession(lab.name))
        }
    }
}
