import Lab
import NIOCore
import NIOPosix
import SSH
import Testing

@testable import Devices

@Suite("Sessions that callers share")
struct SharedSessionTests {
    @Test(
        "32 callers at once on one device: one login, every answer, in turn",
        arguments: [Personality.ciscoIOSXE, .linux])
    func concurrentCallers(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client in
            try await withThrowingTaskGroup(of: CommandResult.self) { group in
                for index in 0..<32 {
                    group.addTask { try await client.run(lab.name, "lab output \(index + 100)") }
                }
                var lengths = Set<Int>()
                for try await result in group {
                    #expect(result.failure == nil)
                    lengths.insert(result.output.count)
                }
                #expect(lengths == Set((0..<32).map { $0 + 101 }))
            }
            #expect(lab.device.counters.logins == 1)
            #expect(lab.device.counters.connections == 1)
        }
    }

    @Test("many devices at once, each over its one session")
    func fleet() async throws {
        let lab = try TestLab([.ciscoIOSXE, .linux, .mikrotikRouterOS], count: 12)
        try await lab.withClient { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in client.inventory.deviceNames {
                    for _ in 0..<3 {
                        group.addTask {
                            let result = try await client.run(name, "lab output 200")
                            #expect(result.failure == nil, "\(name)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(client.openSessionCount == 12)
            #expect(lab.farm.counters.logins == 12)
        }
        try await until("all sessions are gone") { lab.farm.counters.openSessions == 0 }
    }

    @Test("one caller's cancellation doesn't take the opening from the others; the last one's does")
    func cancelledOpening() async throws {
        let lab = try TestLab()
        lab.device.setFault(.hangAfterLogin)
        try await lab.withClient { client in
            let device = try #require(client.inventory[lab.name])
            let callers = (0..<3).map { _ in Task { try await client.session(for: device) } }
            try await until("the device has the login") { lab.device.counters.logins == 1 }
            callers[0].cancel()
            let error = try await deviceError { try await callers[0].value }
            #expect(error.code == "cancelled" && error.delivery == .notSent)
            #expect(lab.device.counters.openSessions == 1)
            for caller in callers[1...] { caller.cancel() }
            for caller in callers[1...] {
                #expect(try await deviceError { try await caller.value }.code == "cancelled")
            }
            try await until("the connection is given up") { lab.device.counters.openSessions == 0 }
            lab.device.setFault(nil)
            let result = try await client.run(lab.name, "show clock")
            #expect(result.failure == nil && lab.device.counters.logins == 2)
        }
    }

    @Test("all sessions are closed at the end of the scope, also when it throws; afterwards every call fails")
    func scopeEnd() async throws {
        let lab = try TestLab([.ciscoIOSXE], count: 5)
        struct Failed: Error {}
        var escaped: DeviceClient?
        await #expect(throws: Failed.self) {
            try await DeviceClient.withClient(lab.configuration) { client in
                escaped = client
                for name in client.inventory.deviceNames { _ = try await client.run(name, "show clock") }
                #expect(lab.farm.counters.openSessions == 5)
                throw Failed()
            }
        }
        try await until("the devices see their sessions gone") { lab.farm.counters.openSessions == 0 }
        let client = try #require(escaped)
        #expect(client.openSessionCount == 0)
        #expect(try await deviceError { try await client.run(lab.name, "show clock") }.code == "client.closed")
        let device = try #require(client.inventory[lab.name])
        #expect(try await deviceError { try await client.session(for: device) }.code == "client.closed")
        #expect(
            try await deviceError { try await client.withTemporarySession(for: device) { _ in } }.code
                == "client.closed")
    }

    @Test("the end of the scope doesn't wait for a command that hangs, nor for a device that is mute")
    func scopeEndWhileBusy() async throws {
        let lab = try TestLab([.ciscoIOSXE], count: 2)
        let mute = lab.farm.devices[1]
        mute.setFault(.blackHole)
        let clock = ContinuousClock()
        var running: [Task<CommandResult, any Error>] = []
        var ended = clock.now
        try await lab.withClient { client in
            running = [lab.name, mute.name].map { name in Task { try await client.run(name, "lab silent") } }
            try await until("the command runs") {
                lab.device.commands.contains { $0.command == "lab silent" } && mute.counters.connections == 1
            }
            ended = clock.now
        }
        #expect(clock.now - ended < .seconds(4))
        #expect(try await deviceError { try await running[0].value }.delivery == .unknown)
        #expect(try await deviceError { try await running[1].value }.code == "client.closed")
    }

    @Test("closing one device leaves the others alone, and the next call opens it again")
    func closeOne() async throws {
        let lab = try TestLab([.ciscoIOSXE], count: 2)
        let other = lab.farm.devices[1]
        try await lab.withClient { client in
            _ = try await client.run(lab.name, "show clock")
            _ = try await client.run(other.name, "show clock")
            await client.close(lab.name)
            #expect(!client.hasSession(lab.name) && client.hasSession(other.name))
            try await until("the device sees it") { lab.device.counters.openSessions == 0 }
            _ = try await client.run(lab.name, "show clock")
            await client.close()
            #expect(client.openSessionCount == 0)
            _ = try await client.run(other.name, "show clock")
            #expect(lab.device.counters.logins == 2 && other.counters.logins == 2)
        }
    }

    @Test("idle sessions go after their time")
    func idleTimeout() async throws {
        var lab = try TestLab()
        lab.configuration.idleTimeout = .milliseconds(100)
        try await lab.withClient { client in
            _ = try await client.run(lab.name, "show clock")
            try await until("the idle session is closed") { client.openSessionCount == 0 }
            _ = try await client.run(lab.name, "show clock")
            #expect(lab.device.counters.logins == 2)
        }
    }

    @Test("past the maximum the session unused for longest is closed; with all in use the caller is told")
    func maximum() async throws {
        var lab = try TestLab([.ciscoIOSXE], count: 3, general: Inventory.General(connectionRetries: 1))
        lab.configuration.maximumSessions = 2
        let names = lab.farm.devices.map(\.name)
        try await lab.withClient { client in
            for name in names { _ = try await client.run(name, "show clock") }
            #expect(client.openSessionCount == 2)
            #expect(!client.hasSession(names[0]) && client.hasSession(names[1]) && client.hasSession(names[2]))

            let busy = names[1...].map { name in Task { try await client.run(name, "lab sleep 2000") } }
            try await until("both are busy") {
                lab.farm.devices[1...].allSatisfy { $0.commands.last?.command == "lab sleep 2000" }
            }
            let error = try await deviceError { try await client.run(names[0], "show clock") }
            #expect(error.code == "session.limit" && error.isRetriable && error.delivery == .notSent)
            for task in busy { #expect(try await task.value.failure == nil) }
        }
    }

    @Test("a temporary session with another credential leaves the persistent one alone and is gone afterwards")
    func temporary() async throws {
        let lab = try TestLab { $0.users = ["admin": "admin", "netops": "n"] }
        let netops = Credential(user: "netops", password: Secret("n"))
        try await lab.withClient { client in
            _ = try await client.run(lab.name, "show clock")
            let device = try #require(client.inventory[lab.name])
            try await client.withTemporarySession(for: device, credential: netops) { session in
                #expect(lab.device.counters.openSessions == 2)
                _ = try await session.run(DeviceCommand("lab output 10"))
            }
            try await until("it is gone") { lab.device.counters.openSessions == 1 }
            #expect(lab.device.commands.last { $0.command == "lab output 10" }?.user == "netops")
            _ = try await client.run(lab.name, "lab output 11", credential: netops)
            _ = try await client.run(lab.name, "lab output 12")
            #expect(lab.device.commands.last { $0.command == "lab output 11" }?.user == "netops")
            #expect(lab.device.commands.last { $0.command == "lab output 12" }?.user == "admin")
            #expect(lab.device.counters.logins == 3)

            let error = try await deviceError {
                try await client.run(
                    lab.name, "show clock", credential: Credential(user: "netops", password: Secret("wrong")))
            }
            #expect(error.code == "auth.failed")
            #expect(client.hasSession(lab.name))
        }
    }

    @Test("a session of its own for a scope, by inventory name or address")
    func scopedSession() async throws {
        let lab = try TestLab()
        let credential = Credential(user: "admin", password: Secret("admin"))
        for target in [lab.name, "admin@\(lab.device.host):\(lab.device.port)"] {
            let result = try await DeviceSession.withSession(
                to: target,
                configuration: lab.configuration,
                credential: credential
            ) { session in
                try await session.run(DeviceCommand("show clock"))
            }
            #expect(result.failure == nil)
        }
        #expect(lab.device.counters.logins == 2)
        try await until("both are gone") { lab.device.counters.openSessions == 0 }
    }

    @Test("a new inventory closes the sessions that it changes, and only those")
    func replacedInventory() async throws {
        let lab = try TestLab([.ciscoIOSXE], count: 2) { $0.users = ["admin": "admin", "netops": "n"] }
        let other = lab.farm.devices[1]
        try await lab.withClient { client in
            for device in lab.farm.devices { _ = try await client.run(device.name, "show clock") }
            var changed = try #require(client.inventory[lab.name])
            changed.credential = Credential(user: "netops", password: Secret("n"))
            let same = try #require(client.inventory[other.name])
            let change = try client.reload(
                try Inventory(general: client.inventory.general, devices: [changed, same]))
            #expect(change == InventoryChange(changed: [lab.name], deviceCount: 2))
            try await until("the changed one is closed") { !client.hasSession(lab.name) }
            #expect(client.hasSession(other.name))
            _ = try await client.run(lab.name, "lab output 5")
            #expect(lab.device.commands.last { $0.command == "lab output 5" }?.user == "netops")
            #expect(other.counters.logins == 1)
            let unknown = try Inventory(devices: [Device(name: "x", host: "a", platform: "cisco_iosx")])
            let error = #expect(throws: DeviceError.self) { try client.reload(unknown) }
            #expect(
                error?.message
                    == "devices.x.device_type: there is no platform `cisco_iosx`; did you mean `cisco_iosxe`?")
            #expect(client.inventory["x"] == nil)
        }
    }

    @Test("sessions of a client that nobody holds any more go with it")
    func droppedClient() async throws {
        let lab = try TestLab([.ciscoIOSXE, .linux])
        do {
            let client = try lab.makeClient()
            for name in client.inventory.deviceNames { _ = try await client.run(name, "lab output 10") }
            #expect(lab.farm.counters.openSessions == 2)
        }
        try await until("the devices see their sessions gone") { lab.farm.counters.openSessions == 0 }
    }

    @Test("a device keeps its event loop, of the group that was given")
    func eventLoops() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        var lab = try TestLab()
        lab.configuration.eventLoopGroup = group
        try await lab.withClient { client in
            let device = try #require(client.inventory[lab.name])
            let session = try await client.session(for: device)
            #expect(session.eventLoop === client.eventLoop(for: lab.name))
            let loops = (0..<100).map { client.eventLoop(for: "device-\($0)") }
            for loop in Array(group.makeIterator()) { #expect(loops.contains { $0 === loop }) }
        }
        try await group.shutdownGracefully()
    }

    @Test(
        "work that leaves the device in another mode is followed by the way back, in the same session",
        arguments: [Personality.ciscoIOSXE, .aristaEOS, .juniperJunos])
    func leftInConfiguration(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client in
            let device = try #require(client.inventory[lab.name])
            let configure = personality == .juniperJunos ? "configure" : "configure terminal"
            try await client.withSession(for: device) { session async throws(DeviceError) in
                _ = try await session.run(DeviceCommand("show version"))
                await session.endWork()
                #expect(session.isOpen)
                _ = try await session.run(DeviceCommand(configure))
                await session.endWork()
                #expect(session.isOpen)
            }
            #expect(try await client.run(lab.name, "show version").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
    }
}
