import Dialogue
import Testing

@Suite("Interruptions")
struct InterruptionTests {
    private func ios(_ turns: [Turn], gated: Bool = true, chunking: Chunking = .whole) throws -> Conversation {
        try play("cisco_iosxe", Transcripts.iosSetup + turns, gated: gated, chunking: chunking)
    }

    // MARK: Pagers

    @Test(
        "a pager is answered and its traces are removed",
        arguments: [
            // What the device sends after the key, and what is left of it.
            (
                "\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}        \u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}b\r\n",
                "b\n"
            ),
            ("\r         \rb\r\n", "b\n"),
            ("\r\u{1B}[Kb\r\n", "b\n"),
            ("\u{1B}[2K\rb\r\n", "b\n"),
            ("\u{1B}[9D\u{1B}[Jb\r\n", "b\n"),
            ("\r\nb\r\n", "b\n"),
            (
                "\0\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}          \u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}b\r\n",
                "b\n"
            ),
            ("\r         \r   b  \r\n", "   b  \n"),
            ("\r         \r\u{1B}[K\r\nb\r\n", "\nb\n"),
            ("\r         \r", ""),
        ])
    func pager(_ rest: String, _ output: String) throws {
        for prompt in [" --More-- ", "--More--", "\u{1B}[7m --More-- \u{1B}[27m", " --More-- \0"] {
            for chunking in [Chunking.whole, .eachByte] {
                let turns: [Turn] = [
                    .runs("show x"), .typed("show x"), .prints("show x"), .typed("\r"), .prints("\r\na\r\n" + prompt),
                ]
                let conversation = try self.ios(turns + [.typed(" "), .prints(rest + "r1#")], chunking: chunking)
                #expect(conversation.commands.map(\.outputText) == ["a\n" + output], "\(prompt.debugDescription)")
                #expect(conversation.commands.first?.completion?.prompt == "r1#")
            }
        }
    }

    @Test("a pager's text inside a line of output is output")
    func pagerText() throws {
        let conversation = try self.ios(.command("show x", "press space at --More-- to go on\r\n --More-- \r\nr1#"))
        #expect(conversation.commands.map(\.outputText) == ["press space at --More-- to go on\n --More-- \n"])
        #expect(!conversation.typed.hasSuffix(" "))
    }

    @Test("many pages are answered one by one")
    func pages() throws {
        var turns: [Turn] = [.runs("show x"), .typed("show x"), .prints("show x"), .typed("\r"), .prints("\r\n")]
        for page in 0..<200 { turns += [.prints("page \(page)\r\n --More-- "), .typed(" "), .prints("\r         \r")] }
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let conversation = device.play(Transcripts.iosSetup + turns + [.prints("r1#")], timerLimit: 500)
        #expect(conversation.commands.map(\.outputText) == [(0..<200).map { "page \($0)\n" }.joined()])
    }

    @Test("a pager in the banner is answered")
    func bannerPager() throws {
        let conversation = try play(
            "cisco_iosxe",
            [
                .prints("long\r\n --More-- "), .typed(" "), .prints("\r         \rbanner\r\nr1#"),
                .typed("terminal length 0\r"),
            ])
        #expect(conversation.isComplete)
    }

    // MARK: Questions

