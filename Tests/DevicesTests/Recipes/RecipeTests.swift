import Foundation
import Lab
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import Devices

/// The listings of the documentation: each stands in a function here, between `// recipe: name` and `// end`.
enum Recipes {}

@Suite("The documentation's recipes do what they say")
struct RecipeTests {
    /// `router1` and `server1`, as the articles call them.
    struct World {
        var farm: DeviceFarm
        var client: DeviceClient
        var configuration: DeviceClient.Configuration

        func device(_ name: String) -> SimulatedDevice? {
            self.configuration.inventory[name].flatMap { device in self.farm.devices.first { $0.port == device.port } }
        }
    }

    private static func configuration(
        _ farm: DeviceFarm, _ names: [String], tags: Set<String> = ["edge"]
    ) throws -> DeviceClient.Configuration {
        let devices = zip(names, farm.devices).map { name, device in
            Device(
                name: name, host: device.host, port: device.port, platform: device.personality.rawValue, tags: tags,
                credential: Credential(user: "admin", password: Secret("admin")))
        }
        return DeviceClient.Configuration(
            inventory: try Inventory(
                general: .init(timeout: .seconds(20), retryDelay: .milliseconds(20)), devices: devices)
        )
    }

    private func withWorld(
        _ personalities: [Personality] = [.ciscoIOSXE],
        names: [String] = ["router1"],
        _ body: (World) async throws -> Void
    ) async throws {
        let farm = try DeviceFarm(
            .init(
                personalities: personalities, count: personalities.count,
                users: ["admin": "admin", "auditor": "audit"]))
        defer { farm.stop() }
        let configuration = try Self.configuration(farm, names)
        try await DeviceClient.withClient(configuration) { client async throws in
            try await body(World(farm: farm, client: client, configuration: configuration))
        }
    }

    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder.path)
    }

    // MARK: Getting started

    @Test("the first command")
    func firstCommand() async throws {
        try await self.withWorld { world async throws in
            try await self.withFolder { folder async throws in
                let device = world.farm.devices[0]
                let file = folder + "/inventory.yaml"
                let text = """
                    devices:
                      router1: {host: \(device.host), port: \(device.port), device_type: cisco_iosxe, user: admin, password: admin}
                    """
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                try await Recipes.oneShot(file)
            }
            #expect(world.farm.devices[0].commands.map(\.command).contains("show clock"))
            #expect(world.farm.counters.logins == 1)
        }
    }

    @Test("an inventory made in code, and a result")
    func inventoryInCode() async throws {
        try await self.withWorld { world async throws in
            let device = world.farm.devices[0]
            #expect(try await Recipes.inventoryInCode(device.host, device.port, "admin").contains("UTC"))
            #expect(try await Recipes.oneResult(world.client).first?.contains("hostname") == true)
            #expect(try await Recipes.ownSession(world.configuration, "admin"))
            #expect(world.farm.counters.logins == 3)
        }
    }

    // MARK: Commands

    @Test("several commands in a row, a question, output in pieces")
    func commands() async throws {
        try await self.withWorld { world async throws in
            let lines = try await Recipes.workflow(world.client)
            #expect(lines.count == 3 && lines.allSatisfy { $0.contains(": done after ") }, "\(lines)")
            let copied = try await Recipes.question(world.client)
            #expect(copied.failure == nil && copied.text.contains("[OK]"), "\(copied)")
            let bytes = NIOLockedValueBox(0)
            try await Recipes.streaming(world.client) { count in bytes.withLockedValue { $0 += count } }
            #expect(bytes.withLockedValue { $0 } > 1_000)
            #expect(world.farm.counters.logins == 1)
        }
    }

    @Test("a compliance check")
    func check() async throws {
        try await self.withWorld { world async throws in
            let check = try await Recipes.check(world.client)
            #expect(check.findings.count == 3 && check.results.count == 2)
            #expect(check.findings[0].passed && check.findings[2].passed, "\(check.findings)")
        }
    }

    @Test("a comparison before and after a change")
    func diff() async throws {
        try await self.withWorld { world async throws in
            try await self.withFolder { folder async throws in
                let (unified, hasChangedSince) = try await Recipes.diff(world.client, folder + "/router1.cfg")
                #expect(unified.contains("+hostname edge1") && !hasChangedSince, "\(unified)")
            }
        }
    }

    // MARK: Files

    @Test("backups of all devices")
    func backup() async throws {
        try await self.withWorld([.ciscoIOSXE, .juniperJunos], names: ["router1", "router2"]) { world async throws in
            try await self.withFolder { folder async throws in
                let backups = await Recipes.backup(world.client, folder + "/backups")
                #expect(backups.map(\.target) == ["router1", "router2"])
                for name in ["router1", "router2"] {
                    #expect(FileManager.default.contents(atPath: folder + "/backups/\(name).cfg")?.isEmpty == false)
                }
            }
        }
    }

    @Test("files to and from a server")
    func files() async throws {
        let server = try await OpenSSHServer.start(.init(configuration: ["Subsystem sftp internal-sftp"]))
        defer { server.stop() }
        let device = Device(
            name: "server1", host: server.host, port: server.port, platform: "linux",
            credential: Credential(user: server.username, privateKey: .file(server.clientKeyPath)))
        let configuration = DeviceClient.Configuration(inventory: try Inventory(devices: [device]))
        try await self.withFolder { folder async throws in
            try await DeviceClient.withClient(configuration) { client async throws in
                try "echo done; exit 3\n".write(toFile: folder + "/script", atomically: true, encoding: .utf8)
                let report = try await Recipes.uploadAndRun(client, folder + "/script", folder + "/remote")
                #expect(report == "exit status 3: done\n")
                let receipt = try await Recipes.download(client, folder + "/remote", folder + "/back")
                #expect(receipt.size == 18 && FileManager.default.fileExists(atPath: folder + "/back"))
            }
        }
    }

    // MARK: Errors

    @Test("what an error says")
    func errors() async throws {
        try await self.withWorld { world async throws in
            #expect(await Recipes.errors(world.client, "show clock").contains("UTC"))
            #expect(await Recipes.errors(world.client, "shwo clock").hasPrefix("rejected: "))
            #expect(await Recipes.errors(world.client, "two\nlines").hasPrefix("nothing was sent, and"))
            #expect(await Recipes.errors(world.client, "lab drop").hasPrefix("it may have run"))
            let session = try await world.client.session(for: #require(world.client.inventory["router1"]))
            #expect(try await Recipes.inStep(session).contains("UTC"))
            #expect(session.isOpen)
            #expect(try await Recipes.byCode(world.client).contains("router1"))
        }
        try await self.withWorld { world async throws in
            world.farm.stop()
            #expect(await Recipes.errors(world.client, "show clock").hasPrefix("nothing was sent; later"))
        }
    }

    // MARK: Many devices

    @Test("many devices side by side")
    func parallel() async throws {
        let names = ["router1", "core-1", "core-2"]
        try await self.withWorld([.ciscoIOSXE, .aristaEOS, .juniperJunos], names: names) { world async throws in
            let releases = await Recipes.parallel(world.client)
            #expect(Set(releases.keys) == Set(names) && releases.values.allSatisfy { !$0.isEmpty })
            #expect(releases["core-1"]?.contains("EOS") == true, "\(releases)")
            let notes = NIOLockedValueBox<[String]>([])
            // Junos has no `show clock`.
            #expect(
                await !Recipes.parallelSequences(world.client) { note in notes.withLockedValue { $0.append(note) } })
            #expect(notes.withLockedValue { $0.sorted() } == names.map { "\($0) is done" }.sorted())
            #expect(world.farm.counters.logins == 3)
        }
    }

    @Test("addresses outside the inventory, and other credentials")
    func adHoc() async throws {
        try await self.withWorld { world async throws in
            let other = try DeviceFarm(.init(startsPrivileged: true))
            defer { other.stop() }
            let address = "\(other.devices[0].host):\(other.devices[0].port)"
            #expect(try await Recipes.adHoc(world.client, address, "admin").contains("UTC"))
            #expect(try await Recipes.override(world.client, "audit").contains("IOS XE"))
            #expect(world.client.openSessionCount == 0 && world.farm.counters.logins == 1)
        }
    }

    @Test("warm sessions and what happens to them")
    func warm() async throws {
        try await self.withWorld { world async throws in
            let heard = NIOLockedValueBox<[String]>([])
            let answer = try await Recipes.warm(world.configuration.inventory) { text in
                heard.withLockedValue { $0.append(text) }
            }
            #expect(answer.contains("UTC"))
            #expect(heard.withLockedValue { $0 } == ["router1 session.opened", "router1 session.closed"])
            let device = try #require(world.configuration.inventory["router1"])
            #expect(Recipes.keepalive(device).session.cliKeepalive == .seconds(240))
        }
    }

    // MARK: Configuration

    @Test("a change of configuration where each line takes effect at once")
    func configure() async throws {
        try await self.withWorld { world async throws in
            let result = try await Recipes.configure(world.client)
            #expect(result.state == .applied && result.isSaved, "\(result)")
            let banner = try await Recipes.banner(world.client)
            #expect(banner.state == .applied, "\(banner)")
            let running = world.farm.devices[0].runningConfiguration.joined(separator: "\n")
            #expect(running.contains("Authorised users only.\n\nEverything is recorded.\n^C"), "\(running)")
        }
    }

    @Test("a change of configuration with a commit")
    func commit() async throws {
        try await self.withWorld([.ciscoIOSXE, .juniperJunos], names: ["router1", "router2"]) { world async throws in
            let lines = ["set interfaces lo0 description moon"]
            #expect(try await Recipes.dryRun(world.client, lines)?.contains("moon") == true)
            #expect(try await Recipes.confirmed(world.client, lines).state == .applied)
            try await Recipes.confirmedLater(world.client, ["set interfaces lo0 mtu 1400"])
            let commits = world.device("router2")?.commands.map(\.command).filter { $0.hasPrefix("commit") }
            #expect(commits == ["commit confirmed 2", "commit", "commit confirmed 2", "commit"])
        }
    }

    @Test("an inventory that is followed serves as any other")
    func followInventory() async throws {
        try await self.withWorld { world in
            try await self.withFolder { folder in
                let device = try #require(world.configuration.inventory["router1"])
                try """
                name,host,port,device_type,user,password
                router1,\(device.host),\(device.port),cisco_iosxe,admin,admin
                """.write(toFile: "\(folder)/devices.csv", atomically: true, encoding: .utf8)
                try await Recipes.followInventory(folder) { client async throws in
                    let result = try await client.run("router1", "show clock")
                    #expect(result.failure == nil)
                }
            }
        }
    }
}
