import Foundation
import Lab
import NIOConcurrencyHelpers
import SSH
import Testing

@testable import Devices

@Suite("The life of a session")
struct LifeCycleTests {
    /// What a client has told.
    final class Events: Sendable {
        private let box = NIOLockedValueBox<[DeviceEvent]>([])
        var all: [DeviceEvent] { self.box.withLockedValue { $0 } }
        var names: [String] { self.all.map(\.name) }
        func note(_ event: DeviceEvent) { self.box.withLockedValue { $0.append(event) } }
        func count(_ name: String) -> Int { self.names.count { $0 == name } }
    }

    private func lab(
        _ password: String = "admin",
        count: Int = 1,
        session: SessionSettings = SessionSettings(),
        _ change: (inout DeviceClient.Configuration) -> Void = { _ in }
    ) throws -> (TestLab, Events) {
        var lab = try TestLab(count: count, password: password)
        let events = Events()
        lab.configuration.onEvent = { events.note($0) }
        lab.configuration.inventory = try Inventory(
            general: lab.configuration.inventory.general,
            devices: lab.configuration.inventory.deviceNames.compactMap { lab.configuration.inventory[$0] }.map {
                var device = $0
                device.session = session
                return device
            }
        )
        change(&lab.configuration)
        return (lab, events)
    }

    @Test("a session that has reached its maximum age is replaced by a new one, between commands")
    func age() async throws {
        let (lab, events) = try self.lab { $0.maximumAge = .milliseconds(300) }
        try await lab.withClient { client in
            _ = try await client.run(lab.name, "show clock")
            try await until("closed for its age") { client.openSessionCount == 0 }
            _ = try await client.run(lab.name, "show clock")
            #expect(lab.device.counters.logins == 2)
        }
        #expect(events.names.prefix(3) == ["session.opened", "session.closed", "session.opened"])
        guard case .sessionClosed(_, .age)? = events.all.dropFirst().first?.kind else {
            Issue.record("\(events.all)")
            return
        }
    }

    @Test("nothing waits for the maximum age of sessions that have ended")
    func noAgeAfterTheEnd() async throws {
        let (lab, _) = try self.lab { $0.maximumAge = .seconds(86_400) }
        try await lab.withClient { client in
            func ages() -> Int { client.pool.state.withLockedValue { $0.ages.count } }
            for _ in 0..<3 {
                try await client.withTemporarySession(for: client.device(named: lab.name)) { _ in
                    #expect(ages() == 1)
                }
            }
            try await until("closed") { ages() == 0 }
        }
    }

    @Test("warm sessions are opened before they are needed, and opened again after the device has cut them")
    func warm() async throws {
        let (lab, events) = try self.lab(count: 3) { $0.idleTimeout = .milliseconds(200) }
        let names = Set(lab.configuration.inventory.deviceNames)
        try await lab.withClient { client in
            client.keepWarm(names)
            try await until("all are open") { client.openSessionCount == 3 }
            #expect(lab.farm.devices.allSatisfy { $0.counters.logins == 1 })
            lab.device.dropConnections()
            try await until("opened again") { lab.device.counters.logins == 2 && client.openSessionCount == 3 }
            #expect(events.count("session.lost") == 1)
            // The idle time-out goes on for those that are warm no more.
            client.keepWarm([lab.name])
            try await until("two are closed") { client.openSessionCount == 1 }
            #expect(client.hasSession(lab.name))
        }
        #expect(lab.farm.devices.dropFirst().allSatisfy { $0.counters.logins == 1 })
    }

    @Test("a warm device that refuses the credential isn't asked again and again")
    func warmRefused() async throws {
        let (lab, _) = try self.lab("wrong")
        try await lab.withClient { client in
            client.keepWarm([lab.name])
            try await until("it was tried") { lab.device.counters.failedLogins == 1 }
            let error = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(error.code == "auth.failed")
            // Whoever comes before the refusal has reached this side shares the attempt.
            #expect((1...2).contains(lab.device.counters.failedLogins))
        }
    }

    @Test("after three refusals the device isn't asked any more: no account is locked by this side")
    func lockOut() async throws {
        let (lab, events) = try self.lab("wrong")
        try await lab.withClient { client in
            for _ in 0..<3 {
                #expect(try await deviceError { try await client.run(lab.name, "show clock") }.code == "auth.failed")
            }
            let error = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(error.code == "auth.locked" && !error.isRetriable && error.delivery == .notSent)
            #expect(lab.device.counters.failedLogins == 3 && lab.device.counters.connections == 3)
            // Another credential is another matter.
            let result = try await client.run(
                lab.name, "show clock", credential: Credential(user: "admin", password: Secret("admin")))
            #expect(result.failure == nil)
        }
        #expect(events.count("credential.locked") == 1)
        #expect(!"\(events.all)".contains("wrong"))
    }

    @Test("one wrong password and a hundred devices of one authentication domain: three refusals in all")
    func domainLockOut() async throws {
        let (lab, _) = try self.lab("wrong", count: 100, session: SessionSettings(authDomain: "tacacs"))
        try await lab.withClient { client in
            let codes = await withTaskGroup(of: String.self) { group in
                for name in lab.configuration.inventory.deviceNames {
                    group.addTask {
                        do throws(DeviceError) {
                            _ = try await client.run(name, "show clock")
                            return "none"
                        } catch {
                            return error.code
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(codes == ["auth.failed": 3, "auth.locked": 97])
        }
        #expect(lab.farm.devices.map(\.counters.failedLogins).reduce(0, +) == 3)
    }

    @Test("a device that is gone is left alone for a while, and says so; when it is back, that is told too")
    func unreachable() async throws {
        let (lab, events) = try self.lab {
            $0.logins = LoginPolicy(failuresToPause: 2, pause: .milliseconds(400), maximumPause: .milliseconds(400))
        }
        try await lab.withClient { client in
            _ = try await client.run(lab.name, "show clock")
            lab.device.setFault(.refuseConnections)
            lab.device.dropConnections()
            try await until("the session is gone") { client.openSessionCount == 0 }
            let device = try #require(client.inventory[lab.name])
            for _ in 0..<2 { _ = try await deviceError { try await client.session(for: device) } }
            let error = try await deviceError { try await client.session(for: device) }
            #expect(error.code == "device.paused" && error.isRetriable && error.delivery == .notSent)
            lab.device.setFault(nil)
            try await until("it is back") {
                do { return try await client.run(lab.name, "show clock").failure == nil } catch { return false }
            }
        }
        #expect(events.count("device.unreachable") >= 1 && events.count("device.recovered") == 1)
    }
}
