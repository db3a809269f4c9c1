import Foundation
import Lab
import NIOConcurrencyHelpers
import SSH
import TestSupport
import Testing

@testable import Devices

@Suite("An inventory that is reloaded while devices are at work")
struct ReloadTests {
    /// A device of this name at a simulated device's address.
    private static func device(_ name: String, at target: SimulatedDevice) -> Device {
        Device(
            name: name, host: target.host, port: target.port, platform: target.personality.rawValue,
            credential: Credential(user: "admin", password: Secret("admin")))
    }

    @Test(
        "a changed address: the running command ends well, then its session is closed, and the next one goes to the new address"
    )
    func moved() async throws {
        var lab = try TestLab([.ciscoIOSXE, .ciscoIOSXE, .ciscoIOSXE])
        let (old, new, other) = (lab.farm.devices[0], lab.farm.devices[1], lab.farm.devices[2])
        let general = lab.configuration.inventory.general
        lab.configuration.inventory = try Inventory(
            general: general, devices: [Self.device("r1", at: old), Self.device("r2", at: other)])
        try await lab.withClient { client in
            _ = try await client.run("r2", "show clock")
            let device = try #require(client.inventory["r1"])
            // A task of two commands: the session is its own until both are done.
            let gate = AsyncStream.makeStream(of: Void.self)
            async let task = client.withSession(for: device) { session async throws(DeviceError) in
                let first = try await session.run(DeviceCommand("lab output 3"))
                for await _ in gate.stream { break }
                let second = try await session.run(DeviceCommand("lab output 4"))
                return [first.failure, second.failure]
            }
            try await until("the first command is done") { old.commands.contains { $0.command == "lab output 3" } }
            let change = try client.reload(
                Inventory(general: general, devices: [Self.device("r1", at: new), Self.device("r2", at: other)]))
            #expect(change == InventoryChange(changed: ["r1"], deviceCount: 2))
            #expect(old.counters.openSessions == 1)
            // Who comes now gets the new address, after the old session is gone: never two at a time.
            async let next = client.run("r1", "show clock")
            try await Task.sleep(for: .milliseconds(50))
            #expect(new.counters.logins == 0 && old.counters.openSessions == 1)
            gate.continuation.yield()
            #expect(try await task == [nil, nil])
            #expect(try await next.failure == nil)
            #expect(old.commands.contains { $0.command == "lab output 4" } && new.counters.logins == 1)
            try await until("the old session is closed") { old.counters.openSessions == 0 }
            #expect(old.counters.logins == 1 && other.counters.logins == 1 && client.hasSession("r2"))
        }
    }

