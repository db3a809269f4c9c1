import Dialogue
import Lab
import SSH
import Testing

@testable import Devices

@Suite("Commands that are more than a line and its answer")
struct InteractiveCommandTests {
    static let terminals: [Personality] = [.ciscoIOSXE, .aristaEOS, .juniperJunos, .mikrotikRouterOS]

    @Test("a question that was foreseen is answered")
    func answered() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let command = DeviceCommand(
                "copy running-config startup-config", answers: [.text("", to: "destination filename .*\\?")])
            let result = try await client.run(lab.name, command)
            #expect(result.failure == nil && result.text.contains("[OK]"))
            #expect(result.text.contains("Destination filename [startup-config]?"))
        }
    }

    @Test("a question that nobody foresaw ends the command with its text, and the session goes on")
    func unforeseen() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let error = try await deviceError { try await client.run(lab.name, "copy running-config startup-config") }
            #expect(error.code == "dialogue.question" && error.delivery == .unknown && error.sessionIsInStep)
            #expect(error.question == "Destination filename [startup-config]?")
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test(
        "a key is one key: CR and LF together, which are one character to Swift, would answer the next question as well"
    )
    func oneKey() throws {
        let platform = try #require(try PlatformLibrary().platform(named: "cisco_iosxe"))
        for (key, isKey) in [("\r", true), ("y", true), ("\r\n", false)] as [(Character, Bool)] {
            let command = DeviceCommand("reload", answers: [.key(key, to: "confirm")])
            do throws(DeviceError) {
                _ = try command.options(on: platform, device: "r1")
                #expect(isKey)
            } catch {
                #expect(!isKey && error.code == "command.invalid")
            }
        }
    }

    @Test("a reload is a success when the device hangs up, and the next command logs in again")
    func reload() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            _ = try await client.run(lab.name, DeviceCommand("hostname elsewhere", mode: "configuration"))
            let reload = DeviceCommand(
                "reload",
                answers: [.text("no", to: "save\\? \\[yes/no\\]:"), .key("\r", to: "\\[confirm\\]")],
                endsSession: true
            )
            let result = try await client.run(lab.name, reload)
            #expect(result.endedSession && result.failure == nil)
            #expect(result.text.contains("Proceed with reload? [confirm]"))
            let next = try await client.run(lab.name, "show running-config")
            #expect(next.text.contains("hostname dev-0001") && lab.device.counters.logins == 2)
        }
    }

    @Test("a command that was to end the session and came back to its prompt says so")
    func cameBack() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let result = try await client.run(lab.name, DeviceCommand("show clock", endsSession: true))
            #expect(!result.endedSession && result.failure == nil)
        }
    }

    @Test("a hidden answer is typed at its question only, and stands in no result and no error")
    func hidden() async throws {
        let lab = try TestLab([.ciscoIOSXE]) { $0.enableSecret = "open sesame" }
        try await lab.withClient { client async throws in
            let result = try await client.runSequence(
                lab.name,
                [
                    "disable",
                    DeviceCommand("enable", answers: [.secret(Secret("open sesame"), to: "password:")]),
                    "show privilege",
                    "disable",
                    DeviceCommand("enable", answers: [.init(.enableSecret, to: "password:")]),
                ])
            #expect(result.succeeded && result.results.count == 5)
            #expect(result.results[2].text.contains("level is 15"))
            #expect(!"\(result)".contains("open sesame"))

            let wrong = try await client.runSequence(
                lab.name,
                ["disable", DeviceCommand("enable", answers: [.secret(Secret("shibboleth"), to: "password:")])])
            // Once: a second wrong secret may lock an account.
            let error = try #require(wrong.error)
            #expect(error.code == "dialogue.question")
            #expect(!"\(wrong)".contains("shibboleth") && !"\(error)".contains("shibboleth"))
            #expect(!String(decoding: error.partialOutput, as: UTF8.self).contains("shibboleth"))
            // Whoever comes next is privileged, as always.
            #expect(try await client.run(lab.name, "show running-config").failure == nil)
        }
        #expect(!lab.device.commands.contains { $0.command.contains("sesame") || $0.command.contains("shibboleth") })
    }

    @Test("a command runs in the mode that it names, and the next caller finds the default mode")
    func mode() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let line = DeviceCommand("interface Loopback7", mode: "configuration")
            #expect(try await client.run(lab.name, line).failure == nil)
            #expect(try await client.run(lab.name, "show clock").failure == nil)
            #expect(lab.device.runningConfiguration.contains("interface Loopback7"))
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test("a command fails where one of its own patterns says so", arguments: [Personality.ciscoIOSXE, .linux])
    func failurePatterns(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client async throws in
            let text = personality == .linux ? "uname -a" : "show version"
            for (pattern, fails) in [("17\\.9|linux", true), ("no such words", false)] {
                let result = try await client.run(lab.name, DeviceCommand(text, failurePatterns: [pattern]))
                #expect((result.failure != nil) == fails)
            }
        }
    }

    @Test(
        "what can't be asked of a platform is refused before anything is sent",
        arguments: [
            (Personality.ciscoIOSXE, DeviceCommand("show clock", mode: "no-such-mode")),
            (.ciscoIOSXE, DeviceCommand("show clock", failurePatterns: ["("])),
            (.ciscoIOSXE, DeviceCommand("show clock", answers: [.text("a\rreload", to: "x")])),
            (.ciscoIOSXE, DeviceCommand("show clock", answers: [.secret(Secret("a\nb"), to: "x")])),
            (.linux, DeviceCommand("true", mode: "shell")),
            (.linux, DeviceCommand("true", answers: [.text("y", to: "x")])),
            (.linux, DeviceCommand("reboot", endsSession: true)),
        ])
    func refused(_ personality: Personality, _ command: DeviceCommand) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client async throws in
            let error = try await deviceError { try await client.run(lab.name, command) }
            #expect(error.code == "command.invalid" && error.delivery == .notSent, "\(error)")
            let sequence = try await deviceError { try await client.runSequence(lab.name, ["lab count x", command]) }
            #expect(sequence.code == "command.invalid" && lab.device.count(of: "x") == 0)
        }
    }

    @Test("a command that times out is interrupted, and the session goes on", arguments: terminals)
    func timeout(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client async throws in
            let error = try await deviceError {
                try await client.run(lab.name, "lab sleep 60000", timeout: .milliseconds(200))
            }
            #expect(error.code == "command.timeout" && error.delivery == .unknown && error.sessionIsInStep, "\(error)")
            let next = try await client.run(lab.name, "lab output 100")
            #expect(next.text.hasPrefix(DeterministicText.text(bytes: 100)))
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test(
        "work that is interrupted in another mode is followed by the way back",
        arguments: [Personality.aristaEOS, .juniperJunos])
    func interruptedInMode(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        try await lab.withClient { client async throws in
            let mode = personality == .juniperJunos ? "configuration" : "configuration_session"
            let result = try await client.runSequence(
                lab.name, [DeviceCommand("lab sleep 60000", timeout: .milliseconds(200), mode: mode), "show version"])
            #expect(result.error?.code == "command.timeout" && result.error?.sessionIsInStep == true)
            if case .notRun = result.steps[1].outcome {} else { Issue.record("the second was run") }
            #expect(try await client.run(lab.name, "show version").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test("a refused command ends a sequence, or doesn't, and what was answered is kept")
    func sequence() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let commands: [DeviceCommand] = ["show clock", "shwo clock", "lab count after"]
            let stopped = try await client.runSequence(lab.name, commands)
            #expect(!stopped.succeeded && stopped.error == nil && stopped.results.count == 2)
            #expect(stopped.results[1].failure != nil && lab.device.count(of: "after") == 0)
            let whole = try await client.runSequence(lab.name, commands, stopsAtFailure: false)
            #expect(!whole.succeeded && whole.steps.map(\.succeeded) == [true, false, true])
            #expect(lab.device.count(of: "after") == 1)
        }
    }

    @Test("a sequence that is cut keeps its answers and isn't begun again")
    func cutSequence() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let result = try await client.runSequence(
                lab.name, ["lab count first", "lab count second drop", "lab count third"])
            #expect(result.results.map(\.text) == ["first = 1\n"])
            #expect(result.error?.code == "session.lost" && result.error?.delivery == .unknown)
            for (name, count) in [("first", 1), ("second", 1), ("third", 0)] {
                #expect(lab.device.count(of: name) == count)
            }
        }
    }

    @Test("no other caller's command comes between those of a sequence")
    func turns() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let commands = (0..<5).map { DeviceCommand("lab output \(100 * number + $0)") }
                        let result = try await client.runSequence(lab.name, commands)
                        #expect(result.succeeded)
                    }
                    group.addTask { _ = try await client.run(lab.name, "lab output 5\(number)") }
                }
                try await group.waitForAll()
            }
            let order = lab.device.commands.map(\.command)
            for number in 0..<8 {
                let start = try #require(order.firstIndex(of: "lab output \(100 * number)"))
                #expect(order[start..<start + 5].elementsEqual((0..<5).map { "lab output \(100 * number + $0)" }))
            }
            #expect(lab.device.counters.logins == 1)
        }
    }
}
