import CLibSSH
import Dispatch
import Glibc
import NIOConcurrencyHelpers
import Testing

@testable import Lab

@Suite("A farm of simulated devices", .timeLimit(.minutes(2)))
struct DeviceFarmTests {
    /// A farm for the time of `body`, which runs on a thread that may block.
    private func withFarm(
        _ options: DeviceFarm.Options = .init(),
        _ body: @escaping @Sendable (DeviceFarm) throws -> Void
    ) async throws {
        let farm = try DeviceFarm(options)
        try await SSHClient.onThread {
            defer { farm.stop() }
            try body(farm)
        }
    }

    private static func until(_ seconds: Double = 10, _ condition: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !condition() {
            if ContinuousClock.now > deadline { return false }
            sched_yield()
        }
        return true
    }

    private static func shell(_ device: SimulatedDevice, user: String = "admin") throws -> SSHClient {
        let client = try SSHClient(host: device.host, port: device.port)
        try client.logIn(user: user)
        try client.openShell()
        return client
    }

    @Test("every personality can be logged in to and used", arguments: Personality.allCases)
    func personalities(personality: Personality) async throws {
        try await withFarm(.init(personalities: [personality])) { farm in
            let device = farm.devices[0]
            let client = try Self.shell(device, user: personality == .mikrotikRouterOS ? "admin+ct80w24h" : "admin")
            let prompts: [Personality: String] = [
                .ciscoIOSXE: "dev-0001>", .aristaEOS: "dev-0001>", .juniperJunos: "admin@dev-0001> ",
                .mikrotikRouterOS: "[admin@dev-0001] > ", .linux: "admin@dev-0001:~$ ",
            ]
            let prompt = try #require(prompts[personality])
            try client.read(until: prompt)
            try client.type("lab output 300000\r")
            let answer = try client.read(until: prompt).replacing("\r\n", with: "\n")
            #expect(answer.contains(DeterministicText.text(bytes: 300_000)))
            try client.type("lab count x\rlab count x\r")
            while device.count(of: "x") < 2 || !client.text.contains("x = 2") { try client.read(until: prompt) }
            #expect(device.commands.map(\.command) == ["lab output 300000", "lab count x", "lab count x"])
            #expect(device.counters.logins == 1 && device.counters.openSessions == 1)
            #expect(Set(device.commands.map(\.user)) == ["admin"])
        }
    }

    @Test("wrong passwords are refused and counted")
    func wrongPassword() async throws {
        try await withFarm { farm in
            let client = try SSHClient(host: farm.devices[0].host, port: farm.devices[0].port)
            #expect(throws: SSHClient.Refused.self) { try client.logIn(password: "wrong") }
            #expect(throws: SSHClient.Refused.self) { try client.logIn(user: "nobody") }
            try client.logIn()
            let counters = farm.devices[0].counters
            #expect(counters.failedLogins == 2 && counters.logins == 1)
        }
    }

