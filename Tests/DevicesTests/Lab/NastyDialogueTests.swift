import Lab
import SSH
import Testing

@testable import Devices

/// What breaks other tools, end to end. The dialogue's own tests hold the many more that need no connection.
@Suite("Nasty dialogues, over real connections")
struct NastyDialogueTests {
    @Test(
        "a new host name in the middle of a change costs neither the session nor the answer",
        arguments: [Personality.ciscoIOSXE, .aristaEOS, .juniperJunos])
    func newHostName(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client async throws in
            let line = personality == .juniperJunos ? "set system host-name moonbase" : "hostname moonbase"
            let change = try await client.configure(lab.name, ConfigurationChange([line], timeout: .seconds(20)))
            #expect(change.state == .applied && change.succeeded, "\(change)")
            #expect(try await client.run(lab.name, "show version").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test("a host name that configuration mode cuts at 20 characters is still the same device")
    func cutHostName() async throws {
        let lab = try TestLab { $0.namePrefix = "a-router-with-a-long-name-" }
        try await lab.withClient { client async throws in
            let change = try await client.configure(
                lab.name, ConfigurationChange(["interface Loopback7", "description moon"]))
            #expect(change.state == .applied && change.lines.allSatisfy(\.output.isEmpty), "\(change)")
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test(
        "questions, modes and interruptions work when every byte travels alone",
        arguments: [Personality.ciscoIOSXE, .juniperJunos])
    func oneByteWrites(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        lab.device.setFault(.oneByteWrites)
        try await lab.withClient { client async throws in
            let line = personality == .juniperJunos ? "set interfaces lo0 description x" : "interface Loopback7"
            #expect(try await client.configure(lab.name, ConfigurationChange([line])).state == .applied)
            let error = try await deviceError {
                try await client.run(lab.name, "lab sleep 60000", timeout: .milliseconds(300))
            }
            #expect(error.code == "command.timeout" && error.sessionIsInStep)
            if personality == .ciscoIOSXE {
                let question = DeviceCommand(
                    "copy running-config startup-config", answers: [.text("", to: "filename [^\n]*\\?")])
                #expect(try await client.run(lab.name, question).failure == nil)
            }
            #expect(
                try await client.run(lab.name, "lab output 3000").text.hasPrefix(DeterministicText.text(bytes: 3000)))
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test("a device that has no terminal left says so in the error, and nothing was sent")
    func noTerminalLeft() async throws {
        let lab = try TestLab(general: .init(timeout: .seconds(20), connectionRetries: 1)) {
            $0.channelsPerConnection = 0
        }
        try await lab.withClient { client async throws in
            let error = try await deviceError { try await client.run(lab.name, "show clock") }
            #expect(error.code == "ssh.channel" && error.delivery == .notSent && error.isRetriable, "\(error)")
        }
        try await until("closed") { lab.device.counters.openSessions == 0 }
    }

    @Test("a session that the device has closed for want of use is opened again, unseen by the caller")
    func execTimeout() async throws {
        let lab = try TestLab { $0.execTimeout = .milliseconds(100) }
        try await lab.withClient { client async throws in
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            try await until("the device hangs up") {
                lab.device.counters.openSessions == 0 && !client.hasSession(lab.name)
            }
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            #expect(lab.device.counters.logins == 2)
        }
    }

    @Test("late output of an interrupted command is never the next one's answer")
    func lateOutput() async throws {
        var lab = try TestLab()
        lab.configuration.maximumOutputBytes = 50_000
        try await lab.withClient { client async throws in
            let error = try await deviceError { try await client.run(lab.name, "lab output 2000000") }
            #expect(error.code == "output.too_large" && error.partialOutput.count <= 50_000)
            let next = try await client.run(lab.name, "show privilege")
            #expect(next.text == "Current privilege level is 15\n")
        }
    }

    @Test("leaving configuration mode with uncommitted lines commits nothing")
    func uncommitted() async throws {
        let lab = try TestLab([.juniperJunos])
        let before = lab.device.runningConfiguration
        try await lab.withClient { client async throws in
            let result = try await client.runSequence(
                lab.name, ["configure", "set interfaces lo0 description moon", "show | compare"])
            #expect(result.succeeded && result.results[2].text.contains("moon"))
            #expect(try await client.run(lab.name, "show version").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
        #expect(lab.device.runningConfiguration == before)
    }
}
