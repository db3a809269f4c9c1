import Testing

@testable import Lab

/// A console with its device, driven by hand: pauses end when the test says so.
struct Session {
    var console: Console
    var device: DeviceState
    var executed: [String] = []
    var next = Console.Next.input
    var pauses: [Duration] = []

    init(
        _ personality: Personality,
        user: String = "admin",
        enableSecret: String? = nil,
        rows: Int = 24,
        startsPrivileged: Bool = false,
        responseDelay: Duration = .zero
    ) {
        console = Console(
            personality: personality,
            user: LoginName(user, acceptsOptions: personality == .mikrotikRouterOS),
            rows: rows,
            startsPrivileged: startsPrivileged
        )
        device = DeviceState(
            hostname: "dev", enableSecret: enableSecret, responseDelay: responseDelay,
            configuration: .initial(personality, hostname: "dev")
        )
    }

    mutating func open() -> String { text(console.open(device: &device)) }

    mutating func type(_ text: String) -> String { self.text(console.receive(text.utf8, device: &device)) }

    /// Types and lets every pause end.
    mutating func run(_ text: String) -> String {
        var result = type(text)
        while case .pause = next { result += endPause() }
        return result
    }

    mutating func endPause() -> String {
        next = .input
        return text(console.pauseEnded(device: &device))
    }

    private mutating func text(_ output: Console.Output) -> String {
        executed += output.executed
        if output.next != .unchanged { next = output.next }
        if case .pause(let duration) = output.next { pauses.append(duration) }
        return String(decoding: output.bytes + output.errorBytes, as: UTF8.self)
    }
}

@Suite("A simulated device's console")
struct ConsoleTests {
    @Test(
        "each personality greets with its vendor's prompt",
        arguments: [
            (Personality.ciscoIOSXE, "dev>"), (.aristaEOS, "dev>"), (.juniperJunos, "\r\nadmin@dev> "),
            (.mikrotikRouterOS, "\u{1B}[c\u{1B}[6n\u{1B}[m[admin@dev] > "), (.linux, "\u{1B}[?2004hadmin@dev:~$ "),
        ])
    func prompts(personality: Personality, prompt: String) {
        var session = Session(personality)
        #expect(session.open() == prompt)
    }

    @Test("RouterOS takes console options after the user's name, and doesn't probe then")
    func routerOSOptions() {
        var session = Session(.mikrotikRouterOS, user: "admin+ct511w4098h")
        #expect(session.open() == "[admin@dev] > ")
        #expect(LoginName("admin+ct511w4098h", acceptsOptions: true).height == 4098)
    }

    @Test("RouterOS takes CR and CR LF as a return, and no LF alone")
    func routerOSReturns() {
        var session = Session(.mikrotikRouterOS, user: "admin+ct")
        _ = session.open()
        #expect(session.run("/system identity print\n") == "/system identity print")
        #expect(session.run("\r\n") == "\r\n  name: dev\r\n[admin@dev] > ")
    }

    @Test("what is typed is echoed, edited and executed, wherever the chunks end")
    func chunks() {
        let typed = Array("shoX\u{8}w clock\u{15}terminal length 0\r\nshow privilege\n".utf8)
        var whole = Session(.ciscoIOSXE)
        let expected = whole.open() + whole.run(String(decoding: typed, as: UTF8.self))
        #expect(whole.executed == ["terminal length 0", "show privilege"])
        for split in 0...typed.count {
            var session = Session(.ciscoIOSXE)
            var result = session.open()
            result += session.run(String(decoding: typed[..<split], as: UTF8.self))
            result += session.run(String(decoding: typed[split...], as: UTF8.self))
            #expect(result == expected, "split at \(split)")
        }
        var bytewise = Session(.ciscoIOSXE)
        let result = typed.reduce(bytewise.open()) { $0 + bytewise.run(String(UnicodeScalar($1))) }
        #expect(result == expected)
    }

