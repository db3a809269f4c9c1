import Dialogue
import Foundation
import Testing

@Suite("Modes")
struct ModeTests {
    private func ios(
        _ turns: [Turn],
        hasEnableSecret: Bool = true,
        gated: Bool = true,
        chunking: Chunking = .whole
    ) throws -> (conversation: Conversation, machine: DialogueMachine) {
        var device = ScriptedDevice(
            try platform("cisco_iosxe"), hasEnableSecret: hasEnableSecret, gated: gated, chunking: chunking)
        let conversation = device.play(Transcripts.iosSetup + turns)
        return (conversation, device.machine)
    }

    @Test("a mode is entered and left by request, and lines are typed in between", arguments: [true, false])
    func configure(gated: Bool) throws {
        for chunking in [Chunking.whole, .eachByte, .random(seed: 3)] {
            let (conversation, machine) = try self.ios(
                .mode(
                    "configuration", "configure terminal",
                    "Enter configuration commands, one per line.  End with CNTL/Z.\r\nr1(config)#")
                    + .command("interface Gi1", "r1(config-if)#") + .command("description x", "r1(config-if)#")
                    + .mode("privileged_exec", "end", "r1#"),
                gated: gated,
                chunking: chunking
            )
            #expect(conversation.commands.map(\.completion?.failure) == [nil, nil, nil, nil])
            #expect(
                conversation.commands.map(\.completion?.mode) == [
                    "configuration", "configuration", "configuration", "privileged_exec",
                ])
            #expect(conversation.commands.allSatisfy { $0.output.isEmpty })
            #expect(machine.modeName == "privileged_exec")
        }
    }

    @Test("the way leads over all modes between, and each step is checked")
    func path() throws {
        let (conversation, _) = try self.ios(
            .mode("exec", "disable", "r1>")
                + [
                    .enters("configuration"), .typed("enable"), .prints("enable"), .typed("\r"),
                    .prints("\r\nPassword: "), .secret(.enable), .prints("\r\nr1#"),
                ]
                + .setup("configure terminal", "r1(config)#"))
        #expect(conversation.commands.map(\.completion?.mode) == ["exec", "configuration"])
        // A step that didn't happen ends the way.
        let (stuck, machine) = try self.ios(
            .mode("exec", "disable", "r1>") + [
                .enters("configuration"), .typed("enable\r"), .prints("enable\r\n% No privilege\r\nr1>"),
            ]
                + .command("show x", "a\r\nr1>"))
        #expect(stuck.commands[1].completion?.failure?.contains("No privilege") == true)
        #expect(stuck.commands[1].completion?.mode == "exec")
        #expect(!stuck.typed.contains("configure"))
        #expect(stuck.commands.last?.outputText == "a\n")
        #expect(machine.isReady)
    }

    @Test("a mode that the device is in already costs nothing")
    func alreadyThere() throws {
        let (conversation, _) = try self.ios([.enters("privileged_exec"), .enters("privileged_exec")])
        #expect(conversation.commands.map(\.completion?.ending) == [.prompt, .prompt])
        #expect(conversation.typed == "terminal length 0\rterminal width 511\r")
    }

    @Test("a refusal is told in the device's words, and the session goes on")
    func refused() throws {
        var device = ScriptedDevice(try platform("juniper_junos"))
        let prompt = "\r\nuser@mx1> "
        let conversation = device.play(
            [.prints(prompt)] + .setup("set cli complete-on-space off", prompt)
                + .setup("set cli screen-length 0", prompt)
                + .setup("set cli screen-width 511", prompt)
                + .mode(
                    "configuration", "configure exclusive",
                    "error: configuration database locked by:\r\n  other terminal p0 (pid 1) on since 2023\r\n" + prompt
                )
                + .command("show x", "a\r\n" + prompt))
        let failure = try #require(conversation.commands.first?.completion?.failure)
        #expect(failure.contains("configuration database locked"))
        #expect(conversation.commands.first?.completion?.mode == "exec")
        #expect(conversation.commands.last?.completion?.failure == nil)
    }

    @Test("where two modes have one prompt, a refused step is not taken for a move")
    func ambiguous() throws {
        var device = ScriptedDevice(try platform("cisco_iosxr"))
        let prompt = "RP/0/RP0/CPU0:r1#"
        let config = "RP/0/RP0/CPU0:r1(config)#"
        let conversation = device.play(
            [.prints(prompt)] + .setup("terminal length 0", prompt) + .setup("terminal width 512", prompt)
                + .mode("configuration_exclusive", "configure exclusive", config)
                + .mode("privileged_exec", "end", prompt)
                + .mode("configuration", "configure terminal", config))
        #expect(
            conversation.commands.map(\.completion?.mode) == [
                "configuration_exclusive", "privileged_exec", "configuration",
            ])
        let yaml = """
            name: x
            failure_patterns: ['^error']
            modes:
              - name: a
                prompt_pattern: '^\\w+#'
                accessible_modes: [{name: b, instructions: [{send_input: {input: go}}]}]
              - {name: b, prompt_pattern: '^\\w+#'}
            """
        var other = ScriptedDevice(try PlatformDefinition(yaml: yaml))
        let refused = other.play([.prints("r1#")] + .mode("b", "go", "error: locked\r\nr1#") + .mode("b", "go", "r1#"))
        #expect(refused.commands.map { $0.completion?.failure != nil } == [true, false])
        #expect(refused.commands.map(\.completion?.mode) == ["a", "b"])
    }

    @Test("a name that is no mode, and a way that isn't there, are refusals")
    func unknown() throws {
        let (conversation, _) = try self.ios([.enters("nowhere")] + .command("show x", "a\r\nr1#"))
        #expect(conversation.commands.first?.completion?.failure?.contains("no mode “nowhere”") == true)
        #expect(conversation.commands.first?.completion?.failure?.contains("“configuration”") == true)
        #expect(conversation.commands.last?.outputText == "a\n")
        var device = ScriptedDevice(try platform("nokia_sros_classic"))
        let prompt = "*A:r1# "
        let stuck = device.play(
            [.prints(prompt)] + .setup("environment no more", prompt) + .command("vi x", "*A:r1{vi}# ")
                + [.typed("\r"), .prints("\r\n*A:r1{vi}# ")] + [.enters("exec")])
        #expect(stuck.commands.last?.completion?.failure?.contains("no mode") == true)
    }

    @Test("a wrong secret, no secret, and an unexpected question are left, and the session goes on")
    func questions() throws {
        let leave: [Turn] = [.typed("\u{3}"), .prints("\r\nr1>"), .typed("\r"), .prints("\r\nr1>")]
        let asked: [Turn] = [.enters("privileged_exec"), .typed("enable\r"), .prints("enable\r\nPassword: ")]
        let down: [Turn] = .mode("exec", "disable", "r1>")
        let (wrong, _) = try self.ios(
            down + asked + [.secret(.enable), .prints("\r\nPassword: ")] + leave + .command("show x", "a\r\nr1>"))
        #expect(wrong.commands[1].completion?.failure?.contains("asked again") == true)
        #expect(wrong.commands[1].completion?.mode == "exec")
        #expect(wrong.typed.components(separatedBy: "«enable»").count == 2)
        #expect(wrong.commands.last?.outputText == "a\n")

        let (none, _) = try self.ios(down + asked + leave + .command("show x", "a\r\nr1>"), hasEnableSecret: false)
        #expect(none.commands[1].completion?.failure?.contains("no enable secret") == true)
        #expect(!none.typed.contains("«"))
        #expect(none.commands.last?.outputText == "a\n")

        let (other, _) = try self.ios(
            down + [.enters("privileged_exec"), .typed("enable\r"), .prints("enable\r\nUsername: ")] + leave
                + .command("show x", "a\r\nr1>"))
        #expect(other.commands[1].completion?.ending == .question("Username:"))
        #expect(other.commands.last?.outputText == "a\n")
    }

    @Test("a change of mode can be interrupted")
    func interrupted() throws {
        let (conversation, machine) = try self.ios(
            [
                .enters("configuration"), .typed("configure terminal\r"),
                .prints("configure terminal\r\nwaiting for lock"), .interrupts,
            ]
                + [.typed("\u{3}"), .prints("\r\nr1#"), .typed("\r"), .prints("\r\nr1#")])
        #expect(conversation.commands.first?.completion?.ending == .interrupted)
        #expect(conversation.commands.first?.completion?.mode == "privileged_exec")
        #expect(machine.isReady)
    }

    @Test("leaving with uncommitted changes commits nothing, and says so")
    func uncommitted() throws {
        var device = ScriptedDevice(try platform("cisco_iosxr"))
        _ = device.play(Transcripts.xr.turns)
        #expect(device.machine.notes.contains { $0.contains("Uncommitted changes found") && $0.contains("“no”") })
    }

    @Test("a command runs in the mode that it names; refused the mode, it isn't sent", arguments: [true, false])
    func commandInMode(gated: Bool) throws {
        let options = CommandOptions(mode: "configuration")
        let (conversation, machine) = try self.ios(
            [.runsWith("do show x", options)]
                + .setup("configure terminal", "Enter configuration commands.\r\nr1(config)#")
                + .setup("do show x", "a\r\nr1(config)#")
                + [.runsWith("do show y", options)] + .setup("do show y", "b\r\nr1(config)#"),
            gated: gated
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n", "b\n"])
        #expect(conversation.commands.map(\.completion?.mode) == ["configuration", "configuration"])
        #expect(machine.commandWasSubmitted)
        let (refused, other) = try self.ios(
            [.runsWith("shutdown", options)]
                + .setup("configure terminal", "% Command authorization failed.\r\n\r\nr1#"),
            gated: gated
        )
        #expect(refused.commands.first?.completion?.failure?.contains("authorization failed") == true)
        #expect(!refused.typed.contains("shutdown"))
        #expect(!other.commandWasSubmitted)
        #expect(other.isReady)
    }

    @Test("a mode is asked for only between commands")
    func misuse() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup + [.runs("show x")], timerLimit: 3)
        var actions: [DialogueMachine.Action] = []
        device.machine.enterMode("configuration", &actions)
        guard case .failed(let error)? = actions.last else { return #expect(Bool(false)) }
        #expect(error.code == "dialogue.state")
    }
}
