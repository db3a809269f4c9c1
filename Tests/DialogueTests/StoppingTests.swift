import Dialogue
import Testing

@Suite("Stopping a command")
struct StoppingTests {
    private func ios(_ turns: [Turn], gated: Bool = true, chunking: Chunking = .whole) throws -> Conversation {
        var device = ScriptedDevice(try platform("cisco_iosxe"), gated: gated, chunking: chunking)
        return device.play(Transcripts.iosSetup + turns)
    }

    private static func running(_ text: String, _ output: String) -> [Turn] {
        [.runs(text), .typed(text), .prints(text), .typed("\r"), .prints("\r\n" + output)]
    }

    private static let chunkings: [Chunking] = [.whole, .eachByte, .random(seed: 7)]

    // MARK: Interruption

    @Test("an interrupted command ends when the prompt has been repeated after an Enter", arguments: [true, false])
    func interrupted(gated: Bool) throws {
        for answer in [
            "^C\r\nr1#", "\r\nr1#", "^Cr1#", "\r\nr1#\r\nr1#", "rest\r\nr1#\r\n*Mar  1 00:00:01: %SYS-5-X: y\r\nr1#",
        ] {
            for chunking in Self.chunkings {
                let conversation = try self.ios(
                    Self.running("ping 192.0.2.1", "!!!!\r\n....") + [.interrupts, .typed("\u{3}"), .prints(answer)]
                        + [.typed("\r"), .prints("\r\nr1#")] + .command("show x", "a\r\nr1#"),
                    gated: gated,
                    chunking: chunking
                )
                #expect(conversation.error == nil)
                #expect(conversation.commands.first?.completion?.ending == .interrupted, "\(answer.debugDescription)")
                // What had come whole is kept; what came after the key isn't the command's answer any more.
                #expect(conversation.commands.first?.outputText == "!!!!\n")
                #expect(conversation.commands.last?.outputText == "a\n", "\(answer.debugDescription)")
                #expect(conversation.commands.last?.completion?.ending == .prompt)
            }
        }
    }

    @Test("output that keeps coming after the key is drained, and none of it reaches the next command")
    func drained() throws {
        let rest = (0..<50).map { "line \($0)\r\nr1#\r\n" }.joined()
        for chunking in Self.chunkings {
            let conversation = try self.ios(
                Self.running("show tech", "line\r\n") + [.interrupts, .typed("\u{3}"), .prints(rest + "r1#")]
                    // More of it between Enter and prompt: that Enter proves nothing.
                    + [.typed("\r"), .prints("late\r\nr1#\r\nlater\r\nr1#"), .typed("\r"), .prints("\r\nr1#")]
                    + .command("show x", "a\r\nr1#"),
                chunking: chunking
            )
            #expect(conversation.commands.map(\.outputText) == ["line\n", "a\n"])
            #expect(conversation.commands.first?.completion?.ending == .interrupted)
        }
    }

    @Test("a device that takes another key gets it")
    func secondKey() throws {
        let conversation = try self.ios(
            Self.running("ping 192.0.2.1", "....") + [.interrupts, .typed("\u{3}\u{1E}"), .prints("\r\nr1#")]
                + [.typed("\r"), .prints("\r\nr1#")]
        )
        #expect(conversation.commands.first?.completion?.ending == .interrupted)
    }

