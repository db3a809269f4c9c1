import Foundation
import Lab
import NIOConcurrencyHelpers
import SSH
import TestSupport
import Testing

@testable import Devices

@Suite("Secrets that are replaced while sessions are open", .timeLimit(.minutes(2)))
struct RotationTests {
    /// A lab whose devices' credentials stand elsewhere.
    private struct World {
        let lab: TestLab
        let directory: TemporaryDirectory
        let client: DeviceClient

        init(
            _ credential: String, files: [String: String] = [:], sections: String = "", count: Int = 1,
            users: [String: String] = ["admin": "one"], change: (inout DeviceClient.Configuration) -> Void = { _ in }
        ) throws {
            var lab = try TestLab([.ciscoIOSXE], count: count) { $0.users = users }
            let devices = lab.farm.devices.map {
                "\($0.name): {host: \($0.host), port: \($0.port), device_type: cisco_iosxe, \(credential)}"
            }
            let yaml = """
                general: {timeout: 20s, retry_delay: 20ms}
                devices:
                  \(devices.joined(separator: "\n  "))
                \(sections)
                """
            self.directory = try TemporaryDirectory(files)
            try yaml.replacing("FOLDER", with: self.directory.path).write(
                toFile: "\(self.directory.path)/inventory.yaml", atomically: true, encoding: .utf8)
            lab.configuration.inventory = try Inventory(path: "\(self.directory.path)/inventory.yaml")
            change(&lab.configuration)
            self.lab = lab
            self.client = try lab.makeClient()
        }

        func write(_ text: String, to name: String) throws {
            try text.write(toFile: "\(self.directory.path)/\(name)", atomically: true, encoding: .utf8)
        }

        func run(_ command: String = "show clock", on device: String? = nil) async throws {
            #expect(try await self.client.run(device ?? self.lab.name, command).failure == nil)
        }

        func close() async { await self.client.shutDown() }
    }

    @Test(
        "a password file that is replaced: the open session stays, the next login uses the new one, after one refusal at most"
    )
    func file() async throws {
        let world = try World("user: admin, password: {file: password, ttl: 1h}", files: ["password": "one\n"])
        let device = world.lab.device
        try await world.run()
        device.setPassword("two", of: "admin")
        try world.write("two", to: "password")
        try await world.run()
        #expect(device.counters.logins == 1 && device.counters.failedLogins == 0)
        await world.client.close(world.lab.name)
        try await world.run()
        #expect(device.counters.logins == 2 && device.counters.failedLogins == 1)
        // From now on it is known.
        await world.client.close(world.lab.name)
        try await world.run()
        #expect(device.counters.logins == 3 && device.counters.failedLogins == 1)
        await world.close()
    }

    @Test("a secret that is refused and hasn't been replaced is final, and counts once")
    func unchanged() async throws {
        let events = NIOLockedValueBox<[String]>([])
        let world = try World("user: admin, password: {file: password, ttl: 1h}", files: ["password": "wrong"]) {
            $0.logins.refusalsToLock = 3
            $0.onEvent = { event in events.withLockedValue { $0.append(event.name) } }
        }
        for attempt in 1...3 {
            let error = try await deviceError { try await world.client.run(world.lab.name, "show clock") }
            #expect(error.code == "auth.failed" && !error.isRetriable)
            #expect(world.lab.device.counters.failedLogins == attempt)
            #expect(events.withLockedValue { $0.contains("credential.locked") } == (attempt == 3))
        }
        let error = try await deviceError { try await world.client.run(world.lab.name, "show clock") }
        #expect(error.code == "auth.locked" && world.lab.device.counters.failedLogins == 3)
        // Another password is another credential: not locked.
        try world.write("one", to: "password")
        await world.close()
    }

    @Test("a replaced secret is tried although the old one is locked")
    func lockedThenReplaced() async throws {
        let world = try World("user: admin, password: {file: password, ttl: 1ms}", files: ["password": "wrong"]) {
            $0.logins.refusalsToLock = 1
        }
        #expect(try await deviceError { try await world.run() }.code == "auth.failed")
        #expect(try await deviceError { try await world.run() }.code == "auth.locked")
        try world.write("one", to: "password")
        try await world.run()
        #expect(world.lab.device.counters.failedLogins == 1)
        await world.close()
    }

