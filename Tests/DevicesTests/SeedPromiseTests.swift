import Foundation
import Lab
import SSH
import TestSupport
import Testing

@testable import Devices

/// The statements of the library's first description, each shown to hold.
@Suite("What the seed promised")
struct SeedPromiseTests {
    @Test("S1: a session is used again when there is one, and opened when there is none, however many ask at once")
    func s1() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { _ = try await client.run(lab.name, "show clock") } }
                try await group.waitForAll()
            }
            #expect(lab.device.counters.connections == 1)
        }
    }

    @Test("S2: at the end of the scope the connections are closed")
    func s2() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            _ = try await client.run(lab.name, "show clock")
            #expect(lab.device.counters.openSessions == 1)
        }
        try await until("closed") { lab.device.counters.openSessions == 0 }
    }

    @Test("S3: the first command opens the session, later ones use it")
    func s3() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            #expect(lab.device.counters.connections == 0)
            for _ in 0..<3 {
                _ = try await client.run(lab.name, "show version")
                #expect(lab.device.counters.logins == 1)
            }
        }
    }

    @Test("S4: devices can be switched between freely; each keeps its session")
    func s4() async throws {
        let lab = try TestLab([.ciscoIOSXE, .juniperJunos], count: 4)
        try await lab.withClient { client async throws in
            for _ in 0..<3 {
                for name in client.inventory.deviceNames { _ = try await client.run(name, "show version") }
            }
            #expect(client.openSessionCount == 4 && lab.farm.counters.logins == 4)
        }
    }

    @Test("S5: all sessions are closed at the end of the scope, side by side, also when it throws")
    func s5() async throws {
        let lab = try TestLab(count: 5)
        struct Failed: Error {}
        await #expect(throws: Failed.self) {
            try await lab.withClient { client async throws in
                for name in client.inventory.deviceNames { _ = try await client.run(name, "show clock") }
                throw Failed()
            }
        }
        try await until("closed") { lab.farm.counters.openSessions == 0 }
    }

    @Test("S6: without a scope a session doesn't stay for ever: it is closed when nobody has used it for a while")
    func s6() async throws {
        var lab = try TestLab()
        lab.configuration.idleTimeout = .milliseconds(50)
        let client = try lab.makeClient()
        _ = try await client.run(lab.name, "show clock")
        try await until("closed") { lab.device.counters.openSessions == 0 && client.openSessionCount == 0 }
        await client.shutDown()
    }

    @Test("S7: closing by hand frees the sessions, and the client stays usable")
    func s7() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            _ = try await client.run(lab.name, "show clock")
            await client.close()
            #expect(client.openSessionCount == 0)
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            #expect(lab.device.counters.logins == 2)
        }
    }

    @Test("S8: a session of one's own, beside the pool")
    func s8() async throws {
        let lab = try TestLab()
        try await DeviceSession.withSession(to: lab.name, configuration: lab.configuration) { session async throws in
            for _ in 0..<2 { _ = try await session.run("show clock") }
        }
        #expect(lab.device.counters.logins == 1)
        try await until("closed") { lab.device.counters.openSessions == 0 }
    }

    @Test("S9: a command gives its output as text")
    func s9() async throws {
        let lab = try TestLab()
        try await DeviceSession.withSession(to: lab.name, configuration: lab.configuration) { session async throws in
            #expect(try await session.run("show version").text.hasPrefix("Cisco IOS XE Software"))
        }
    }

    @Test("S10, S11: files go up and come down over a session")
    func s10() async throws {
        let server = try await OpenSSHServer.start(.init(configuration: ["Subsystem sftp internal-sftp"]))
        defer { server.stop() }
        let device = Device(
            name: "server1", host: server.host, port: server.port, platform: "linux",
            credential: Credential(user: server.username, privateKey: .file(server.clientKeyPath)))
        let configuration = DeviceClient.Configuration(inventory: try Inventory(devices: [device]))
        let folder = server.folder.path
        try "firmware".write(toFile: folder + "/local", atomically: true, encoding: .utf8)
        try await DeviceSession.withSession(to: "server1", configuration: configuration) { session async throws in
            let up = try await session.upload(localFile: folder + "/local", remotePath: folder + "/remote")
            let down = try await session.download(remoteFile: folder + "/remote", localPath: folder + "/back")
            #expect(up.size == 8 && up.sha256 == down.sha256)
        }
        #expect(try String(contentsOfFile: folder + "/back", encoding: .utf8) == "firmware")
    }

    @Test("S12: other credentials get a session of their own, and never somebody else's")
    func s12() async throws {
        let lab = try TestLab { $0.users = ["admin": "admin", "guest": "secret"] }
        try await lab.withClient { client async throws in
            _ = try await client.run(lab.name, "show clock")
            _ = try await client.run(
                lab.name, "show version", credential: Credential(user: "guest", password: Secret("secret")))
            let wrong = try await deviceError {
                try await client.run(
                    lab.name, "show version", credential: Credential(user: "guest", password: Secret("no")))
            }
            #expect(wrong.code == "auth.failed")
            _ = try await client.run(lab.name, "show clock")
            #expect(lab.device.counters.logins == 2)
            #expect(lab.device.commands.first { $0.command == "show version" }?.user == "guest")
        }
    }

    @Test("S13: sessions clean up behind themselves, also on errors")
    func s13() async throws {
        let lab = try TestLab()
        _ = try await deviceError {
            try await DeviceSession.withSession(to: lab.name, configuration: lab.configuration) {
                session async throws in
                _ = try await session.run("lab drop")
            }
        }
        try await until("closed") { lab.device.counters.openSessions == 0 }
    }

    @Test("S14: output that says error is an error")
    func s14() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let result = try await client.run(
                lab.name, DeviceCommand("show interfaces", failurePatterns: ["input errors"]))
            #expect(result.failure?.contains("input errors") == true)
        }
    }

    @Test("S15: devices are worked on side by side, bounded, and the results come in order")
    func s15() async throws {
        let lab = try TestLab(count: 6) { $0.responseDelay = .milliseconds(100) }
        try await lab.withClient { client async throws in
            let results = await client.run(on: ["all", "nowhere"], ["show clock", "show version"], atMost: 3)
            #expect(results.map(\.target) == client.inventory.deviceNames + ["nowhere"])
            for result in results.dropLast() { #expect(try result.result.get().succeeded) }
            #expect(throws: DeviceError.self) { try results[6].result.get() }
            let together = await client.forEach(["all"], atMost: 6) { client, name throws(DeviceError) in
                try await client.run(name, "show clock")
            }
            #expect(together.count == 6)
            #expect(lab.farm.counters.logins == 6)
        }
    }

    @Test("S16: backup, comparison, check and configuration, one after the other, on one session")
    func s16() async throws {
        let lab = try TestLab([.aristaEOS])
        try await lab.withClient { client async throws in
            let before = try await client.backup(lab.name)
            let change = try await client.configure(
                lab.name, ConfigurationChange(["interface Loopback7", "description moon"]))
            #expect(change.state == .applied)
            #expect(try await client.diff(lab.name, against: .backup(before)).hasChanged)
            #expect(
                try await client.check(lab.name, [OutputAssertion("show running-config", .contains("moon"))]).passed)
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test("S17: connection_retries counts attempts")
    func s17() async throws {
        let lab = try TestLab(general: Inventory.General(connectionRetries: 2, retryDelay: .milliseconds(1)))
        var impatient = lab
        impatient.configuration.signOnTimeout = .milliseconds(200)
        lab.device.setFault(.hangAfterLogin)
        try await impatient.withClient { client async throws in
            _ = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(lab.device.counters.logins == 2)
        }
    }

    @Test("S18: retry_delay is the first pause, and later ones grow")
    func s18() {
        let backoff = Backoff(base: .seconds(2))
        for _ in 0..<100 {
            #expect(backoff.pause(after: 1) <= .seconds(2) && backoff.pause(after: 1) > .zero)
            #expect(backoff.pause(after: 4) > backoff.pause(after: 1))
        }
    }

    @Test(
        "S19, S20: strict host key checking refuses what is not known; one device can be told otherwise, and the rest stays as it is"
    )
    func s19() async throws {
        let general = Inventory.General(timeout: .seconds(20), hostKeyPolicy: .strict)
        let lab = try TestLab(count: 2, general: general)
        var devices = lab.configuration.inventory.contents.devices
        devices[1].hostKeyPolicy = .off
        var mixed = lab
        mixed.configuration.inventory = try Inventory(general: general, devices: devices)
        try await mixed.withClient { client async throws in
            let error = try await deviceError { try await client.run(devices[0].name, "show clock") }
            #expect(error.code == "hostkey.unknown" && error.delivery == .notSent)
            #expect(try await client.run(devices[1].name, "show clock").failure == nil)
        }
    }

    @Test("S21: an address outside the inventory is a target too")
    func s21() async throws {
        let lab = try TestLab()
        var outside = lab
        outside.configuration.inventory = try Inventory(devices: [])
        let client = try outside.makeClient(environment: ["TETHER_PASSWORD_DEFAULT": "admin"])
        let results = await client.forEach(["admin@\(lab.device.host):\(lab.device.port)"]) {
            client, target throws(DeviceError) in
            try await client.run(target, "show clock")
        }
        #expect(try results[0].result.get().failure == nil && results.count == 1)
        await client.shutDown()
    }
}
