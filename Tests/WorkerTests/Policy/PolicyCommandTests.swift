import Dialogue
import Jobs
import Testing

@testable import Worker

/// What a rule takes a line for.
@Suite struct PolicyCommandTests {
    private static let library = Result { try PlatformLibrary() }

    private func platform(_ name: String) throws -> PolicyPlatform {
        PolicyPlatform(name, try Self.library.get().platform(named: name))
    }

    /// The rule that refuses a command, among rules that are written in YAML; `""`: no rule allows it.
    private func refusal(_ rules: String, _ commands: [Command], on platform: String) throws -> String? {
        try self.refusal(rules, .run(commands), on: platform)
    }

    private func refusal(_ rules: String, _ operation: Jobs.Operation, on platform: String) throws -> String? {
        let policy = try Policy(yaml: "topics:\n  jobs:\n    rules:\n" + rules)
        let topic = try #require(policy.topics["jobs"])
        let assessment = PolicyAssessment(topic, operation, on: try self.platform(platform), .none)
        return assessment.denial(for: PolicyTarget(name: "r1", host: "192.0.2.1")).map { $0.rule ?? "" }
    }

    private static let denying = """
              - deny: no restarts
                commands: [reload, write erase, "copy * running-config", "request system reboot", "/system reboot", rm, shutdown]
              - allow: the rest

        """