    @Test("keyboard-interactive and public keys work where they are offered")
    func otherMethods() async throws {
        var key: ssh_key?
        #expect(ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) == SSH_OK)
        var text: UnsafeMutablePointer<CChar>?
        ssh_pki_export_pubkey_base64(key, &text)
        let line = "ssh-ed25519 " + String(cString: try #require(text))
        nonisolated(unsafe) let privateKey = try #require(key)  // Used by the one thread of the body below.
        let options = DeviceFarm.Options(authorizedKeys: [line], offersPassword: false, offersKeyboardInteractive: true)
        try await withFarm(options) { farm in
            let device = farm.devices[0]
            let first = try SSHClient(host: device.host, port: device.port)
            #expect(throws: SSHClient.Refused.self) { try first.logIn() }
            try first.logInInteractively()
            let second = try SSHClient(host: device.host, port: device.port)
            #expect(throws: SSHClient.Refused.self) { try second.logInInteractively(password: "wrong") }
            try second.logIn(key: privateKey)
            #expect(device.counters.logins == 2)
        }
        ssh_key_free(privateKey)
        ssh_string_free_char(text)
    }

    @Test("exec channels report output, standard error and exit status")
    func exec() async throws {
        try await withFarm(.init(personalities: [.linux])) { farm in
            let client = try SSHClient(host: farm.devices[0].host, port: farm.devices[0].port)
            try client.logIn()
            let first = try client.run("echo hello; exit 7")
            #expect(first.output == "hello\n" && first.status == 7)
            let second = try client.run("nosuch")
            #expect(second.error == "bash: nosuch: command not found\n" && second.status == 127)
            let third = try client.run("lab output 3000000")
            #expect(third.output == DeterministicText.text(bytes: 3_000_000) + "\n" && third.status == 0)
        }
    }

    @Test("the host key is known beforehand, stays, and changes on request")
    func hostKeys() async throws {
        try await withFarm(.init(count: 2, hostKeyPerDevice: true)) { farm in
            func key(_ device: SimulatedDevice) throws -> String? {
                try SSHClient(host: device.host, port: device.port).hostKey
            }
            let (first, second) = (farm.devices[0], farm.devices[1])
            let before = try key(first)
            #expect(first.publicHostKey == "ssh-ed25519 " + (before ?? ""))
            #expect(try key(first) == before)
            #expect(try key(second) != before)
            try first.rotateHostKey()
            #expect(try key(first) != before)
        }
        for type in [HostKeyType.ecdsa, .rsa] {
            try await withFarm(.init(hostKeyType: type)) { farm in
                let client = try SSHClient(host: farm.devices[0].host, port: farm.devices[0].port)
                #expect(farm.devices[0].publicHostKey.hasSuffix(" " + (client.hostKey ?? "none")))
            }
        }
    }

    @Test("cut connections and drops in mid-output end the session, and a new one can be opened")
    func drops() async throws {
        try await withFarm { farm in
            let device = farm.devices[0]
            let first = try Self.shell(device)
            try first.read(until: ">")
            device.dropConnections()
            try first.readToEnd()
            let second = try Self.shell(device)
            try second.read(until: ">")
            try second.type("lab drop\r")
            try second.readToEnd()
            #expect(second.text.contains("00000005 abc"))
            #expect(Self.until { device.counters.openSessions == 0 })
            #expect(device.counters.maximumConcurrentSessions == 1)
            #expect(device.counters.logins == 2)
        }
    }

    @Test("faults do what they say, and heal")
    func faults() async throws {
        try await withFarm { farm in
            let device = farm.devices[0]
            func connect() throws -> SSHClient { try SSHClient(host: device.host, port: device.port, timeout: 1) }
            device.setFault(.refuseConnections)
            #expect(throws: SSHClient.Refused.self) { try connect() }
            #expect(device.counters.connections == 0)
            device.setFault(.blackHole)
            #expect(throws: SSHClient.Refused.self) { try connect() }
            device.setFault(.wrongBanner("SSH-1.5-Old\r\n"))
            #expect(throws: SSHClient.Refused.self) { try connect() }
            #expect(device.counters.connections == 2)
            device.setFault(.denyLogins)
            #expect(throws: SSHClient.Refused.self) { try connect().logIn() }
            device.setFault(.hangAfterLogin)
            let hung = try Self.shell(device)
            try hung.type("\r")
            #expect(!hung.hears(within: 200))
            device.setFault(.oneByteWrites)
            let slow = try Self.shell(device)
            try slow.read(until: ">")
            try slow.type("show version\r")
            #expect(try slow.read(until: "dev-0001>").contains("Configuration register is 0x2102"))
            device.setFault(nil)
            try Self.shell(device).read(until: ">")
        }
    }

    @Test("an idle shell is closed after exec-timeout; a reload cuts everybody")
    func execTimeoutAndReload() async throws {
        try await withFarm(.init(startsPrivileged: true, execTimeout: .milliseconds(300))) { farm in
            let idle = try Self.shell(farm.devices[0])
            try idle.readToEnd()
        }
        try await withFarm(.init(startsPrivileged: true)) { farm in
            let (first, second) = (try Self.shell(farm.devices[0]), try Self.shell(farm.devices[0]))
            try first.read(until: "#")
            try second.read(until: "#")
            #expect(farm.devices[0].counters.maximumConcurrentSessions == 2)
            try first.type("reload\r")
            try first.read(until: "[confirm]")
            try first.type("\r")
            try first.readToEnd()
            try second.readToEnd()
        }
    }

    @Test("devices can have an address each on one port")
    func addresses() async throws {
        try await withFarm(.init(count: 300, host: "127.55.0.250", oneAddressEach: true)) { farm in
            #expect(Set(farm.devices.map(\.port)).count == 1)
            #expect(farm.devices[299].host == "127.55.2.37")
            try Self.shell(farm.devices[299]).read(until: "dev-0300>")
        }
    }

    @Test("a thousand devices hold a thousand sessions that were opened together")
    func thousand() async throws {
        try await withFarm(.init(count: 1_000)) { farm in
            let workers = 50
            let failures = NIOLockedValueBox<[String]>([])
            let (inside, release, done) = (DispatchGroup(), DispatchGroup(), DispatchGroup())
            release.enter()
            let threads = ThreadCount()
            for worker in 0..<workers {
                inside.enter()
                done.enter()
                let started = threads.start(stackSize: 1 << 20) {
                    var clients: [SSHClient] = []
                    for device in stride(from: worker, to: farm.devices.count, by: workers).map({ farm.devices[$0] }) {
                        do {
                            let client = try SSHClient(host: device.host, port: device.port, timeout: 60)
                            try client.logIn()
                            try client.openShell()
                            try client.read(until: ">", within: 60)
                            try client.type("show clock\r")
                            try client.read(until: ">", within: 60)
                            clients.append(client)
                        } catch { failures.withLockedValue { $0.append("\(device.name): \(error)") } }
                    }
                    inside.leave()
                    release.wait()
                    clients = []
                    done.leave()
                }
                #expect(started)
            }
            #expect(inside.wait(timeout: .now() + 100) == .success)
            #expect(failures.withLockedValue { $0 } == [])
            #expect(farm.counters.openSessions == 1_000)
            release.leave()
            #expect(done.wait(timeout: .now() + 30) == .success)
            let counters = farm.counters
            #expect(counters.logins == 1_000 && counters.commands == 1_000)
            #expect(counters.maximumConcurrentSessions == 1)
        }
    }
}

@Suite("The control port", .timeLimit(.minutes(1)))
struct ControlTests {
    @Test("commands steer the farm and are answered in order")
    func farm() async throws {
        let farm = try DeviceFarm(.init(count: 2))
        let server = try await ControlServer.start(host: "127.0.0.1", port: 0) { FarmControl.answer($0, farm: farm) {} }
        func send(_ command: String) async throws -> String {
            try await ControlServer.send(command, host: "127.0.0.1", port: server.port)
        }
        #expect(try await send("stats").hasPrefix(#"{"devices":2,"connections":0,"logins":0,"#))
        #expect(try await send("devices").split(separator: "\n").count == 2)
        #expect(try await send("fault dev-0002 black-hole") == "ok")
        #expect(farm.devices[1].fault == .blackHole && farm.devices[0].fault == nil)
        #expect(try await send("fault all none") == "ok")
        #expect(farm.devices[1].fault == nil)
        #expect(try await send("drop nobody") == #"{"error":"no device nobody"}"#)
        #expect(try await send("nonsense").contains("stats | devices"))
        await server.stop()
        farm.stop()
    }

    @Test("the inventory names every device")
    func inventory() throws {
        let farm = try DeviceFarm(.init(personalities: Personality.allCases, count: 3))
        let yaml = FarmInventory.yaml(farm, user: "it's", password: nil)
        #expect(yaml.contains("defaults: {user: 'it''s'}"))
        let second = farm.devices[1]
        #expect(
            yaml.contains(
                "  dev-0002: {host: 127.0.0.1, port: \(second.port), device_type: arista_eos, tags: [lab, even, arista_eos]}"
            ))
        farm.stop()
    }
}