    @Test(
        "a device that vanishes: its running command ends well, then its session is closed, and warm or not it isn't opened again"
    )
    func vanished() async throws {
        var lab = try TestLab([.ciscoIOSXE, .ciscoIOSXE])
        let (gone, stays) = (lab.farm.devices[0], lab.farm.devices[1])
        let general = lab.configuration.inventory.general
        let events = LifeCycleTests.Events()
        lab.configuration.onEvent = { events.note($0) }
        lab.configuration.inventory = try Inventory(
            general: general, devices: [Self.device("gone", at: gone), Self.device("stays", at: stays)])
        try await lab.withClient { client in
            client.keepWarm(["gone", "stays"])
            try await until("both are open") { client.openSessionCount == 2 }
            gone.setResponseDelay(.milliseconds(300))
            async let running = client.run("gone", "show clock")
            try await until("the command is under way") { gone.commands.contains { $0.command == "show clock" } }
            #expect(
                try client.reload(Inventory(general: general, devices: [Self.device("stays", at: stays)])).removed == [
                    "gone"
                ])
            #expect(try await running.failure == nil)
            try await until("its session is closed") { gone.counters.openSessions == 0 }
            #expect(client.hasSession("stays"))
            let error = try await deviceError { try await client.run("gone", "show clock") }
            #expect(error.code == "target.unknown")
        }
        #expect(gone.counters.logins == 1 && stays.counters.logins == 1)
        #expect(
            events.all.contains {
                if case .sessionClosed(_, .inventory) = $0.kind { $0.device == "gone" } else { false }
            })
    }

    @Test("files that change are taken into use; a broken one leaves everything as it was")
    func followed() async throws {
        let lab = try TestLab([.ciscoIOSXE, .ciscoIOSXE])
        let (one, two) = (lab.farm.devices[0], lab.farm.devices[1])
        func yaml(_ device: SimulatedDevice) -> String {
            "devices: {r1: {host: \(device.host), port: \(device.port), device_type: cisco_iosxe, user: admin, password: admin}}\n"
        }
        let directory = try TemporaryDirectory(["a.yaml": yaml(one)])
        func write(_ text: String) throws {
            try text.write(toFile: "\(directory.path)/a.yaml", atomically: true, encoding: .utf8)
        }
        let watch = InventoryWatch(path: directory.path, environment: [:], interval: .milliseconds(20), logger: .silent)
        var configured = lab
        configured.configuration.inventory = try await watch.load()
        try await configured.withClient { client in
            let news = NIOLockedValueBox<[InventoryNews]>([])
            let follow = Task {
                await client.follow(watch) { told in news.withLockedValue { $0.append(told) } }
            }
            _ = try await client.run("r1", "show clock")
            try write("devices: {r1: [}")
            try await until("the mistake is told") { !news.withLockedValue { $0.isEmpty } }
            #expect(client.hasSession("r1") && client.inventory["r1"]?.port == one.port)
            try write(yaml(two).replacing("cisco_iosxe", with: "cisco_iosx"))
            try await until("so is the other") { news.withLockedValue { $0.count } >= 2 }
            #expect(client.hasSession("r1") && client.inventory["r1"]?.port == one.port)
            try write(yaml(two))
            try await until("the good one is in use") { client.inventory["r1"]?.port == two.port }
            _ = try await client.run("r1", "show clock")
            #expect(one.counters.logins == 1 && two.counters.logins == 1)
            try await until("the old session is closed") { one.counters.openSessions == 0 }
            follow.cancel()
            await follow.value
            let told = news.withLockedValue { $0 }
            #expect(told.last == .changed(InventoryChange(changed: ["r1"], deviceCount: 1)))
            for refused in told.dropLast() {
                guard case .refused(let error) = refused else {
                    Issue.record("\(told)")
                    return
                }
                #expect(error.code == "inventory.invalid")
            }
        }
    }

    @Test("devices behind jump hosts of the inventory, one behind the other, by name and by address")
    func jumpHosts() async throws {
        let outer = try await OpenSSHServer.start()
        defer { outer.stop() }
        let inner = try await OpenSSHServer.start()
        defer { inner.stop() }
        let lab = try TestLab([.ciscoIOSXE])
        func server(_ name: String, _ server: OpenSSHServer, via: [String]? = nil) -> Device {
            Device(
                name: name, host: server.host, port: server.port, platform: "linux",
                credential: Credential(user: server.username, privateKey: .file(server.clientKeyPath)),
                connection: ConnectionOptions(jumpHosts: via))
        }
        var device = Self.device("r1", at: lab.device)
        device.connection.jumpHosts = ["inner"]
        var byAddress = Self.device("r2", at: lab.device)
        byAddress.connection.jumpHosts = ["outer", "\(inner.host):\(inner.port)"]
        let inventory = try Inventory(
            general: lab.configuration.inventory.general,
            devices: [server("outer", outer), server("inner", inner, via: ["outer"]), device, byAddress])
        var configured = lab
        configured.configuration.inventory = inventory
        try await configured.withClient { client in
            for name in ["r1", "r2"] {
                #expect(try await client.run(name, "show clock").failure == nil)
                #expect(outer.log.contains("Accepted publickey") && inner.log.contains("Accepted publickey"))
            }
            // Another way, and the sessions that went the old one are closed.
            var direct = device
            direct.connection.jumpHosts = nil
            let change = try client.reload(
                Inventory(
                    general: inventory.general,
                    devices: [server("outer", outer), server("inner", inner), direct, byAddress]))
            #expect(change.changed == ["inner", "r1", "r2"])
            try await until("both are closed") { client.openSessionCount == 0 }
        }
    }
}
