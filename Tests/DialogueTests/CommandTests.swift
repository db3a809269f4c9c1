import Dialogue
import Lab
import Testing

@Suite("Commands")
struct CommandTests {
    /// A conversation with an IOS device that is ready.
    private func ios(_ turns: [Turn], gated: Bool = true, chunking: Chunking = .whole) throws -> Conversation {
        try play("cisco_iosxe", Transcripts.iosSetup + turns, gated: gated, chunking: chunking)
    }

    // MARK: Prompts

    @Test("the host name changes in mid-session", arguments: [true, false])
    func hostNameChange(gated: Bool) throws {
        let conversation = try self.ios(
            .command("hostname r2", "r2#") + [.typed("\r"), .prints("\r\nr2#")] + .command("show x", "a\r\nr2#"),
            gated: gated
        )
        #expect(conversation.commands.map(\.completion?.prompt) == ["r2#", "r2#"])
        #expect(conversation.commands.map(\.outputText) == ["", "a\n"])
    }

    @Test("the host name is cut to 20 characters in the configuration mode")
    func cutHostName() throws {
        let name = "a-very-long-hostname-for-a-router"
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let cut = String(name.prefix(20))
        let conversation = device.play(
            [.prints("\(name)#")] + .setup("terminal length 0", "\(name)#") + .setup("terminal width 511", "\(name)#")
                + .command("configure terminal", "\(cut)(config)#") + .command("interface Gi1", "\(cut)(config-if)#")
                + .command("end", "\(name)#")
        )
        #expect(
            conversation.commands.map(\.completion?.prompt) == ["\(cut)(config)#", "\(cut)(config-if)#", "\(name)#"])
        #expect(conversation.commands.allSatisfy { $0.output.isEmpty })
        // Only the prompt's own pace: no Enter was needed.
        #expect(!conversation.typed.contains("\r\r"))
    }

    @Test(
        "a prompt that no pattern foresees, but that begins with the host name, is proven by an Enter",
        arguments: [true, false])
    func unforeseenPrompt(gated: Bool) throws {
        let conversation = try self.ios(
            .command("python", "Python 3.6\r\nr1{python}# ") + [.typed("\r"), .prints("\r\nr1{python}# ")]
                + .command("1 + 1", "2\r\nr1{python}# ") + .command("exit", "r1#"),
            gated: gated
        )
        #expect(conversation.commands.map(\.outputText) == ["Python 3.6\n", "2\n", ""])
        #expect(conversation.commands.last?.completion?.mode == "privileged_exec")
        #expect(conversation.commands.first?.completion?.mode == nil)
    }

    @Test("a prompt-like line inside the output doesn't end the read", arguments: [true, false])
    func promptLikeLines(gated: Bool) throws {
        let lines = [
            "r1#", "r1# ", "r1#show version", "r1>", "r1(config)#", "legend: > best", "description #",
            "[V200R009C00SPC500]", "#",
        ]
        for line in lines {
            for chunking in [Chunking.whole, .eachByte] {
                let conversation = try self.ios(
                    .command("show log", "first\r\n\(line)\r\nlast\r\nr1#") + .command("show x", "x\r\nr1#"),
                    gated: gated,
                    chunking: chunking
                )
                #expect(conversation.commands.map(\.outputText) == ["first\n\(line)\nlast\n", "x\n"], "\(line)")
                #expect(conversation.isComplete, "\(line)")
            }
        }
    }

    @Test("a saved session inside the output is output")
    func savedSession() throws {
        let text = "r1#show clock\r\n*Mar  1 00:00:01.000: %SYS-5-CONFIG_I: x\r\nr1#show clock\r\n00:00\r\nr1#exit\r\n"
        let conversation = try self.ios(.command("more flash:session", text + "r1#"))
        #expect(conversation.commands.map(\.outputText) == [text.replacing("\r\n", with: "\n")])
    }

    @Test("behind a prompt-like line the real prompt must stand for a while")
    func doubt() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup + .command("show x", "a\r\nr1#"))
        #expect(device.elapsed == .zero)
        device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup + .command("show x", "r1#show y\r\nr1#"))
        #expect(device.elapsed >= .milliseconds(100))
    }

    @Test("a prompt that is erased and drawn again counts once")
    func redrawn() throws {
        let conversation = try self.ios(
            .command(
                "show x", "r1#\r\u{1B}[Ka\r\nr1#\u{8}\u{8}\u{8}   \r\u{1B}[Kb\r\nr1#\r\u{1B}[K\u{1B}[7mr1#\u{1B}[m")
        )
        #expect(conversation.commands.map(\.outputText) == ["a\nb\n"])
    }

    @Test("output without a line end at its end keeps none")
    func unterminatedOutput() throws {
        let conversation = try self.ios(
            .command("more x", "a\r\nbcr1#") + [.typed("\r"), .prints("\r\nr1#")] + .command("show x", "x\r\nr1#")
        )
        #expect(conversation.commands.map(\.outputText) == ["a\nbc", "x\n"])
    }

    @Test("output that stalls behind something like a prompt goes on")
    func refutedProbe() throws {
        let conversation = try self.ios(
            .command("show x", "a\r\nsee r1#") + [.typed("\r"), .prints(" for more\r\nb\r\nr1#\r\nr1#")]
        )
        #expect(conversation.commands.map(\.outputText) == ["a\nsee r1# for more\nb\n"])
    }

    @Test("a long silence ends nothing")
    func silence() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let conversation = device.play(Transcripts.iosSetup + .command("copy x y", "working\r\n"))
        #expect(conversation.commands.first?.completion == nil)
        #expect(conversation.error == nil)
        #expect(conversation.commands.first?.outputText == "working\n")
        // Nothing was typed into the silence.
        #expect(conversation.typed.hasSuffix("copy x y\r"))
        #expect(device.machine.tail.contains("working"))
        #expect(device.machine.commandWasSubmitted)
    }

    @Test("a connection that is cut in the middle leaves the command unfinished")
    func cut() throws {
        let conversation = try self.ios(.command("show x", "a\r\nb"))
        #expect(conversation.commands.first?.completion == nil)
        #expect(conversation.commands.first?.outputText == "a\n")
    }

    @Test("# lines of a confirmed commit are output, and the mode goes by the whole prompt")
    func commitConfirmed() throws {
        let prompt = "\r\nuser@mx1> "
        var device = ScriptedDevice(try platform("juniper_junos"))
        let conversation = device.play(
            [.prints(prompt)] + .setup("set cli complete-on-space off", prompt)
                + .setup("set cli screen-length 0", prompt)
                + .setup("set cli screen-width 511", prompt)
                + .command("show x", "a\r\n# commit confirmed will be rolled back in 2 minutes\r\n" + prompt)
        )
        #expect(
            conversation.commands.map(\.outputText) == ["a\n# commit confirmed will be rolled back in 2 minutes\n\n"])
        #expect(device.machine.modeName == "exec")
    }

    @Test("a return key that counts twice shifts no answer")
    func doublePrompt() throws {
        let conversation = try self.ios(
            .command("show a", "a\r\nr1#") + [.prints("\r\nr1#")] + .command("show b", "b\r\nr1#") + [
                .prints("\r\nr1#")
            ]
                + .command("show c", "c\r\nr1#")
        )
        #expect(conversation.commands.last?.outputText == "c\n")
        #expect(conversation.commands.last?.completion != nil)
    }

    // MARK: Echo

    @Test("the return key waits for the echo")
    func gate() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup)
        var actions: [DialogueMachine.Action] = []
        device.machine.run("show x", &actions)
        #expect(actions.first == .send(Array("show x".utf8)))
        #expect(!device.machine.commandWasSubmitted)
        actions = []
        Array("show ".utf8).withUnsafeBytes { device.machine.received($0, &actions) }
        #expect(actions.isEmpty && !device.machine.commandWasSubmitted)
        Array("x".utf8).withUnsafeBytes { device.machine.received($0, &actions) }
        #expect(actions.contains(.send([0x0D])))
        #expect(device.machine.commandWasSubmitted)
    }

    @Test("without the gate, text and return key leave together")
    func ungated() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup)
        #expect(!device.machine.commandWasSubmitted)
        var actions: [DialogueMachine.Action] = []
        device.machine.run("show x", gated: false, &actions)
        #expect(actions == [.send(Array("show x\r".utf8))])
        #expect(device.machine.commandWasSubmitted)
    }

    @Test(
        "an echo is seen through whatever the device makes of it",
        arguments: [
            // Wrapped at a margin that nobody told us: blank, CR.
            "show interfaces Gigabit \rEthernet1/0/1 | include rate",
            // Drawn again after a scroll to the side.
            "show interfaces Giga\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}$es GigabitEthernet1/0/1 \u{1B}[K| include rate",
            // Completion on blank: a blank, and back.
            "show \u{8} interfaces \u{8} GigabitEthernet1/0/1 |  \u{8}\u{8} include rate",
            // In colour, and drawn twice.
            "\u{1B}[32mshow\u{1B}[0m interfaces\rr1#show interfaces GigabitEthernet1/0/1 | include rate\u{1B}[K",
        ], [true, false])
    func mangledEcho(_ echo: String, gated: Bool) throws {
        let command = "show interfaces GigabitEthernet1/0/1 | include rate"
        let conversation = try self.ios(
            [.runs(command), .typed(command), .prints(echo), .typed("\r"), .prints("\r\nrate 1\r\nr1#")],
            gated: gated
        )
        #expect(conversation.commands.map(\.outputText) == ["rate 1\n"])
    }

    @Test("a command that is longer than the terminal is wide is echoed in rows", arguments: [511, 80])
    func wrappedEcho(margin: Int) throws {
        let command = "show interfaces " + String(repeating: "GigabitEthernet1/0/1,", count: 30)
        var echo = ""
        for (index, character) in ("r1#" + command).enumerated() {
            if index > 0, index % margin == 0 { echo += " \r" }
            echo.append(character)
        }
        for gated in [true, false] {
            let conversation = try self.ios(
                [
                    .runs(command), .typed(command), .prints(String(echo.dropFirst(3))), .typed("\r"),
                    .prints("\r\na\r\nr1#"),
                ],
                gated: gated
            )
            #expect(conversation.commands.map(\.outputText) == ["a\n"])
            #expect(conversation.typed.hasSuffix(command + "\r"))
        }
    }

    @Test("a prompt pattern that runs away is a note, not a hang")
    func runawayPattern() throws {
        let yaml = "name: x\nprompt_pattern: '^(?:(?:a+)+[!#]|r1#)'"
        var device = ScriptedDevice(try PlatformDefinition(yaml: yaml))
        let line = String(repeating: "a", count: 100)
        let conversation = device.play([.prints("r1#")] + .command("show x", line + "\r\n" + line) + [.waits])
        #expect(conversation.commands.first?.completion == nil)
        #expect(device.machine.notes.contains { $0.contains("too long") })
    }

    @Test("an abbreviation that the device completes is an echo")
    func completedEcho() throws {
        let conversation = try self.ios(
            [
                .runs("sh ver"), .typed("sh ver"), .prints("sh\u{8}\u{8}show ver\u{8}\u{8}\u{8}version"), .typed("\r"),
                .prints("\r\na\r\nr1#"),
            ]
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
    }

    @Test("a command that is echoed twice leaves no trace of it")
    func doubledEcho() throws {
        let conversation = try self.ios(.command("show x", "r1#show x\r\nr1#show x\r\na\r\nr1#"))
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
    }

    @Test("a device that doesn't echo is waited for at first, and then not any more", arguments: [true, false])
    func noEcho(gated: Bool) throws {
        func silent(_ text: String, _ answer: String) -> [Turn] { [.runs(text), .typed(text + "\r"), .prints(answer)] }
        let setup: [Turn] = [
            .prints("r1#"), .typed("terminal length 0\r"), .prints("\r\nr1#"), .typed("terminal width 511\r"),
            .prints("\r\nr1#"),
        ]
        var device = ScriptedDevice(try platform("cisco_iosxe"), gated: gated)
        let conversation = device.play(
            setup + silent("show a", "\r\na\r\nr1#") + silent("show b", "b\r\nr1#") + silent("show c", "\r\nc\r\nr1#")
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n", "b\n", "c\n"])
        #expect(device.elapsed < .seconds(4))
    }

    @Test("a prompt without echo or answer is no success on a device that echoes")
    func lostCommand() throws {
        let conversation = try self.ios([.runs("clear x"), .typed("clear x\r"), .prints("\r\nr1#")])
        #expect(conversation.error?.code == "dialogue.echo")
        #expect(conversation.commands.first?.completion == nil)
    }

    @Test("an echo that never comes leaves the return key to the timer")
    func lateReturn() throws {
        let conversation = try self.ios([.runs("show x"), .typed("show x\r"), .prints("\r\nr1#show x\r\na\r\nr1#")])
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
    }

    @Test("a command must be one line, and the one before it must be over")
    func misuse() throws {
        for command in ["show\nreload", "show\r", "a\tb", "\u{3}", "a\u{7F}"] {
            var device = ScriptedDevice(try platform("cisco_iosxe"))
            let conversation = device.play(Transcripts.iosSetup + [.runs(command)])
            #expect(conversation.error?.code == "dialogue.state")
            #expect(!conversation.typed.contains(command))
        }
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup + [.runs("show x")], timerLimit: 3)
        var actions: [DialogueMachine.Action] = []
        device.machine.run("show y", &actions)
        guard case .failed(let error)? = actions.last else { return #expect(Bool(false)) }
        #expect(error.code == "dialogue.state")
    }

    @Test("an empty command is an Enter")
    func enter() throws {
        let conversation = try self.ios([.runs(""), .typed("\r"), .prints("\r\nr1#")])
        #expect(conversation.commands.map(\.outputText) == [""])
        #expect(conversation.commands.first?.completion?.prompt == "r1#")
    }

    // MARK: Bytes

    @Test("bytes that aren't text pass as they are, control sequences don't")
    func bytes() throws {
        let raw: [UInt8] = [0xEF, 0xBB, 0xBF, 0xFF, 0xC3, 0x28, 0xE9, 0x09, 0x0C] + Array("Zürich 日本".utf8)
        let sent: [UInt8] =
            raw[..<4] + [0x00, 0x07] + Array("\u{1B}[1;31m".utf8) + raw[4...]
            + Array("\u{1B}(B\u{1B}=\u{1B}]0;t\u{1B}\\".utf8)
        for chunking in [Chunking.whole, .eachByte, .random(seed: 3)] {
            let conversation = try self.ios(
                [
                    .runs("show x"), .typed("show x"), .prints("show x"), .typed("\r"), .prints("\r\n"),
                    .printsBytes(sent), .prints("\r\nr1#"),
                ],
                chunking: chunking
            )
            #expect(conversation.commands.first?.output == raw + [0x0A])
        }
    }

    @Test("line ends of all kinds are one line end, and a bare CR starts the line again")
    func lineEnds() throws {
        for chunking in [Chunking.whole, .eachByte] {
            let conversation = try self.ios(
                .command("show x", "a\nb\r\nc\r\r\nd\r\r\n\re\r\n\r\nProgress 1%\rProgress 99%\rDone        \r\nr1#"),
                chunking: chunking
            )
            #expect(conversation.commands.map(\.outputText) == ["a\nb\nc\nd\ne\n\nDone        \n"])
        }
    }

    @Test(
        "nothing is joined, trimmed or added",
        arguments: ["\r\n\r\n", "  a  \r\n", "a\r\n\r\n\r\n", "\ta\tb\r\n", " \r\n"])
    func exactness(_ output: String) throws {
        let conversation = try self.ios(.command("show x", output + "r1#"))
        #expect(conversation.commands.map(\.outputText) == [output.replacing("\r\n", with: "\n")])
    }

    @Test("output leaves line by line, and a line without end in parts")
    func streaming() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        _ = device.play(Transcripts.iosSetup)
        var actions: [DialogueMachine.Action] = []
        device.machine.run("show x", gated: false, &actions)
        func receive(_ text: String) -> [DialogueMachine.Action] {
            var actions: [DialogueMachine.Action] = []
            Array(text.utf8).withUnsafeBytes { device.machine.received($0, &actions) }
            return actions
        }
        #expect(receive("show x\r\na\r\nb") == [.output(Array("a\n".utf8))])
        #expect(receive("c\r\n") == [.output(Array("bc\n".utf8))])
        let long = String(repeating: "x", count: 100_000)
        var output: [UInt8] = []
        for action in receive(long + "\r\nr1#") {
            if case .output(let bytes) = action { output += bytes }
        }
        #expect(output == Array((long + "\n").utf8))
    }

    @Test("whatever lines an answer holds, it arrives whole")
    func randomOutput() throws {
        let parts = [
            "r1#", "r1# ", "r1#show y", "r1>", "r1(config)#", "r2#", "see r1#", "", " ", "a", "--More-- ", " --More-- ",
            "[confirm]",
            "Password: ", "(y/n)", "% Invalid input", "#", ">", "!", "x\ty", "Zürich", "router bgp 65000",
            "description >>> r1# <<<",
            String(repeating: "-", count: 79), String(repeating: "long ", count: 300),
        ]
        let platform = try platform("cisco_iosxe")
        for seed in 1...250 as ClosedRange<UInt64> {
            var random = SplitMix(seed: seed)
            var turns = Transcripts.iosSetup
            var outputs: [String] = []
            for _ in 0..<3 {
                let lines = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
                    parts.randomElement(using: &random) ?? ""
                }
                let end = Bool.random(using: &random) ? "\r\n" : "\r\r\n"
                turns += .command("show x", lines.map { $0 + end }.joined() + "r1#")
                outputs.append(lines.map { $0 + "\n" }.joined())
            }
            var device = ScriptedDevice(platform, gated: seed % 2 == 0, chunking: .random(seed: seed))
            #expect(device.play(turns).commands.map(\.outputText) == outputs, "seed \(seed)")
        }
    }

    @Test("a large output costs one look at the prompt per piece, and arrives whole")
    func large() throws {
        let line = "interface GigabitEthernet1/0/1 is up, line protocol is up # > description\r\n"
        let text = String(repeating: line, count: 14_000)
        var device = ScriptedDevice(try platform("cisco_iosxe"), gated: false, chunking: .random(seed: 1))
        _ = device.play(Transcripts.iosSetup)
        let before = device.actionCount
        var actions: [DialogueMachine.Action] = []
        device.machine.run("show tech", gated: false, &actions)
        var count = 0
        var timers = 0
        let bytes = Array(("show tech\r\n" + text + "r1#").utf8)
        for start in stride(from: 0, to: bytes.count, by: 1_400) {
            actions = []
            bytes[start..<min(start + 1_400, bytes.count)].withUnsafeBytes { device.machine.received($0, &actions) }
            for action in actions {
                switch action {
                case .output(let bytes): count += bytes.count
                case .startTimer: timers += 1
                default: break
                }
            }
        }
        #expect(before > 0)
        #expect(count == text.utf8.count - 14_000)
        #expect(timers == 1)
    }

    // MARK: Failure

    @Test("a command's own failure patterns hold for every line of its output, and for no other command")
    func failWhen() throws {
        let options = CommandOptions(failurePatterns: [try Pattern("err-disabled"), try Pattern("^x$")])
        let lines = (1...20).map { $0 == 10 ? "Gi1/0/\($0) err-disabled\r\n" : "Gi1/0/\($0) connected\r\n" }.joined()
        let conversation = try self.ios(
            [.runsWith("show x", options)] + .setup("show x", lines + "r1#") + .command("show x", lines + "r1#"))
        #expect(conversation.commands.map(\.completion?.failure) == ["Gi1/0/10 err-disabled", nil])
    }

    @Test(
        "a refusal is a failure where a device says such things, and data elsewhere",
        arguments: [
            ("% Invalid input detected at '^' marker.\r\n", true),
            ("          ^\r\n% Invalid input detected at '^' marker.\r\n\r\n", true),
            ("% Incomplete command.\r\n\r\n", true),
            ("% Ambiguous command:  \"s\"\r\n", true),
            (
                "Translating \"foo\"...domain server (255.255.255.255)\r\n% Unknown command or computer name, or unable to find computer address\r\n",
                true
            ),
            ("1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n%Error opening tftp://x (Timed out)\r\n", true),
            ("% Warning: use with care\r\n", false),
            ("*Mar  1 00:00: %PARSER-5-X: % Invalid input detected at '^' marker.\r\n", false),
            ("description % Invalid input\r\n", false),
            ("1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n% Invalid input detected\r\n8\r\n9\r\n10\r\n11\r\n", false),
        ])
    func failure(_ output: String, _ isFailure: Bool) throws {
        let conversation = try self.ios(.command("show x", output + "r1#"))
        #expect((conversation.commands.first?.completion?.failure != nil) == isFailure)
        if let failure = conversation.commands.first?.completion?.failure { #expect(failure.hasPrefix("%")) }
    }
}