    @Test(
        "a denied command is recognised in any clothes",
        arguments: [
            ("reload", "cisco_iosxe"), ("  reload", "cisco_iosxe"), ("\treload in 5", "cisco_iosxe"),
            ("RELOAD", "cisco_iosxe"), ("relo", "cisco_iosxe"), ("rel", "cisco_iosxe"), ("rel in 5", "cisco_iosxe"),
            ("do reload", "cisco_iosxe"), ("do rel", "cisco_iosxe"), ("d d reload", "cisco_iosxe"),
            ("rel?oad", "cisco_iosxe"), ("reload?", "cisco_iosxe"), ("\"reload\"", "cisco_iosxe"),
            ("show clock\nreload", "cisco_iosxe"), ("show clock\r\n reload", "cisco_iosxe"),
            ("show clock ; reload", "cisco_nxos"), ("show clock | reload", "arista_eos"),
            ("relo\u{8}oad", "cisco_iosxe"), ("show\u{0} clock", "cisco_iosxe"), ("re\u{200B}load", "cisco_iosxe"),
            // On a line of seven bits these are C and backspace, and C and return.
            ("re\u{C8}load", "cisco_iosxe"), ("show clock\u{CD}reload", "cisco_iosxe"),
            ("show\u{A0}x;\u{A0}reload", "cisco_iosxe"),
            ("write erase", "cisco_iosxe"), ("wr er", "cisco_iosxe"), ("write   erase", "cisco_iosxe"),
            ("copy tftp://h/x running-config", "cisco_iosxe"), ("cop t h x run", "cisco_iosxe"),
            ("req sys reb", "juniper_junos"), ("run request system reboot", "juniper_junos"),
            ("/system reboot", "mikrotik_routeros"), ("/system/reboot", "mikrotik_routeros"),
            ("system reboot", "mikrotik_routeros"), ("/sys reb", "mikrotik_routeros"),
            (":do {/system reboot}", "mikrotik_routeros"), (":put [/system/reboot]", "mikrotik_routeros"),
            ("ls; rm -rf /", "linux"), ("ls && rm x", "linux"), ("ls | xargs rm", "linux"), ("sudo rm x", "linux"),
            ("/bin/rm x", "linux"), ("r\"m\" x", "linux"), ("r\\m x", "linux"), ("echo $(rm x)", "linux"),
            ("echo `rm x`", "linux"), ("sh -c 'rm x'", "linux"), ("env A=1 rm x", "linux"), ("ls >x; rm x", "linux"),
            ("reload", "a platform that nobody knows"), ("rel", "a platform that nobody knows"),
        ] as [(String, String)])
    func denied(command: String, platform: String) throws {
        #expect(try self.refusal(Self.denying, [Command(command)], on: platform) == "no restarts")
        #expect(
            try self.refusal(Self.denying, [Command("show clock"), Command(command)], on: platform) == "no restarts")
        let steps = Operation.steps([.probe, .check([Assertion(Command(command), .contains("a"))])])
        #expect(try self.refusal(Self.denying, steps, on: platform) == "no restarts")
        #expect(
            try self.refusal(Self.denying, .diff(.init(against: .text(""), of: Command(command))), on: platform)
                == "no restarts")
        #expect(
            try self.refusal(Self.denying, .sequence(.init("s", commands: [Command(command)])), on: platform)
                == "no restarts")
    }

    @Test(
        "what only looks like a denied command is not refused",
        arguments: [
            ("show reload cause", "cisco_iosxe"), ("write memory", "cisco_iosxe"), ("show version", "cisco_iosxe"),
            ("copy running-config startup-config", "cisco_iosxe"), ("no shutdown", "cisco_iosxe"),
            ("reloads", "cisco_iosxe"), ("request system snapshot", "juniper_junos"), ("rmdir x", "linux"),
            ("rel", "linux"), ("Rmdir x", "linux"), ("/system resource print", "mikrotik_routeros"),
        ] as [(String, String)])
    func harmless(command: String, platform: String) throws {
        #expect(try self.refusal(Self.denying, [Command(command)], on: platform) == nil)
    }

    @Test("a command that begins in one line and ends in the next, or in an answer, is seen as a whole")
    func split() throws {
        #expect(
            try self.refusal(Self.denying, [Command("/system"), Command("reboot")], on: "mikrotik_routeros")
                == "no restarts")
        let answered = Command("copy tftp:", answers: [Jobs.Answer(.text("running-config"), to: "Destination")])
        #expect(try self.refusal(Self.denying, [answered], on: "cisco_iosxe") == "no restarts")
        let typed = Command("show clock", answers: [Jobs.Answer(.text("reload"), to: "#$")])
        #expect(try self.refusal(Self.denying, [typed], on: "cisco_iosxe") == "no restarts")
        let harmless = Command("copy run start", answers: [Jobs.Answer(.text(""), to: "Destination")])
        #expect(try self.refusal(Self.denying, [harmless], on: "cisco_iosxe") == nil)
    }

    @Test("configuration lines and their answers are commands, and so is what the worker types for an operation")
    func configuration() throws {
        let lines: [Operation.Configure.Lines] = [
            .list(["interface Gi1", " shut"]), .text("interface Gi1\n  shutdown\n"), .list(["do reload"]),
        ]
        for lines in lines {
            #expect(try self.refusal(Self.denying, .configure(.init(lines)), on: "cisco_iosxe") == "no restarts")
        }
        #expect(try self.refusal(Self.denying, .configure(.init(.list(["no shutdown"]))), on: "cisco_iosxe") == nil)
        let saving = """
                  - deny: no writing
                    commands: [copy running-config, write, show running-config]
                  - allow: the rest

            """
        let configure = Operation.Configure(.list(["hostname a"]), saving: .onSuccess)
        #expect(try self.refusal(saving, .configure(configure), on: "cisco_iosxe") == "no writing")
        #expect(try self.refusal(saving, .configure(.init(.list(["hostname a"]))), on: "cisco_iosxe") == nil)
        #expect(try self.refusal(saving, .backup(.init()), on: "cisco_iosxe") == "no writing")
        #expect(try self.refusal(saving, .diff(.init(against: .text(""))), on: "cisco_iosxe") == "no writing")
    }

    @Test("patterns are held against the line, its parts and its readings, and one that runs away counts as a match")
    func patterns() throws {
        let rules = """
                  - deny: patterns
                    command_patterns: ['^delete\\b', 'password\\s+0', '(a+)+$']
                  - allow: the rest

            """
        for command in [
            "delete flash:x", " DELETE flash:x", "do delete flash:x", "show x | delete y", "user a password  0 b",
        ] {
            #expect(try self.refusal(rules, [Command(command)], on: "cisco_iosxe") == "patterns", "\(command)")
        }
        let runaway = String(repeating: "a", count: 60) + "!"
        #expect(try self.refusal(rules, [Command(runaway)], on: "cisco_iosxe") == "patterns")
        #expect(try self.refusal(rules, [Command("undelete x")], on: "cisco_iosxe") == nil)
    }

    private static let allowing = """
              - allow: shows
                operations: [run]
                commands: [show, ping, "copy * flash:"]
                command_patterns: ['terminal length \\d+']
                answers: ['y(es)?', '{enable}']

        """

    @Test(
        "an allowed command is one in every part, in full words",
        arguments: [
            ("show version", "cisco_iosxe", true), ("SHOW version", "cisco_iosxe", true),
            (" show  version", "cisco_iosxe", true),
            ("show run | include hostname", "cisco_iosxe", true),
            ("show run | redirect tftp://h/x", "cisco_iosxe", false),
            ("show run | tee flash:x", "cisco_iosxe", false), ("show run > flash:x", "cisco_nxos", false),
            ("show clock ; reload", "cisco_nxos", false), ("show clock\nreload", "cisco_iosxe", false),
            ("sh version", "cisco_iosxe", false), ("do show version", "cisco_iosxe", false),
            ("shows", "cisco_iosxe", false),
            ("reload", "cisco_iosxe", false), ("copy x flash:", "cisco_iosxe", true),
            ("copy flash:", "cisco_iosxe", false),
            ("terminal length 0", "cisco_iosxe", true), ("terminal length 0 x", "cisco_iosxe", false),
            ("show\u{8} version", "cisco_iosxe", false), ("show x\u{CD}reload", "cisco_iosxe", false),
            ("show", "linux", true), ("Show", "linux", false), ("show $(reboot)", "linux", false),
            ("show; reboot", "linux", false), ("show > /etc/passwd", "linux", false), ("show `reboot`", "linux", false),
            ("show \u{E9}", "linux", true),
        ] as [(String, String, Bool)])
    func allowed(command: String, platform: String, isAllowed: Bool) throws {
        let refusal = try self.refusal(Self.allowing, [Command(command)], on: platform)
        #expect(refusal == (isAllowed ? nil : ""))
        // One that isn't is enough.
        let both = try self.refusal(Self.allowing, [Command("show clock"), Command(command)], on: platform)
        #expect(both == (isAllowed ? nil : ""))
    }

    @Test("answers need to be allowed where commands do; the return key alone is")
    func answers() throws {
        let cases: [(Jobs.Answer.Reply, Bool)] = [
            (.text("y"), true), (.text("YES"), true), (.text(""), true), (.text("\r"), true),
            (.text("yes please"), false),
            (.text("reload"), false), (.text("show clock"), true), (.credential(.enable), true),
            (.credential(.login), false),
        ]
        for (reply, isAllowed) in cases {
            let command = Command("ping", answers: [Jobs.Answer(reply, to: "x")])
            #expect(try self.refusal(Self.allowing, [command], on: "cisco_iosxe") == (isAllowed ? nil : ""), "\(reply)")
        }
    }

    @Test("operations, effect and platforms are held against each step")
    func steps() throws {
        let rules = """
                  - deny: nothing on hosts
                    platforms: [linux]
                    effect: change
                  - allow: reading
                    effect: read
                  - allow: files
                    operations: [upload]

            """
        let upload = Operation.upload(.init(.inline([]), remotePath: "x"))
        #expect(
            try self.refusal(rules, .steps([.probe, .run([Command("show clock")]), upload]), on: "cisco_iosxe") == nil)
        #expect(try self.refusal(rules, .steps([.probe, .run([Command("reload")]), upload]), on: "cisco_iosxe") == "")
        #expect(try self.refusal(rules, upload, on: "linux") == "nothing on hosts")
        #expect(try self.refusal(rules, .backup(.init()), on: "cisco_iosxe") == nil)
        #expect(try self.refusal(rules, .configure(.init(.list(["a"]))), on: "cisco_iosxe") == "")
        // Where commands are limited, what has none has to be allowed by another rule.
        #expect(try self.refusal(Self.allowing, .backup(.init()), on: "cisco_iosxe") == "")
        #expect(try self.refusal(Self.allowing, .probe, on: "cisco_iosxe") == "")
    }
}