    @Test(
        "an unexpected question ends the conversation with its text, unanswered",
        arguments: [
            "Proceed with reload? [confirm]",
            "Destination filename [startup-config]? ",
            "Do you want to continue? (y/n) ",
            "Save? [yes/no]: ",
            "Uncommitted changes found, commit them before exiting(yes/no/cancel)? [cancel]:",
            "Exit with uncommitted changes? [yes,no] (yes) ",
            "Password: ",
            "[sudo] password for admin: ",
            "Username: ",
            "Address or name of remote host []? ",
            "Are you sure?",
        ], [true, false])
    func question(_ question: String, gated: Bool) throws {
        let conversation = try self.ios(.command("reload", "Note\r\n" + question), gated: gated)
        #expect(conversation.error?.code == "dialogue.question")
        #expect(
            conversation.error?.message.contains(question.hasSuffix(" ") ? String(question.dropLast()) : question)
                == true)
        #expect(conversation.typed.hasSuffix("reload\r"))
        #expect(conversation.commands.first?.completion == nil)
    }

    @Test("text that looks like a question but goes on is output")
    func noQuestion() throws {
        let text = "Continue? [confirm] is asked\r\nSave? (y/n)\r\nPassword: none\r\n"
        for chunking in [Chunking.whole, .eachByte] {
            let conversation = try self.ios(.command("show x", text + "r1#"), chunking: chunking)
            #expect(conversation.commands.map(\.outputText) == [text.replacing("\r\n", with: "\n")])
        }
    }

    @Test("leaving the configuration with changes keeps them uncommitted")
    func junosExit() throws {
        // The definition knows the question of the mode change, and its answer never commits.
        let yaml = """
            name: x
            default_mode: exec
            modes:
              - name: exec
                prompt_pattern: '^\\w+>'
              - name: configuration
                prompt_pattern: '^\\w+#'
                accessible_modes:
                  - name: exec
                    instructions:
                      - send_prompted_input: {input: leave, prompt_exact: 'Exit with uncommitted changes? [yes,no] (yes)', response: 'yes'}
            """
        var device = ScriptedDevice(try PlatformDefinition(yaml: yaml))
        let turns: [Turn] = [
            .prints("mx1# "), .typed("leave\r"), .prints("leave\r\nExit with uncommitted changes? [yes,no] (yes) "),
            .typed("yes\r"),
        ]
        let conversation = device.play(turns + [.prints("yes\r\n\r\nmx1> ")])
        #expect(conversation.isReady)
    }

    // MARK: Log messages

    private static let log = "*Mar  1 00:01:02.003: %SYS-5-CONFIG_I: Configured from console by admin on vty0"

    @Test(
        "a log message after the prompt hides no end",
        arguments: [
            // Behind the prompt in the same line, or in the next one; the device doesn't draw its prompt again.
            "r1#\r\n\(log)\r\n", "r1#\(log)\r\n", "r1#\r\n\(log)\r\n\(log)\r\n", "r1#\r\n\r\n\(log)\r\n",
        ], [true, false])
    func logAfterPrompt(_ end: String, gated: Bool) throws {
        for chunking in [Chunking.whole, .eachByte, .random(seed: 5)] {
            let conversation = try self.ios(
                .command("show x", "a\r\n" + end) + [.typed("\r"), .prints("\r\nr1#")] + .command("show y", "b\r\nr1#"),
                gated: gated,
                chunking: chunking
            )
            #expect(conversation.commands.map(\.outputText) == ["a\n", "b\n"])
            #expect(conversation.isComplete)
        }
    }

    @Test("a message of unknown form after the prompt hides no end either")
    func unknownMessage() throws {
        let conversation = try self.ios(
            .command("show x", "a\r\nr1#\r\nSystem going down at noon\r\n") + [.typed("\r"), .prints("\r\nr1#")]
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
    }

    @Test("a log message after which the device draws its prompt again is no output")
    func synchronousLog() throws {
        let conversation = try self.ios(
            .command("show x", "a\r\nr1#\r\n\(Self.log)\r\nr1#") + .command("show y", "b\r\nr1#"))
        #expect(conversation.commands.map(\.outputText) == ["a\n", "b\n"])
    }

    @Test("log messages inside the output are output")
    func logInside() throws {
        let conversation = try self.ios(.command("show x", "a\r\n\(Self.log)\r\nb\r\nr1#"))
        #expect(conversation.commands.map(\.outputText) == ["a\n\(Self.log)\nb\n"])
    }

    @Test("log messages between two commands belong to neither", arguments: [true, false])
    func logBetween(gated: Bool) throws {
        for redrawn in ["", "r1#"] {
            let conversation = try self.ios(
                .command("show x", "a\r\nr1#") + [.waits, .prints("\r\n\(Self.log)\r\n" + redrawn)]
                    + .command("show y", "b\r\nr1#"),
                gated: gated
            )
            #expect(conversation.commands.map(\.outputText) == ["a\n", "b\n"])
        }
    }

    @Test("a log message between the command and its echo is no output", arguments: [true, false])
    func logBeforeEcho(gated: Bool) throws {
        let conversation = try self.ios(
            [
                .runs("show x"), .typed("show x"), .prints("\r\n\(Self.log)\r\nr1#show x"), .typed("\r"),
                .prints("\r\na\r\nr1#"),
            ],
            gated: gated
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
    }

    @Test("log messages before the first prompt's set-up do no harm")
    func logAtSignOn() throws {
        let conversation = try play(
            "cisco_iosxe",
            [.prints("r1#\r\n\(Self.log)\r\n"), .typed("\r"), .prints("\r\nr1#"), .typed("\r"), .prints("\r\nr1#")]
                + .setup("terminal length 0", "r1#") + .setup("terminal width 511", "r1#")
        )
        #expect(conversation.isReady)
    }
}