    @Test("a secret that can't be had is told with its place, may be tried again, and costs the device no login")
    func unavailable() async throws {
        let world = try World("user: admin, password: {file: password}", files: [:])
        let error = try await deviceError { try await world.run() }
        #expect(error.code == "credential.unavailable" && error.isRetriable && error.delivery == .notSent)
        // A long path is cut off.
        let path = quoted("\(world.directory.path)/password")
        #expect(error.message == "\(world.lab.name): the file \(path) can't be read: no such file or directory")
        #expect(world.lab.device.counters.connections == 0)
        try world.write("one", to: "password")
        try await until("it is there") { (try? await world.run()) != nil }
        await world.close()
    }

    @Test("a source that fails after a refusal: the refusal stands, and says so")
    func refusedAndUnavailable() async throws {
        let world = try World("user: admin, password: {file: password, ttl: 1h}", files: ["password": "wrong"])
        _ = try await deviceError { try await world.run() }
        try FileManager.default.removeItem(atPath: "\(world.directory.path)/password")
        let error = try await deviceError { try await world.run() }
        #expect(error.code == "auth.failed")
        #expect(error.message.contains("whether the secret has been replaced isn't known: the file `"))
        await world.close()
    }

    @Test("a new inventory with another password keeps the sessions; with another user it doesn't")
    func inventory() async throws {
        let world = try World("user: admin, password: one", users: ["admin": "one", "other": "o"])
        func replace(_ old: String, _ new: String) throws {
            let path = "\(world.directory.path)/inventory.yaml"
            let text = try String(contentsOfFile: path, encoding: .utf8).replacing(old, with: new)
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            try world.client.reload(try Inventory(path: path))
        }
        try await world.run()
        try world.write("two", to: "password")
        try replace("password: one", "password: two")
        try await world.run()
        try replace("password: two", "password: {file: password}")
        try await world.run()
        #expect(world.lab.device.counters.logins == 1 && world.client.hasSession(world.lab.name))
        try replace("user: admin, password: {file: password}", "user: other, password: o")
        try await world.run("lab output 7")
        #expect(world.lab.device.counters.logins == 2)
        #expect(world.lab.device.commands.last { $0.command == "lab output 7" }?.user == "other")
        await world.close()
    }

