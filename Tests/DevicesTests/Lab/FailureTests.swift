import Foundation
import Lab
import SSH
import Testing

@testable import Devices

@Suite("When devices fail")
struct FailureTests {
    @Test(
        "a wrong password is refused after exactly one attempt at the device",
        arguments: [Personality.ciscoIOSXE, .linux])
    func wrongPassword(_ personality: Personality) async throws {
        let lab = try TestLab([personality], password: "wrong")
        try await lab.withClient { client in
            let error = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(error.code == "auth.failed" && !error.isRetriable && error.delivery == .notSent)
            #expect(!error.message.contains("wrong"))
            #expect(lab.device.counters.failedLogins == 1 && lab.device.counters.connections == 1)
            #expect(client.openSessionCount == 0)
        }
    }

    @Test("32 callers with a wrong password are one attempt")
    func sharedWrongPassword() async throws {
        let lab = try TestLab(password: "wrong")
        try await lab.withClient { client in
            let device = try #require(client.inventory[lab.name])
            let callers = (0..<32).map { _ in Task { try await client.session(for: device) } }
            for caller in callers { #expect(try await deviceError { try await caller.value }.code == "auth.failed") }
            // Callers may come after the shared attempt has failed, but not one each.
            #expect(lab.device.counters.failedLogins < 4)
        }
    }

    @Test("nothing to log in with is told before any connection is made")
    func noCredential() async throws {
        var lab = try TestLab()
        lab.configuration.inventory = try Inventory(
            devices: [Device(name: "dev-0001", host: lab.device.host, port: lab.device.port, platform: "cisco_iosxe")]
        )
        try await lab.withClient { client in
            let error = try await deviceError { try await client.run("dev-0001", "show clock") }
            #expect(error.code == "auth.missing")
            #expect(error.message.contains("_USER_DEV_0001"))
        }
        #expect(lab.device.counters.connections == 0)
    }

    @Test("credentials from the environment log in")
    func environmentCredential() async throws {
        var lab = try TestLab()
        lab.configuration.inventory = try Inventory(
            devices: [Device(name: "dev-0001", host: lab.device.host, port: lab.device.port, platform: "cisco_iosxe")]
        )
        let client = try lab.makeClient(environment: [
            "TETHER_USER_DEFAULT": "admin", "TETHER_PASSWORD_DEV_0001": "admin",
        ])
        let result = try await client.run("dev-0001", "show clock")
        #expect(result.failure == nil)
        await client.shutDown()
    }

    @Test("a changed host key is refused, and the command doesn't reach the device")
    func changedHostKey() async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            _ = try await client.run(lab.name, "show clock")
            await client.close(lab.name)
            try lab.device.rotateHostKey()
            let commands = lab.device.counters.commands
            let connections = lab.device.counters.connections
            let error = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(error.code == "hostkey.changed" && !error.isRetriable && error.delivery == .notSent)
            #expect(lab.device.counters.connections == connections + 1)
            #expect(lab.device.counters.commands == commands && lab.device.counters.logins == 1)
        }
    }

    @Test("host key policies: strict refuses the unknown, off takes the changed, a pin takes the one")
    func policies() async throws {
        let lab = try TestLab()
        let fingerprint = try #require(HostKey(text: lab.device.publicHostKey)?.fingerprint)
        let wrongPin = "SHA256:" + String(repeating: "A", count: 43)
        for (policy, pin, code) in [
            (.strict, nil, "hostkey.unknown"), (.acceptNew, nil, nil), (.off, nil, nil), (.strict, fingerprint, nil),
            (.off, wrongPin, "hostkey.changed"),
        ] as [(HostKeyPolicy, String?, String?)] {
            var changed = lab
            var device = try #require(lab.configuration.inventory[lab.name])
            device.hostKeyPolicy = policy
            device.hostKeyFingerprint = pin
            changed.configuration.inventory = try Inventory(devices: [device])
            try await changed.withClient { client in
                if let code {
                    #expect(try await deviceError { try await client.run(lab.name, "show clock") }.code == code)
                } else {
                    let result = try await client.run(lab.name, "show clock")
                    #expect(result.failure == nil)
                }
            }
        }
    }

    @Test("when the device drops the session, the next call opens another")
    func droppedWhileIdle() async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            for round in 1...3 {
                let result = try await client.run(lab.name, "show clock")
                #expect(result.failure == nil)
                #expect(lab.device.counters.logins == round)
                lab.device.dropConnections()
                try await until("the loss is noticed") { !client.hasSession(lab.name) }
            }
        }
    }

    @Test("a command that only reads runs again when its session is lost; one that may change something doesn't")
    func droppedWhileRunning() async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            for (command, isRead) in [("show clock", true), ("lab sleep 60000", false)] {
                _ = try await client.run(lab.name, "lab output 10")
                if isRead { lab.device.setResponseDelay(.seconds(60)) }
                let running = Task { try await client.run(lab.name, command) }
                try await until("it runs") { lab.device.commands.contains { $0.command == command } }
                lab.device.setResponseDelay(.zero)
                lab.device.dropConnections()
                if isRead {
                    let result = try await running.value
                    #expect(result.failure == nil && !result.output.isEmpty)
                } else {
                    let error = try await deviceError { try await running.value }
                    #expect(error.code == "session.lost" && error.delivery == .unknown)
                }
                #expect(lab.device.commands.count { $0.command == command } == (isRead ? 2 : 1))
            }
        }
    }

    @Test(
        "a session that is used in the moment of its loss is opened again, as long as the command provably wasn't sent")
    func droppedWhileAsking() async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            for _ in 0..<10 {
                _ = try await client.run(lab.name, "show clock")
                lab.device.dropConnections()
                // Whether the loss is noticed before, while or after this is sent: an answer, or honest doubt.
                do {
                    let result = try await client.run(lab.name, "lab output 10")
                    #expect(result.failure == nil)
                } catch {
                    #expect(
                        (error as? DeviceError)?.code == "session.lost" && (error as? DeviceError)?.delivery == .unknown
                    )
                }
            }
        }
    }

    @Test(
        "a command that is cut in the middle is not run again",
        arguments: [Personality.ciscoIOSXE, .juniperJunos, .linux])
    func cutInTheMiddle(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client in
            let error = try await deviceError { try await client.run(lab.name, "lab count change drop") }
            #expect(error.code == "session.lost" && error.delivery == .unknown)
            #expect(lab.device.count(of: "change") == 1)
            let next = try await client.run(lab.name, "lab output 10")
            #expect(next.failure == nil)
            #expect(lab.device.count(of: "change") == 1)
            #expect(lab.device.commands.count { $0.command == "lab count change drop" } == 1)
        }
    }

    @Test("what had come before the session was lost is kept")
    func partialOutput() async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            let error = try await deviceError { try await client.run(lab.name, "lab drop") }
            #expect(error.code == "session.lost" && error.delivery == .unknown)
            #expect(!error.partialOutput.isEmpty)
        }
    }

    @Test(
        "a command that times out and can't be interrupted costs the session, and the next call works",
        arguments: [Personality.ciscoIOSXE, .mikrotikRouterOS, .linux])
    func timeout(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client in
            let error = try await deviceError {
                try await client.run(lab.name, "lab silent", timeout: .milliseconds(300))
            }
            #expect(error.code == "command.timeout" && error.delivery == .unknown && !error.sessionIsInStep)
            #expect(lab.device.commands.count { $0.command == "lab silent" } == 1)
            let next = try await client.run(lab.name, "lab output 10")
            #expect(next.failure == nil)
            #expect(lab.device.counters.logins == 2)
        }
        try await until("both are gone") { lab.device.counters.openSessions == 0 }
    }

    @Test("each command's time begins with its turn; who waits behind one that times out is served by the next session")
    func timeoutInTurn() async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            async let slow = client.run(lab.name, "lab sleep 600")
            try await until("it runs") { lab.device.commands.contains { $0.command == "lab sleep 600" } }
            // Waits for longer than its own time limit.
            let quick = try await client.run(lab.name, "lab output 10", timeout: .milliseconds(400))
            #expect(quick.failure == nil)
            _ = try await slow

            let hanging = Task { try await client.run(lab.name, "lab silent", timeout: .milliseconds(300)) }
            try await until("it runs") { lab.device.commands.contains { $0.command == "lab silent" } }
            let behind = try await client.run(lab.name, "lab output 11")
            #expect(behind.failure == nil)
            #expect(try await deviceError { try await hanging.value }.code == "command.timeout")
            #expect(lab.device.commands.count { $0.command == "lab output 11" } == 1)
        }
    }

    @Test("a caller that is cancelled while it waits leaves the queue; one whose command runs interrupts it")
    func cancellation() async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            let running = Task { try await client.run(lab.name, "lab sleep 60000") }
            try await until("it runs") { lab.device.commands.contains { $0.command == "lab sleep 60000" } }
            let waiting = Task { try await client.run(lab.name, "lab output 12") }
            let session = try await client.session(for: #require(client.inventory[lab.name]))
            try await until("the other waits") { await session.waitingCommands == 1 }
            waiting.cancel()
            let left = try await deviceError { try await waiting.value }
            #expect(left.code == "cancelled" && left.delivery == .notSent)
            #expect(client.hasSession(lab.name))
            running.cancel()
            let interrupted = try await deviceError { try await running.value }
            #expect(interrupted.code == "cancelled" && interrupted.delivery == .unknown)
            #expect(interrupted.sessionIsInStep)
            #expect(!lab.device.commands.contains { $0.command == "lab output 12" })
            let next = try await client.run(lab.name, "lab output 13")
            #expect(next.failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test("output past the limit ends the command, not the memory")
    func outputLimit() async throws {
        var lab = try TestLab()
        lab.configuration.maximumOutputBytes = 10_000
        try await lab.withClient { client in
            let error = try await deviceError { try await client.run(lab.name, "lab output 1000000") }
            #expect(error.code == "output.too_large" && error.delivery == .unknown && !error.isRetriable)
            #expect(error.partialOutput.count <= 10_000)
            let device = try #require(client.inventory[lab.name])
            let session = try await client.session(for: device)
            let streamed = try await session.run(DeviceCommand("lab output 1000000", collectsOutput: false))
            #expect(streamed.failure == nil)
        }
    }

    @Test("no prompt within the sign-on's time is told with the device's last words")
    func signOnTimeout() async throws {
        var lab = try TestLab(general: Inventory.General(connectionRetries: 1)) {
            $0.messageOfTheDay = "Welcome to nowhere"
        }
        lab.configuration.signOnTimeout = .milliseconds(400)
        lab.device.setFault(.hangAfterLogin)
        try await lab.withClient { client in
            let error = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(error.code == "prompt.timeout" && error.delivery == .notSent, "\(error)")
            try await until("the connection is given up") { lab.device.counters.openSessions == 0 }
        }
    }

    @Test("what can pass is tried again, as often as the inventory says; what can't isn't")
    func retries() async throws {
        let general = Inventory.General(connectionRetries: 3, retryDelay: .milliseconds(10))
        var lab = try TestLab(general: general)
        lab.configuration.signOnTimeout = .milliseconds(200)
        lab.device.setFault(.hangAfterLogin)
        try await lab.withClient { client in
            let mute = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(mute.code == "prompt.timeout" && lab.device.counters.logins == 3)
            lab.device.setFault(.denyLogins)
            #expect(try await deviceError { try await client.run(lab.name, "show clock") }.code == "auth.failed")
            #expect(lab.device.counters.failedLogins == 1)
            lab.device.setFault(.refuseConnections)
            let error = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(error.code == "connect.refused" && error.isRetriable)
        }
        var patient = lab
        patient.configuration.signOnTimeout = .seconds(20)
        patient.configuration.inventory = try Inventory(
            general: Inventory.General(connectionRetries: 20, retryDelay: .milliseconds(50)),
            devices: [try #require(lab.configuration.inventory[lab.name])]
        )
        try await patient.withClient { client in
            // Comes back while it is tried again.
            async let result = client.run("dev-0001", "show clock")
            lab.device.setFault(nil)
            let healed = try await result
            #expect(healed.failure == nil)
        }
    }

    @Test(
        "what is no command is refused before anything is sent",
        arguments: ["", "show clock\nreload", "tab\there", "esc\u{1B}"])
    func invalidCommands(text: String) async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            let error = try await deviceError { try await client.run(lab.name, text) }
            #expect(error.code == "command.invalid" && error.delivery == .notSent && !error.isRetriable)
        }
        #expect(!lab.device.commands.contains { $0.command.contains("reload") })
    }

    @Test("an unknown name is told with what may have been meant")
    func unknownTarget() async throws {
        let lab = try TestLab()
        try await lab.withClient { client in
            let error = try await deviceError { try await client.run("dev-001", "show clock") }
            #expect(error.code == "target.unknown" && error.message.contains("did you mean `dev-0001`?"))
        }
    }

    @Test("mistakes that a client can see at once are told when it is made")
    func clientMistakes() throws {
        var lab = try TestLab()
        let inventory = lab.configuration.inventory
        lab.configuration.inventory = try Inventory(
            yaml: "devices:\n  r1:\n    host: a\n    device_type: cisco_iosex\n",
            file: "lab.yaml"
        )
        let error = #expect(throws: DeviceError.self) { try lab.makeClient() }
        #expect(error?.code == "inventory.invalid")
        #expect(
            error?.message
                == "lab.yaml:2: devices.r1.device_type: there is no platform `cisco_iosex`; did you mean `cisco_iosxe`?"
        )
        lab.configuration.inventory = inventory
        lab.configuration.knownHostsFile = "/"
        #expect(throws: DeviceError.self) { try lab.makeClient() }
    }
}

extension HostKey {
    /// From the form of `known_hosts`: type and base64.
    init?(text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let blob = Data(base64Encoded: String(parts[1])) else { return nil }
        self.init(blob: Array(blob))
    }
}
