import Dialogue
import Foundation
import Testing

@Suite("Questions of a command")
struct QuestionTests {
    private func ios(
        _ command: String,
        _ options: CommandOptions,
        _ turns: [Turn],
        gated: Bool = true,
        chunking: Chunking = .whole
    ) throws -> (conversation: Conversation, machine: DialogueMachine) {
        var device = ScriptedDevice(try platform("cisco_iosxe"), gated: gated, chunking: chunking)
        let conversation = device.play(
            Transcripts.iosSetup + [.runsWith(command, options), .typed(command), .prints(command), .typed("\r")]
                + turns)
        return (conversation, device.machine)
    }

    private static let chunkings: [Chunking] = [.whole, .eachByte, .random(seed: 11)]

    @Test(
        "an expected question is answered, and question and answer are output as the device shows them",
        arguments: [true, false])
    func answer(gated: Bool) throws {
        let options = CommandOptions(
            answers: [try Answer(to: #"destination filename \[[\w-]+\]\?"#, .text("backup"))])
        for chunking in Self.chunkings {
            let (conversation, _) = try self.ios(
                "copy run start",
                options,
                [
                    .prints("\r\nDestination filename [startup-config]? "), .typed("backup\r"), .prints("backup\r\n"),
                    .prints("Building configuration...\r\n[OK]\r\nr1#"),
                ],
                gated: gated,
                chunking: chunking
            )
            #expect(
                conversation.commands.map(\.outputText) == [
                    "Destination filename [startup-config]? backup\nBuilding configuration...\n[OK]\n"
                ])
            #expect(conversation.commands.first?.completion?.failure == nil)
            #expect(conversation.commands.first?.completion?.ending == .prompt)
        }
    }

    @Test("a confirmation that takes one key gets one key, and the next question another")
    func oneKey() throws {
        let options = CommandOptions(
            answers: [
                try Answer(to: #"delete filename \[\S*\]\?"#, .text("")),
                try Answer(to: #"\[confirm\]"#, .text("y"), withReturn: false),
                try Answer(to: #"\(y/n\)"#, .text("n"), withReturn: false),
            ])
        for chunking in Self.chunkings {
            let (conversation, _) = try self.ios(
                "delete flash:x",
                options,
                [
                    .prints("\r\nDelete filename [x]? "), .typed("\r"), .prints("\r\nDelete flash:/x? [confirm]"),
                    .typed("y"), .prints("y\r\nSure (y/n) "), .typed("n"), .prints("n\r\nKept.\r\nr1#"),
                ],
                chunking: chunking
            )
            #expect(conversation.typed.hasSuffix("delete flash:x\r\ryn"))
            #expect(
                conversation.commands.map(\.outputText) == [
                    "Delete filename [x]? \nDelete flash:/x? [confirm]y\nSure (y/n) n\nKept.\n"
                ])
        }
    }

    @Test("a key that the device doesn't show, and an answer behind which the output goes on in the same line")
    func silentKey() throws {
        let options = CommandOptions(answers: [try Answer(to: #"\[confirm\]"#, .text("y"), withReturn: false)])
        let (conversation, _) = try self.ios(
            "clear counters", options,
            [.prints("\r\nClear? [confirm]"), .typed("y"), .prints("\r\ndone\r\nr1#")])
        #expect(conversation.commands.map(\.outputText) == ["Clear? [confirm]\ndone\n"])
        let (other, _) = try self.ios(
            "clear counters", options,
            [.prints("\r\nClear? [confirm]"), .typed("y"), .prints(" done\r\nr1#")])
        #expect(other.commands.map(\.outputText) == ["Clear? [confirm] done\n"])
    }

    @Test("two questions with the same words get their answers in order")
    func order() throws {
        let options = CommandOptions(
            answers: [try Answer(to: "name:", .text("first")), try Answer(to: "name:", .text("second"))])
        let (conversation, _) = try self.ios(
            "x", options,
            [
                .prints("\r\nname: "), .typed("first\r"), .prints("first\r\nname: "), .typed("second\r"),
                .prints("second\r\nr1#"),
            ])
        #expect(conversation.commands.first?.completion?.ending == .prompt)
    }

    @Test("an answer is given once, unless it is for a question that comes again")
    func once() throws {
        let turns: [Turn] = [.prints("\r\na? [confirm]"), .typed("\r"), .prints("\r\nb? [confirm]")]
        let (refused, _) = try self.ios(
            "x", CommandOptions(answers: [try Answer(to: #"\[confirm\]"#, .text(""))]), turns)
        #expect(refused.error?.code == "dialogue.question")
        #expect(refused.error?.message.contains("b? [confirm]") == true)
        #expect(refused.typed.hasSuffix("x\r\r"))
        let (conversation, _) = try self.ios(
            "x", CommandOptions(answers: [try Answer(to: #"\[confirm\]"#, .text(""), repeats: true)]),
            turns + [.typed("\r"), .prints("\r\nr1#")])
        #expect(conversation.commands.map(\.outputText) == ["a? [confirm]\nb? [confirm]\n"])
        let endless = Array(repeating: [Turn.prints("\r\nb? [confirm]"), .typed("\r")], count: 1_100).flatMap { $0 }
        var device = ScriptedDevice(try platform("cisco_iosxe"))
        let options = CommandOptions(answers: [try Answer(to: #"\[confirm\]"#, .text(""), repeats: true)])
        let given = device.play(
            Transcripts.iosSetup + [.runsWith("x", options), .typed("x"), .prints("x"), .typed("\r")] + endless,
            timerLimit: 3_000)
        #expect(given.error?.message.contains("again and again") == true)
    }

    @Test("a declared question that doesn't come needs no answer")
    func notAsked() throws {
        let (conversation, _) = try self.ios(
            "x", CommandOptions(answers: [try Answer(to: "password:", .hidden { Array("hunter2".utf8) })]),
            [.prints("\r\nok\r\nr1#")])
        #expect(conversation.commands.map(\.outputText) == ["ok\n"])
        #expect(!conversation.typed.contains("hunter2"))
    }

    // MARK: Hidden answers

    @Test("a hidden answer is asked for when its question has come, and stays out of everything that is shown")
    func hidden() throws {
        let options = CommandOptions(
            answers: [
                try Answer(to: "source username \\[admin\\]\\?", .text("backup")),
                try Answer(to: "password:", .hidden { Array("hunter2".utf8) }),
            ])
        // Shown by the device, in full and as stars, and not shown.
        for shown in ["", "*******", "hunter2", "hunter2 hunter2"] {
            for chunking in Self.chunkings {
                let turns: [Turn] = [
                    .prints("\r\nSource username [admin]? "), .typed("backup\r"), .prints("backup\r\nPassword: "),
                    .typed("hunter2\r"), .prints(shown),
                ]
                let (waiting, machine) = try self.ios("copy scp: flash:", options, turns, chunking: chunking)
                #expect(waiting.commands.first?.completion == nil)
                #expect(!machine.tail.contains("hunter2"))
                #expect(machine.tail.contains("Password:"))
                let (conversation, after) = try self.ios(
                    "copy scp: flash:", options, turns + [.prints("\r\n!!!!\r\n[OK]\r\nr1#")], chunking: chunking)
                #expect(
                    conversation.commands.map(\.outputText) == [
                        "Source username [admin]? backup\nPassword: \n!!!!\n[OK]\n"
                    ])
                #expect(!after.tail.contains("hunter2") && !after.notes.joined().contains("hunter2"))
                // Once, behind its question.
                #expect(conversation.typed.components(separatedBy: "hunter2").count == 2)
                #expect(conversation.typed.contains("backup\rhunter2\r"))
            }
        }
    }

    @Test("a hidden answer isn't sent twice, and a second question names no secret")
    func hiddenOnce() throws {
        let options = CommandOptions(answers: [try Answer(to: "password:", .hidden { Array("hunter2".utf8) })])
        let (conversation, machine) = try self.ios(
            "copy scp: flash:", options,
            [.prints("\r\nPassword: "), .typed("hunter2\r"), .prints("hunter2\r\nWrong.\r\nPassword: ")])
        #expect(conversation.error?.code == "dialogue.question")
        #expect(conversation.error?.message.contains("hunter2") == false)
        #expect(!machine.tail.contains("hunter2"))
        #expect(conversation.typed.components(separatedBy: "hunter2").count == 2)
    }

    @Test(
        "a hidden answer is never typed at a prompt, whatever its pattern matches",
        arguments: [".*", "#", "r1", "\\S+"])
    func hiddenAtPrompt(pattern: String) throws {
        let options = CommandOptions(answers: [try Answer(to: pattern, .hidden { Array("hunter2".utf8) })])
        for end in ["a\r\nr1#", "a\r\nr2#", "a\r\nr1(config)#"] {
            for chunking in Self.chunkings {
                let (conversation, _) = try self.ios("x", options, [.prints("\r\n" + end)], chunking: chunking)
                #expect(!conversation.typed.contains("hunter2"), "\(end)")
            }
        }
    }

    @Test("a loose pattern doesn't make a secret be typed into the middle of the output")
    func hiddenInOutput() throws {
        let options = CommandOptions(answers: [try Answer(to: "pass.*", .hidden { Array("hunter2".utf8) })])
        var device = ScriptedDevice(
            try platform("cisco_iosxe"), chunking: .eachByte, firesZeroTimersBetweenChunks: true)
        let conversation = device.play(
            Transcripts.iosSetup + [.runsWith("x", options), .typed("x"), .prints("x"), .typed("\r")]
                + [.prints("\r\npassword policy: strict\r\nr1#")])
        #expect(conversation.commands.map(\.outputText) == ["password policy: strict\n"])
        #expect(!conversation.typed.contains("hunter2"))
    }

    @Test("the device's own secret answers a question where it is named for it, and only if there is one")
    func ownSecret() throws {
        let options = CommandOptions(answers: [try Answer(to: "password:", .secret(.enable))])
        let turns: [Turn] = [.prints("\r\nPassword: "), .secret(.enable), .prints("\r\nr1#")]
        let (conversation, _) = try self.ios("enable 7", options, turns)
        #expect(conversation.commands.map(\.outputText) == ["Password: \n"])
        var device = ScriptedDevice(try platform("cisco_iosxe"), hasEnableSecret: false)
        let refused = device.play(
            Transcripts.iosSetup + [
                .runsWith("enable 7", options), .typed("enable 7"), .prints("enable 7"), .typed("\r"),
            ] + turns)
        #expect(refused.error?.code == "privilege.denied")
        #expect(!refused.typed.contains("«"))
    }

    // MARK: Unexpected questions

    @Test(
        "an unexpected question can be left: the command ends with its text, and the session goes on",
        arguments: [
            "Proceed with reload? [confirm]", "Destination filename [startup-config]? ", "Save? [yes/no]: ",
            "Password: ",
        ])
    func abandoned(_ question: String) throws {
        for chunking in Self.chunkings {
            let (conversation, machine) = try self.ios(
                "reload",
                CommandOptions(abandonsQuestions: true),
                [
                    .prints("\r\nNote\r\n" + question), .typed("\u{3}"), .prints("\r\nr1#"), .typed("\r"),
                    .prints("\r\nr1#"),
                ] + .command("show x", "a\r\nr1#"),
                chunking: chunking
            )
            let text = question.hasSuffix(" ") ? String(question.dropLast()) : question
            #expect(conversation.error == nil)
            #expect(conversation.commands.first?.completion?.ending == .question(text))
            #expect(conversation.commands.first?.completion?.failure?.contains(text) == true)
            #expect(conversation.commands.first?.outputText == "Note\n" + question)
            #expect(conversation.commands.last?.outputText == "a\n")
            #expect(machine.isReady)
        }
    }

    @Test("a question that the interrupt key doesn't leave costs the session, unanswered")
    func notAbandoned() throws {
        let (conversation, _) = try self.ios(
            "reload",
            CommandOptions(abandonsQuestions: true),
            [
                .prints("\r\nSave? [Y/N]:"), .typed("\u{3}"), .prints("\r\nPlease answer Y or N. [Y/N]:"),
                .typed("\u{1E}"),
                .prints("\r\nPlease answer Y or N. [Y/N]:"),
            ])
        #expect(conversation.error?.code == "dialogue.interrupt")
        #expect(conversation.commands.first?.completion == nil)
        #expect(conversation.typed.hasSuffix("reload\r\u{3}\u{1E}\u{3}"))
    }
}