    @Test("a mode that the key has ended is read from the prompt")
    func modeAfterInterrupt() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(
            Transcripts.iosSetup + .command("configure terminal", "r1(config)#")
                + Self.running("crypto key generate", "...")
                + [.interrupts, .typed("\u{3}"), .prints("\r\nr1#"), .typed("\r"), .prints("\r\nr1#")])
        #expect(device.machine.isReady)
        #expect(device.machine.modeName == "privileged_exec")
    }

    @Test("two-line prompts prove the step as well")
    func twoLines() throws {
        for (name, setup, prompt) in [
            (
                "nokia_srlinux", ["environment cli-engine type basic", "environment complete-on-space false"],
                "--{ running }--[  ]--\r\nA:s1# "
            ),
            (
                "juniper_junos",
                ["set cli complete-on-space off", "set cli screen-length 0", "set cli screen-width 511"],
                "\r\n{master:0}\r\na@m1> "
            ),
        ] {
            var device = ScriptedDevice(try platform(name))
            let conversation = device.play(
                [.prints(prompt)] + setup.flatMap { [Turn].setup($0, prompt) }
                    + Self.running("monitor", "x\r\n") + [
                        .interrupts, .typed("\u{3}"), .prints("^C\r\n" + prompt), .typed("\r"),
                        .prints("\r\n" + prompt),
                    ]
                    + .command("show x", "a\r\n" + prompt))
            #expect(conversation.commands.first?.completion?.ending == .interrupted)
            #expect(conversation.commands.last?.outputText.hasPrefix("a\n") == true)
            #expect(conversation.commands.last?.completion?.ending == .prompt)
        }
    }

    @Test("a pager is left with its own key")
    func pager() throws {
        // Pages are answered; one that is still there when the key has had no effect is left.
        let conversation = try self.ios(
            Self.running("show x", "a\r\n") + [.interrupts, .typed("\u{3}"), .prints("b\r\n --More-- "), .typed("q")]
                + [.prints("\r         \r\r\nr1#"), .typed("\r"), .prints("\r\nr1#")])
        #expect(conversation.commands.first?.completion?.ending == .interrupted)
    }

    @Test("a device that doesn't come back to its prompt costs the session, in bounded time")
    func lost() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let conversation = device.play(Transcripts.iosSetup + Self.running("show x", "a\r\n") + [.interrupts])
        #expect(conversation.error?.code == "dialogue.interrupt")
        #expect(conversation.commands.first?.completion == nil)
        #expect(device.elapsed < .seconds(60))
        // Nor one that has a prompt, but answers each Enter with something else.
        let chatter = (0..<40).flatMap { _ in [Turn.typed("\r"), .prints("noise\r\nr1#")] }
        var other = ScriptedDevice(try platform("cisco_iosxe"))
        let second = other.play(
            Transcripts.iosSetup + Self.running("show x", "a\r\n") + [.interrupts, .typed("\u{3}"), .prints("\r\nr1#")]
                + chatter, timerLimit: 500)
        #expect(second.error?.code == "dialogue.interrupt")
        #expect(second.commands.first?.completion == nil)
    }

    @Test("before the return key an interruption costs the session: an Enter could run what stands in the line")
    func beforeReturn() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup)
        var actions: [DialogueMachine.Action] = []
        device.machine.run("reload", &actions)
        actions = []
        device.machine.interrupt(&actions)
        guard case .failed(let error)? = actions.last else { return #expect(Bool(false)) }
        #expect(error.code == "dialogue.interrupt")
        #expect(!device.machine.commandWasSubmitted)
        #expect(!actions.contains { if case .send = $0 { true } else { false } })
    }

    @Test("an interruption that comes too late, or twice, changes nothing")
    func late() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup + .command("show x", "a\r\nr1#"))
        var actions: [DialogueMachine.Action] = []
        device.machine.interrupt(&actions)
        #expect(actions.isEmpty && device.machine.isReady)
        device.machine.run("show y", gated: false, &actions)
        device.machine.interrupt(&actions)
        let count = actions.count
        device.machine.interrupt(&actions)
        #expect(actions.count == count)
    }

    @Test("an interrupted sign-on is over")
    func signOn() throws {
        var machine = DialogueMachine(platform: try platform("cisco_iosxe"), hasEnableSecret: true)
        var actions: [DialogueMachine.Action] = []
        machine.opened(&actions)
        machine.interrupt(&actions)
        guard case .failed? = actions.last else { return #expect(Bool(false)) }
    }

    @Test("a secret that was typed before the interruption stays hidden")
    func hidden() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let options = CommandOptions(answers: [try Answer(to: "password:", .hidden { Array("hunter2".utf8) })])
        let conversation = device.play(
            Transcripts.iosSetup + [
                .runsWith("x", options), .typed("x"), .prints("x"), .typed("\r"), .prints("\r\nPassword: "),
            ]
                + [.typed("hunter2\r"), .prints("hunter2"), .interrupts, .typed("\u{3}"), .prints("^C\r\nr1#")]
                + [.typed("\r"), .prints("\r\nr1#")])
        #expect(conversation.commands.first?.completion?.ending == .interrupted)
        #expect(!device.machine.tail.contains("hunter2"))
        #expect(conversation.commands.first?.outputText.contains("hunter2") == false)
    }

    // MARK: The end of the session

    private static let reload = "\r\nProceed with reload? [confirm]"

    private func reloadOptions() throws -> CommandOptions {
        CommandOptions(answers: [try Answer(to: #"\[confirm\]"#, .text(""))], endsSession: true)
    }

    @Test("a command that ends the session is completed by the device's hanging up", arguments: [true, false])
    func endsSession(gated: Bool) throws {
        for rest in ["", "\r\n", "\r\n*** --- SHUTDOWN NOW ---\r\n***", "\r\nr1#"] {
            for chunking in Self.chunkings {
                var device = ScriptedDevice(try platform("cisco_iosxe"), gated: gated, chunking: chunking)
                let conversation = device.play(
                    Transcripts.iosSetup + [
                        .runsWith("reload", try self.reloadOptions()), .typed("reload"), .prints("reload"),
                        .typed("\r"),
                    ]
                        + [.prints(Self.reload), .typed("\r"), .prints(rest), .closes])
                #expect(conversation.error == nil)
                #expect(conversation.commands.first?.completion?.ending == .sessionEnded, "\(rest.debugDescription)")
                #expect(conversation.commands.first?.completion?.failure == nil)
                #expect(conversation.commands.first?.outputText.hasPrefix("Proceed with reload? [confirm]") == true)
                if rest.contains("SHUTDOWN") {
                    #expect(
                        conversation.commands.first?.outputText
                            == "Proceed with reload? [confirm]\n*** --- SHUTDOWN NOW ---\n***")
                }
            }
        }
    }

    @Test("a command that was expected to end the session, and doesn't, ends at its prompt")
    func goesOn() throws {
        let conversation = try self.ios(
            [.runsWith("reload", try self.reloadOptions()), .typed("reload"), .prints("reload"), .typed("\r")]
                + [.prints("\r\n% Reload is not allowed\r\nr1#")])
        #expect(conversation.commands.first?.completion?.ending == .prompt)
    }

    @Test(
        "a lost session is no success: not before the command is taken in, not at an open question, not for any other command"
    )
    func lostSession() throws {
        let options = try self.reloadOptions()
        let sent: [Turn] = [.runsWith("reload", options), .typed("reload")]
        // The echo is missing, and with it the return key.
        var conversation = try self.ios(sent + [.closes])
        #expect(conversation.error?.code == "session.lost")
        #expect(conversation.commands.first?.completion == nil)
        // The same without the gate.
        conversation = try self.ios(sent + [.closes], gated: false)
        #expect(conversation.error?.code == "session.lost")
        // At another question than the expected one.
        conversation = try self.ios(sent + [.prints("reload"), .typed("\r"), .prints("\r\nSave? [yes/no]: "), .closes])
        #expect(conversation.error?.code == "session.lost")
        #expect(conversation.commands.first?.completion == nil)
        // Another command.
        conversation = try self.ios(Self.running("show x", "a\r\nb") + [.closes])
        #expect(conversation.error?.code == "session.lost")
        #expect(conversation.commands.first?.completion == nil)
        // What had come is there.
        #expect(conversation.commands.first?.outputText == "a\nb")
    }

    @Test("a refusal in the device's last words counts, though it hangs up")
    func refusedEnd() throws {
        let conversation = try self.ios(
            [.runsWith("reload", try self.reloadOptions()), .typed("reload"), .prints("reload"), .typed("\r")]
                + [.prints("\r\n% Invalid input detected at '^' marker.\r\n"), .closes])
        #expect(conversation.commands.first?.completion?.ending == .sessionEnded)
        #expect(conversation.commands.first?.completion?.failure?.contains("Invalid input") == true)
    }

    @Test("a session that is lost while nothing runs, or during the sign-on, is a failure with what came last")
    func lostIdle() throws {
        var machine = DialogueMachine(platform: try platform("cisco_iosxe"), hasEnableSecret: true)
        var actions: [DialogueMachine.Action] = []
        machine.opened(&actions)
        Array("All lines are in use\r\n".utf8).withUnsafeBytes { machine.received($0, &actions) }
        machine.closed(&actions)
        guard case .failed(let error)? = actions.last else { return #expect(Bool(false)) }
        #expect(error.code == "session.lost")
        #expect(error.message.contains("All lines are in use"))
        actions = []
        machine.closed(&actions)
        #expect(actions.isEmpty)
    }
}