    @Test("enable asks for the secret without echo, three times")
    func enable() {
        var session = Session(.ciscoIOSXE, enableSecret: "s3cret")
        _ = session.open()
        #expect(session.run("enable\r") == "enable\r\nPassword: ")
        #expect(session.run("s3cret") == "")
        #expect(session.run("\r") == "\r\ndev#")
        #expect(session.run("disable\r") == "disable\r\ndev>")
        #expect(
            session.run("enable\rbad\rbad\rbad\r")
                == "enable\r\nPassword: \r\nPassword: \r\nPassword: \r\n% Bad secrets\r\n\r\ndev>")
        #expect(session.executed == ["enable", "disable", "enable"])
    }

    @Test("without a secret enable asks nothing")
    func enableWithoutSecret() {
        var session = Session(.ciscoIOSXE)
        _ = session.open()
        #expect(session.run("enable\r") == "enable\r\ndev#")
    }

    @Test("a long answer is paged until paging is switched off")
    func paging() {
        var session = Session(.ciscoIOSXE)
        _ = session.open()
        let first = session.run("show interfaces\r")
        #expect(first.hasSuffix("\r\n --More-- "))
        #expect(first.split(separator: "\r\n").count == 1 + 23 + 1)
        let erase = TerminalStyle().pagerErase
        let oneMore = session.run("\r")
        #expect(oneMore.hasPrefix(erase) && oneMore.hasSuffix(" --More-- "))
        #expect(oneMore.split(separator: "\r\n").count == 2)
        #expect(session.run("q") == erase + "dev>")
        _ = session.run("terminal length 0\r")
        let whole = session.run("show interfaces\r")
        #expect(!whole.contains("More") && whole.split(separator: "\r\n").count == 1 + 55 + 1)
    }

    @Test("paging through by blanks gives the whole answer")
    func pagingThrough() {
        for personality in [Personality.ciscoIOSXE, .aristaEOS] {
            var session = Session(personality, rows: 10)
            _ = session.open()
            var text = session.run("show interfaces\r")
            var pages = 1
            while text.hasSuffix(session.console.pagerQuestion), pages < 20 {
                text.removeLast(session.console.pagerQuestion.count)
                let rest = session.run(" ")
                text += rest.dropFirst(session.console.pagerErase.count)
                pages += 1
            }
            var unpaged = Session(personality)
            _ = unpaged.open()
            _ = unpaged.run("terminal length 0\r")
            #expect(text == unpaged.run("show interfaces\r"))
            #expect(pages == 7)
        }
    }

    @Test("a wrong command is pointed at")
    func invalidInput() {
        var session = Session(.ciscoIOSXE)
        _ = session.open()
        #expect(
            session.run("show foo\r") == "show foo\r\n         ^\r\n% Invalid input detected at '^' marker.\r\n\r\ndev>"
        )
        #expect(session.run("show\r") == "show\r\n% Incomplete command.\r\n\r\ndev>")
        #expect(session.run("show running-config\r").contains("% Invalid input"))
        var eos = Session(.aristaEOS)
        _ = eos.open()
        #expect(eos.run("bogus\r") == "bogus\r\n% Invalid input\r\ndev>")
    }

    @Test("configuration mode has sub-modes, applies lines and refuses nonsense")
    func configuration() {
        var session = Session(.ciscoIOSXE, startsPrivileged: true)
        _ = session.open()
        #expect(session.run("conf t\r").hasSuffix("dev(config)#"))
        #expect(session.run("interface GigabitEthernet2\r").hasSuffix("dev(config-if)#"))
        #expect(session.run("description to core\r").hasSuffix("dev(config-if)#"))
        #expect(session.run("no shutdown\r").hasSuffix("dev(config-if)#"))
        #expect(session.run("ntp server 192.0.2.5\r").hasSuffix("dev(config)#"))
        #expect(session.run("frobnicate\r").contains("% Invalid input"))
        #expect(session.run("hostname a-very-long-name-of-a-router\r").hasSuffix("\r\na-very-long-name-of-(config)#"))
        #expect(session.run("do show clock\r").hasSuffix("(config)#"))
        #expect(session.run("end\r").hasSuffix("\r\na-very-long-name-of-a-router#"))
        let interface = session.device.configuration.sections.first { $0.header == "interface GigabitEthernet2" }
        #expect(interface?.lines == ["no ip address", "description to core"])
        #expect(session.run("show run\r").contains("ntp server 192.0.2.5") == false, "paged")
        #expect(session.run("\u{3}").hasSuffix("#"))
        #expect(session.run("write memory\r").contains("[OK]"))
        #expect(session.device.savedConfiguration == session.device.configuration)
    }

    @Test("reload asks for one key, and restarts only on yes")
    func reload() {
        var session = Session(.ciscoIOSXE, startsPrivileged: true)
        _ = session.open()
        #expect(session.run("reload\r") == "reload\r\nProceed with reload? [confirm]")
        #expect(session.run("n") == "\r\ndev#")
        _ = session.run("conf t\rntp server 192.0.2.9\rend\r")
        #expect(session.run("reload\r").hasSuffix("Save? [yes/no]: "))
        #expect(session.run("no\r").hasSuffix("Proceed with reload? [confirm]"))
        _ = session.run("\r")
        #expect(session.next == .restart)
        #expect(!session.device.configuration.sections.contains { $0.header == "ntp server 192.0.2.9" })
    }

    @Test("EOS keeps a configuration session apart until commit")
    func configurationSession() {
        var session = Session(.aristaEOS, startsPrivileged: true)
        _ = session.open()
        #expect(session.run("configure session change42\r").hasSuffix("dev(config-s-change)#"))
        _ = session.run("interface Ethernet2\rdescription new\rexit\r")
        #expect(session.run("show session-config diffs\r").contains("+   description new") == false)
        #expect(session.run("show session-config diffs\r").contains("+ description new"))
        #expect(!session.device.configuration.rendered().contains(" description new"))
        #expect(session.run("commit\r").hasSuffix("dev#"))
        #expect(session.device.configuration.rendered().contains(" description new"))
    }

    @Test("Junos has a candidate, shows what would change, commits, and asks before it throws changes away")
    func junos() {
        var session = Session(.juniperJunos)
        _ = session.open()
        #expect(session.run("set cli screen-length 0\r").contains("Screen length set to 0\r\n\r\nadmin@dev> "))
        #expect(session.run("configure\r") == "configure\r\nEntering configuration mode\r\n\r\n[edit]\r\nadmin@dev# ")
        _ = session.run("set system host-name edge\r")
        #expect(session.run("show | compare\r").contains("-   host-name dev;"))
        #expect(session.run("exit\r").hasSuffix("Exit with uncommitted changes? [yes,no] (yes) "))
        #expect(session.run("no\r").hasSuffix("admin@dev# "))
        #expect(session.run("commit\r").contains("commit complete\r\n\r\n[edit]\r\nadmin@edge# "))
        #expect(session.run("rollback 1\r").contains("load complete"))
        #expect(session.run("commit and-quit\r").hasSuffix("Exiting configuration mode\r\n\r\nadmin@dev> "))
        #expect(session.run("frob\r").contains("^\r\nunknown command.\r\n"))
        #expect(session.run("show configuration\r").contains("system {\r\n    host-name dev;"))
        _ = session.run("configure\rset interfaces ge-0/0/1 mtu 99999\r")
        #expect(session.run("commit\r").contains("error: commit failed"))
    }

    @Test("RouterOS refuses unknown commands, pages, and applies at once")
    func routerOS() {
        var session = Session(.mikrotikRouterOS, user: "admin+ct", rows: 20)
        _ = session.open()
        #expect(session.run("frob\r") == "frob\r\nbad command name frob (line 1 column 1)\r\n[admin@dev] > ")
        #expect(session.run("/interface print\r").hasSuffix("-- [Q quit|D dump|down]"))
        _ = session.run("q")
        #expect(session.run("/interface/print without-paging\r").hasSuffix("ether    1500\r\n[admin@dev] > "))
        #expect(session.run("/ip address add address=10.0.0.1/24 interface=ether2\r").hasSuffix("\r\n[admin@dev] > "))
        #expect(session.run("/ip address add address=10.0.0.1/24 interface=ether2\r").contains("failure: already have"))
        #expect(session.run("/export\r").contains("add address=10.0.0.1/24 interface=ether2"))
        #expect(session.run("/system reboot\r").contains("Reboot, yes? [y/N]:"))
        _ = session.run("y")
        #expect(session.next == .restart)
    }

    @Test("a Unix-like shell keeps exit statuses and asks sudo's password without echo")
    func linux() {
        var session = Session(.linux, enableSecret: "root-pw")
        _ = session.open()
        let prompt = "\u{1B}[?2004hadmin@dev:~$ "
        #expect(session.run("nosuch\r") == "nosuch\r\n\u{1B}[?2004l\rbash: nosuch: command not found\r\n" + prompt)
        #expect(session.run("echo $?\r").contains("\r127\r\n"))
        #expect(session.run("sudo -s\r").hasSuffix("[sudo] password for admin: "))
        #expect(session.run("root-pw\r") == "\r\n\u{1B}[?2004hroot@dev:/home/admin# ")
        var device = session.device
        var exec = Console(
            personality: .linux, user: LoginName("admin", acceptsOptions: false), rows: 0, isInteractive: false)
        let output = exec.run("echo hi; nosuch; exit 3", device: &device)
        #expect(String(decoding: output.bytes, as: UTF8.self) == "hi\n")
        #expect(String(decoding: output.errorBytes, as: UTF8.self) == "bash: nosuch: command not found\n")
        #expect(output.next == .close(status: 3))
    }
}

