import Dialogue
import Testing

@Suite("Texts of several lines behind a command")
struct TextTests {
    private static let lines = ["Authorised users only.", "", "Password: no", "r1#", "Continue? [y/n]", "^C"]
    private static let typed = lines.map { $0 + "\r" }.joined()
    private static let invitation = "Enter TEXT message.  End with the character '^'.\r\n"

    private func options() throws -> CommandOptions {
        CommandOptions(text: TypedText(Self.lines, invitation: try Pattern("^enter text message")))
    }

    private func banner(_ echo: String, gated: Bool, chunking: Chunking) throws -> Conversation {
        let first: [Turn] =
            gated
            ? [.typed("banner motd ^C"), .prints("banner motd ^C"), .typed("\r"), .prints("\r\n" + Self.invitation)]
            : [.typed("banner motd ^C\r"), .prints("banner motd ^C\r\n" + Self.invitation)]
        return try play(
            "cisco_iosxe",
            Transcripts.iosSetup + .command("configure terminal", "r1(config)#")
                + [.runsWith("banner motd ^C", try self.options())] + first + [.typed(Self.typed), .prints(echo)]
                + .command("hostname r1", "r1(config)#"),
            gated: gated, chunking: chunking)
    }

    @Test(
        "it is typed when the device asks for it, and its echo is neither output nor a question",
        arguments: [true, false])
    func typed(gated: Bool) throws {
        let echo = Self.lines.map { $0 + "\r\n" }.joined() + "r1(config)#"
        for chunking in [Chunking.whole, .eachByte, .random(seed: 1), .random(seed: 2)] {
            let conversation = try self.banner(echo, gated: gated, chunking: chunking)
            #expect(conversation.isComplete && conversation.error == nil, "\(chunking): \(conversation)")
            #expect(conversation.commands.map(\.completion?.failure) == [nil, nil, nil], "\(chunking)")
            #expect(
                conversation.commands[1].outputText == Self.invitation.replacing("\r\n", with: "\n"), "\(chunking)")
        }
    }

    @Test("log messages between its lines are output, and prompts before them do no harm")
    func disturbed() throws {
        let log = "*Mar  1 00:00:01.123: %SYS-5-CONFIG_I: x\r\n"
        let echo = log + Self.lines.map { "> " + $0 + "\r\n" }.joined(separator: log) + "r1(config)#"
        let conversation = try self.banner(echo, gated: true, chunking: .whole)
        #expect(conversation.isComplete && conversation.commands[1].completion?.failure == nil, "\(conversation)")
    }

    @Test("a device that refuses the command never sees the text", arguments: [true, false])
    func refused(gated: Bool) throws {
        for answer in ["            ^\r\n% Invalid input detected at '^' marker.\r\n\r\nr1#", "r1#"] {
            let conversation = try play(
                "cisco_iosxe",
                Transcripts.iosSetup + [.runsWith("banner motd ^C", try self.options())]
                    + (gated
                        ? [.typed("banner motd ^C"), .prints("banner motd ^C"), .typed("\r"), .prints("\r\n" + answer)]
                        : [.typed("banner motd ^C\r"), .prints("banner motd ^C\r\n" + answer)])
                    + .command("show clock", "12:00\r\nr1#"),
                gated: gated)
            #expect(conversation.isComplete && !conversation.typed.contains("Authorised"), "\(conversation)")
            #expect(conversation.commands[0].completion?.failure != nil)
            #expect(conversation.commands[1].outputText == "12:00\n")
        }
    }

    @Test(
        "which lines begin a text",
        arguments: [
            ("cisco_iosxe", "banner motd ^C", "^C"), ("cisco_iosxe", " banner login #Hello", "#"),
            ("cisco_iosxe", "banner motd #Hello#", nil), ("cisco_iosxe", "banner motd ^CHello^C", nil),
            ("cisco_iosxe", "no banner motd", nil), ("cisco_iosxe", "description banner motd ^C", nil),
            ("arista_eos", "banner motd", "EOF"), ("arista_eos", "banner motd x", nil),
            ("cisco_nxos", "banner motd @", "@"), ("cisco_iosxr", "banner motd @", "@"),
            // The device reads bytes: a mark that is combined with the delimiter doesn't hide it.
            ("cisco_iosxe", "banner motd #\u{301}Hello#", nil), ("cisco_iosxe", "banner motd #Hello#\u{301}", nil),
            ("cisco_iosxe", "banner motd #\u{301}Hello", "#"),
            ("hp_comware", "header motd %", "%"), ("huawei_vrp", "header login information \"x\"", nil),
        ] as [(String, String, String?)])
    func begins(_ name: String, _ line: String, _ end: String?) throws {
        let texts = try platform(name).configuration?.texts ?? []
        #expect(!texts.isEmpty)
        #expect(texts.compactMap { $0.end(after: line) }.first == end)
    }

    @Test("a text ends where the device sees its end")
    func ends() throws {
        let text = try #require(try platform("cisco_iosxe").configuration?.texts.first)
        #expect(text.isLast("abc #\u{301} reload", end: "#"))
        #expect(!text.isLast("abc", end: "#"))
    }
}
