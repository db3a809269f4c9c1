import Dialogue
import Testing

@Suite("Sign-on")
struct SignOnTests {
    @Test("the plain case costs no Enter")
    func plain() throws {
        let conversation = try play("cisco_iosxe", Transcripts.iosSetup)
        #expect(conversation.isReady)
        #expect(conversation.typed == "terminal length 0\rterminal width 511\r")
    }

    @Test("a custom prompt that no pattern foresees is learned by its repetition")
    func customPrompt() throws {
        let prompt = "<<core 1>> ready: "
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let conversation = device.play(
            [.prints("hello\r\n" + prompt), .typed("\r"), .prints("\r\n" + prompt)]
                + .setup("terminal length 0", prompt) + .setup("terminal width 511", prompt)
                + .command("show x", "a\r\n" + prompt)
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
        #expect(conversation.commands.first?.completion?.prompt == "<<core 1>> ready:")
        #expect(device.machine.notes.contains { $0.contains("no mode") })
    }

    @Test(
        "a prompt with blanks, other alphabets and a cluster state is learned too",
        arguments: [
            "r1 (active) # ", "Zürich-1> ", "роутер# ", "RBM_P<fw1>",
        ])
    func oddPrompts(_ prompt: String) throws {
        let conversation = try play(
            "generic",
            [.prints(prompt), .typed("\r"), .prints("\r\n" + prompt)] + .command("show x", "a\r\n" + prompt)
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
    }

    @Test("a banner line that looks like a prompt isn't taken for it")
    func promptLikeBanner() throws {
        let conversation = try play(
            "cisco_iosxe",
            [.prints("WARNING#\r\nr9>\r\nr1#"), .typed("\r"), .prints("\r\nr1#")]
                + .setup("terminal length 0", "r1#") + .setup("terminal width 511", "r1#")
                + .command("show x", "a\r\nr1#")
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
        #expect(conversation.typed.hasPrefix("\rterminal"))
    }

    @Test("a device that says nothing is woken with an Enter")
    func silent() throws {
        let conversation = try play(
            "cisco_iosxe",
            [.typed("\r"), .prints("\r\nr1#"), .typed("\r"), .prints("\r\nr1#")] + .setup("terminal length 0", "r1#")
                + .setup("terminal width 511", "r1#")
        )
        #expect(conversation.isReady)
    }

    @Test(
        "a notice at sign-on is answered with what changes nothing",
        arguments: [
            ("cisco_iosxe", "\r\n\r\nPress RETURN to get started.\r\n\r\n\r\n", "\r", "\r\nr1#"),
            ("cisco_iosxe", "All activity # is > logged\r\nPress any key to continue", " ", "\r\n\r\nr1#"),
            ("mikrotik_routeros", "Change your password\r\n\r\nnew password> ", "\u{3}", "\r\n[admin@MT] > "),
        ])
    func notices(_ name: String, _ notice: String, _ answer: String, _ rest: String) throws {
        let conversation = try play(name, [.prints(notice), .typed(answer), .prints(rest)])
        #expect(conversation.error == nil || conversation.error?.code == "prompt.timeout")
        #expect(conversation.isReady || conversation.typed.contains("terminal length 0"))
        #expect(conversation.typed.hasPrefix(answer))
    }

    @Test("a question nobody knows ends the sign-on, unanswered")
    func unknownQuestion() throws {
        let conversation = try play("cisco_iosxe", [.prints("Your password has expired. Change now? [Y/N]: ")])
        #expect(conversation.error?.code == "dialogue.question")
        #expect(conversation.error?.message.contains("Change now? [Y/N]") == true)
        #expect(conversation.typed == "")
    }

    @Test("a question at sign-on that comes again and again is given up")
    func endlessQuestion() throws {
        let turns = Array(repeating: [Turn.prints("\r\nPress any key to continue"), .typed(" ")], count: 30).flatMap {
            $0
        }
        let conversation = try play("cisco_iosxe", turns)
        #expect(conversation.error?.code == "dialogue.question")
        #expect(conversation.typed == "        ")
    }

    @Test("a device without a prompt is given up with what it sent last")
    func noPrompt() throws {
        let conversation = try play("cisco_iosxe", [.prints("Sorry, all lines are in use.\r\n")])
        #expect(conversation.error?.code == "prompt.timeout")
        #expect(conversation.error?.message.contains("Sorry, all lines are in use.") == true)
        #expect(conversation.typed.allSatisfy { $0 == "\r" })
    }

    @Test("a login question inside the shell gets the password only where the platform says so")
    func inSessionLogin() throws {
        let yaml = "name: x\nforce_in_session_auth: true\nprompt_pattern: '^\\w+#'"
        var device = ScriptedDevice(try PlatformDefinition(yaml: yaml))
        let turns: [Turn] = [.prints("Password: "), .secret(.login), .prints("\r\nsw1#")]
        #expect(device.play(turns).isReady)
        let refused = try play("cisco_iosxe", turns)
        #expect(refused.error?.code == "dialogue.question")
        #expect(refused.typed == "")

        var wrong = ScriptedDevice(try PlatformDefinition(yaml: yaml))
        let conversation = wrong.play([.prints("Password: "), .secret(.login), .prints("\r\nWrong.\r\nPassword: ")])
        #expect(conversation.error?.code == "dialogue.question")
        #expect(conversation.typed == "«login»")
    }

    @Test("a refused paging command is noted, and does no harm")
    func pagingRefused() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let conversation = device.play(
            [.prints("r1#")] + .setup("terminal length 0", "Command authorization failed.\r\n\r\nr1#")
                + .setup("terminal width 511", "         ^\r\n% Invalid input detected at '^' marker.\r\n\r\nr1#")
        )
        #expect(conversation.isReady)
        #expect(device.machine.notes.count == 2)
        #expect(device.machine.notes.first?.contains("terminal length 0") == true)
    }

    @Test("a set-up command that is lost is followed by an Enter, not by waiting for ever")
    func lostSetup() throws {
        let conversation = try play(
            "cisco_iosxe",
            [.prints("r1#"), .typed("terminal length 0\r"), .typed("\r"), .prints("\r\nr1#")]
                + .setup("terminal width 511", "r1#")
                + .command("show x", "a\r\nr1#")
        )
        #expect(conversation.commands.map(\.outputText) == ["a\n"])
        let dead = try play("cisco_iosxe", [.prints("r1#")])
        #expect(dead.error?.code == "prompt.timeout")
    }
}

@Suite("Privilege")
struct PrivilegeTests {
    private let after: [Turn] = .setup("terminal length 0", "r1#") + .setup("terminal width 511", "r1#")

    @Test("the secret is typed only after the question for it")
    func secret() throws {
        let turns: [Turn] = [
            .prints("r1>"), .typed("enable"), .prints("enable"), .typed("\r"), .prints("\r\nPassword: "),
            .secret(.enable),
        ]
        let conversation = try play("cisco_iosxe", turns + [.prints("\r\nr1#")] + self.after)
        #expect(conversation.isReady)
        #expect(conversation.typed.hasPrefix("enable\r«enable»terminal"))
    }

    @Test("without a question the secret is never typed")
    func noQuestion() throws {
        let conversation = try play("cisco_iosxe", [.prints("r1>")] + .setup("enable", "r1#") + self.after)
        #expect(conversation.isReady)
        #expect(!conversation.typed.contains("«"))
    }

    @Test("a device that is privileged at once isn't asked")
    func privileged() throws {
        let conversation = try play("cisco_iosxe", Transcripts.iosSetup)
        #expect(!conversation.typed.contains("enable"))
    }

    @Test(
        "a refusal ends the session in the device's words",
        arguments: [
            "% Access denied\r\n\r\nr1>", "% Bad secrets\r\n\r\nr1>", "% Error in authentication.\r\n\r\nr1>",
        ])
    func refused(_ answer: String) throws {
        let turns: [Turn] = [
            .prints("r1>"), .typed("enable\r"), .prints("enable\r\nPassword: "), .secret(.enable),
            .prints("\r\n" + answer),
        ]
        let conversation = try play("cisco_iosxe", turns)
        #expect(conversation.error?.code == "privilege.denied")
        #expect(conversation.error?.message.contains(answer.prefix { $0 != "\r\n" }) == true)
    }

    @Test("a wrong secret is tried once")
    func askedAgain() throws {
        let turns: [Turn] = [
            .prints("r1>"), .typed("enable\r"), .prints("enable\r\nPassword: "), .secret(.enable),
            .prints("\r\nPassword: "),
        ]
        let conversation = try play("cisco_iosxe", turns)
        #expect(conversation.error?.code == "privilege.denied")
        #expect(conversation.typed == "enable\r«enable»")
    }

    @Test("without a secret the question is not answered")
    func noSecret() throws {
        let conversation = try play(
            "cisco_iosxe",
            [.prints("r1>"), .typed("enable\r"), .prints("enable\r\nPassword: ")],
            hasEnableSecret: false
        )
        #expect(conversation.error?.code == "privilege.denied")
        #expect(conversation.error?.message.contains("no enable secret") == true)
        #expect(conversation.typed == "enable\r")
    }

    @Test("another question than the one for the secret is not answered")
    func otherQuestion() throws {
        let conversation = try play(
            "cisco_iosxe", [.prints("r1>"), .typed("enable\r"), .prints("enable\r\nUsername: ")])
        #expect(conversation.error?.code == "dialogue.question")
        #expect(conversation.typed == "enable\r")
    }

    @Test("a command authorisation that refuses enable ends the session")
    func notAuthorised() throws {
        let conversation = try play(
            "cisco_iosxe", [.prints("r1>")] + .setup("enable", "% Command authorization failed.\r\n\r\nr1>"))
        #expect(conversation.error?.code == "privilege.denied")
        #expect(conversation.error?.message.contains("authorization failed") == true)
    }

    @Test("a secret that the device shows is in no message")
    func shownSecret() throws {
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let turns: [Turn] = [
            .prints("r1>"), .typed("enable\r"), .prints("enable\r\nPassword: "), .secret(.enable),
            .prints("hunter2\r\n% Bad secrets\r\n\r\nr1>"),
        ]
        let conversation = device.play(turns)
        #expect(conversation.error?.message.contains("hunter2") == false)
        #expect(!device.machine.tail.contains("hunter2"))
    }

    @Test("root lands in the shell on Junos, and goes on to the CLI")
    func junosShell() throws {
        let prompt = "\r\nroot@mx1> "
        let conversation = try play(
            "juniper_junos",
            [.prints("--- JUNOS ---\r\nroot@mx1% ")] + .setup("cli", prompt)
                + .setup("set cli complete-on-space off", prompt)
                + .setup("set cli screen-length 0", prompt) + .setup("set cli screen-width 511", prompt)
        )
        #expect(conversation.isReady)
    }
}