@Suite("Commands of the lab")
struct LabCommandTests {
    @Test("lab output gives exactly the bytes asked for", arguments: [0, 1, 62, 63, 64, 65, 128, 1_000, 100_000])
    func output(bytes: Int) {
        let text = DeterministicText.text(bytes: bytes)
        #expect(text.utf8.count == bytes)
        #expect(!text.hasSuffix("\n"))
        for personality in Personality.allCases {
            var session = Session(personality)
            _ = session.open()
            let answer = session.run("lab output \(bytes)\r").replacing("\r\n", with: "\n")
            #expect(bytes == 0 || answer.contains(text + "\n"))
        }
    }

    @Test("a count is a change: it happens when the command begins, whatever becomes of the answer")
    func count() {
        var session = Session(.ciscoIOSXE, responseDelay: .milliseconds(50))
        _ = session.open()
        #expect(session.type("lab count x\r") == "lab count x\r\n")
        #expect(session.device.counters["x"] == 1)
        #expect(session.next == .pause(.milliseconds(50)))
        #expect(session.endPause() == "x = 1\r\ndev>")
        _ = session.run("lab count x drop\r")
        #expect(session.device.counters["x"] == 2)
        #expect(session.next == .drop)
    }

    @Test("a sleeping command ends at Ctrl-C, and what was typed meanwhile is forgotten")
    func sleepInterrupted() {
        var session = Session(.ciscoIOSXE)
        _ = session.open()
        #expect(session.type("lab sleep 60000\r") == "lab sleep 60000\r\n")
        #expect(session.next == .pause(.seconds(60)))
        #expect(session.type("show clock\r") == "")
        #expect(session.type("\u{3}") == "\r\ndev>")
        #expect(session.next == .input)
        #expect(session.executed == ["lab sleep 60000"])
    }