    @Test("a place that names another user by now: the old one's session is given to nobody any more")
    func otherUser() async throws {
        let world = try World(
            "exec: {command: [/bin/cat, FOLDER/answer], ttl: 1h}",
            files: ["answer": #"{"user": "a", "password": "1"}"#], count: 2, users: ["a": "1", "b": "2"])
        let (first, second) = (world.lab.farm.devices[0], world.lab.farm.devices[1])
        try await world.run("lab output 1", on: first.name)
        try world.write(#"{"user": "b", "password": "2"}"#, to: "answer")
        second.setPassword("changed", of: "a")
        // The refusal makes it fetched anew, and the other device's session is the old user's.
        try await world.run("lab output 2", on: second.name)
        try await until("the old user's session is gone") { first.counters.openSessions == 0 }
        try await world.run("lab output 3", on: first.name)
        let users = [first, second].flatMap(\.commands).filter { $0.command.hasPrefix("lab output") }
        #expect(users.sorted { $0.command < $1.command }.map(\.user) == ["a", "b", "b"])
        await world.close()
    }

    @Test(
        "jobs with several credentials at once on one device: each command by the user that its caller named, as the device tells"
    )
    func noMixing() async throws {
        let users = ["admin": "one", "a": "pa", "b": "pb", "c": "pc"]
        let world = try World(
            "user: admin, password: {file: admin}",
            files: ["admin": "one", "a": "pa", "b": #"{"user": "b", "password": "pb"}"#],
            sections: """
                credentials:
                  a: {user: a, password: {file: a}}
                  b: {exec: [/bin/sh, -c, "cat $0", FOLDER/b]}
                  c: {user: c, password: pc}
                """, users: users)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    let name = ["admin", "a", "b", "c"][number % 4]
                    let credential = name == "admin" ? nil : world.client.credential(named: name)
                    #expect((credential == nil) == (name == "admin"))
                    let result = try await world.client.run(
                        world.lab.name, "lab output \(1000 + number)", credential: credential)
                    #expect(result.failure == nil)
                }
            }
            try await group.waitForAll()
        }
        let commands = world.lab.device.commands.filter { $0.command.hasPrefix("lab output") }
        #expect(commands.count == 40)
        for command in commands {
            let number = try #require(Int(command.command.split(separator: " ")[2])) - 1000
            #expect(command.user == ["admin", "a", "b", "c"][number % 4])
        }
        #expect(world.lab.device.counters.failedLogins == 0)
        await world.close()
    }

    @Test(
        "fifty devices whose password is rotated in Vault, with a token that expires meanwhile: all go on, and Vault isn't asked once for each"
    )
    func vaultFleet() async throws {
        let server = try await VaultServer.start()
        defer { server.stop() }
        let role = try await server.makeRole(ttl: "1s")
        try await server.write("network/core", ["user": "admin", "password": "one"])
        let world = try World(
            "vault: {path: secret/data/network/core, ttl: 1h}",
            sections: """
                vault:
                  address: \(server.address)
                  auth: {approle: {role_id: \(role.roleID), secret_id: {file: secret-id}}}
                """, count: 50)
        try world.write(role.secretID, to: "secret-id")
        func runAll(_ command: String) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for device in world.lab.farm.devices {
                    group.addTask { try await world.run(command, on: device.name) }
                }
                try await group.waitForAll()
            }
        }
        try await runAll("lab output 1")
        for device in world.lab.farm.devices { device.setPassword("two", of: "admin") }
        try await server.write("network/core", ["user": "admin", "password": "two"])
        try await runAll("lab output 2")
        #expect(world.lab.farm.counters.logins == 50, "open sessions stay")
        // Every session has to be opened anew, when the token has expired.
        let other = try await server.makeToken(ttl: "1s")
        try await until("a token of the same life has expired") {
            try await server.call(.get, "auth/token/lookup-self", token: other).status == 403
        }
        await world.client.close()
        try await runAll("lab output 3")
        #expect(world.lab.farm.counters.logins == 100 && world.lab.farm.counters.failedLogins <= 50)
        if !server.isGenuine {
            let reads = try await server.requests().count { $0.path == "secret/data/network/core" }
            #expect((2...6).contains(reads), "\(reads)")
        }
        // Without Vault, what was fetched serves as long as its time lasts.
        server.stop()
        await world.client.close()
        try await runAll("lab output 4")
        await world.close()
    }

    @Test("Vault is down: sessions that are open go on, others are told so, and it is over when Vault is back")
    func vaultDown() async throws {
        let server = try await VaultServer.start()
        try await server.write("a", ["user": "admin", "password": "one"])
        let world = try World(
            "vault: {path: secret/data/a, ttl: 1ms}",
            sections: "vault: {address: '\(server.address)', auth: {token: \(VaultServer.rootToken)}, timeout: 1s}",
            count: 2)
        let (first, second) = (world.lab.farm.devices[0].name, world.lab.farm.devices[1].name)
        try await world.run(on: first)
        server.stop()
        try await world.run(on: first)
        let error = try await deviceError { try await world.client.run(second, "show clock") }
        #expect(error.code == "credential.unavailable")
        #expect(error.message.contains("Vault's `secret/data/a` can't be read: \(server.address) doesn't answer"))
        #expect(world.lab.farm.devices[1].counters.connections == 0)
        await world.close()
    }

    @Test("an OpenSSH server whose user gets another password during a run", .enabled(if: getuid() == 0))
    func openSSH() async throws {
        let server = try await OpenSSHServer.start(.init(password: "first-one"))
        defer { server.stop() }
        let directory = try TemporaryDirectory(["password": "first-one"])
        let inventory = try Inventory(
            yaml: """
                devices:
                  server: {host: \(server.host), port: \(server.port), device_type: linux, user: \(server.username), password: {file: \(directory.path)/password, ttl: 1h}}
                """)
        try await DeviceClient.withClient(.init(inventory: inventory)) { client in
            #expect(try await client.run("server", "echo 1").text == "1\n")
            try server.setPassword("second-one")
            try "second-one".write(toFile: "\(directory.path)/password", atomically: true, encoding: .utf8)
            #expect(try await client.run("server", "echo 2").text == "2\n")
            server.killSessions()
            #expect(try await client.run("server", "echo 3").text == "3\n")
            try server.setPassword("third-one")
            await client.close("server")
            let error = try await deviceError { try await client.run("server", "echo 4") }
            #expect(error.code == "auth.failed")
            #expect(!error.message.contains("second-one"))
        }
    }
}