    @Test("what is typed while a command runs is executed after it")
    func typeAhead() {
        var session = Session(.ciscoIOSXE, responseDelay: .milliseconds(5))
        _ = session.open()
        let text = session.run("lab count a\rlab count a\rlab count a\r")
        #expect(session.device.counters["a"] == 3)
        #expect(text.hasSuffix("dev>lab count a\r\na = 3\r\ndev>"))
        #expect(session.pauses == Array(repeating: .milliseconds(5), count: 3))
    }

    @Test("a silent command never answers, not even to Ctrl-C")
    func silent() {
        var session = Session(.ciscoIOSXE)
        _ = session.open()
        _ = session.run("lab silent\r")
        #expect(session.run("\u{3}\rshow clock\r") == "")
    }

    @Test("a prompt-like answer stops at the very prompt and goes on later")
    func promptLike() {
        var session = Session(.ciscoIOSXE)
        _ = session.open()
        let beginning = session.type("lab prompt-like 300\r")
        #expect(beginning.hasSuffix("\r\ndev>"))
        #expect(session.next == .pause(.milliseconds(300)))
        #expect(session.endPause() == "\r\nnot the end\r\ndev>")
    }

    @Test(
        "malformed lab commands are ordinary wrong commands",
        arguments: ["lab", "lab output", "lab output -1", "lab sleep x", "lab count"])
    func malformed(line: String) {
        #expect(LabCommand(line) == nil)
    }
}
