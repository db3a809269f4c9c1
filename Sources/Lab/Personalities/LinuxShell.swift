/// As much of a Unix shell as tests of a Unix-like device need: a few commands, `$?`, `sudo`, bracketed paste.
struct LinuxShell: CommandLineInterface {
    private let user: String
    private var isRoot = false
    private var status: Int32 = 0
    private var bracketedPaste = true
    var pageLength = 0

    init(user: String) { self.user = user }

    var terminal: TerminalStyle {
        // bash switches bracketed paste on before each prompt and off after the line.
        TerminalStyle(interruptEcho: "^C", afterReturn: "\r\n\u{1B}[?2004l\r", beforePrompt: "\u{1B}[?2004h")
    }

    func prompt(_ device: DeviceState) -> String {
        isRoot ? "root@\(device.hostname):/home/\(user)# " : "\(user)@\(device.hostname):~$ "
    }

    mutating func interrupt() { status = 130 }

    mutating func execute(_ line: String, on device: inout DeviceState) -> Reply {
        var reply = Reply()
        for part in line.split(separator: ";") {
            let next = run(String(part).trimmingBlanks, device: &device)
            reply.text += next.text
            reply.errorText += next.errorText
            reply.status = next.status
            reply.next = next.next
            status = next.status
            if next.next != .prompt { break }
        }
        return reply
    }

    private mutating func run(_ line: String, device: inout DeviceState) -> Reply {
        let words = line.split(separator: " ").map(String.init)
        guard let command = words.first else { return Reply() }
        switch (command, words.count) {
        case ("echo", _):
            let text = words.dropFirst().joined(separator: " ").filter { $0 != "\"" && $0 != "'" }
            return Reply(text.replacing("$?", with: String(status)) + "\n")
        case ("true", 1), ("export", _), ("bind", _), ("stty", _): return Reply()
        case ("false", 1): return failed("", 1)
        case ("hostname", 1): return Reply(device.hostname + "\n")
        case ("whoami", 1): return Reply((isRoot ? "root" : user) + "\n")
        case ("uname", 2) where words[1] == "-a":
            return Reply(
                "Linux \(device.hostname) 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 x86_64 GNU/Linux\n")
        case ("date", 1): return Reply(device.now.formatted("%a %b %e %H:%M:%S UTC %Y\n"))
        case ("seq", 2):
            guard let last = Int(words[1]), (0...1_000_000).contains(last) else {
                return failed("seq: invalid argument\n", 1)
            }
            return .lines((0..<last).map { $0 + 1 }.map(String.init))
        case ("cat", 2) where words[1] == "/etc/os-release":
            return Reply("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n")
        case ("cat", 2), ("ls", 2): return failed("\(command): \(words[1]): No such file or directory\n", 1)
        case ("sudo", 2) where words[1] == "-s":
            guard device.enableSecret != nil, !isRoot else {
                isRoot = true
                return Reply()
            }
            return Reply(then: .ask(question(attempt: 1)))
        case ("exit", 1), ("logout", 1):
            if isRoot {
                isRoot = false
                return Reply("exit\n")
            }
            var reply = Reply("logout\n", then: .close)
            reply.status = status
            return reply
        case ("exit", 2):
            var reply = Reply(then: .close)
            reply.status = Int32(words[1]) ?? 2
            return reply
        default: return failed("bash: \(command): command not found\n", 127)
        }
    }

    private func failed(_ text: String, _ status: Int32) -> Reply {
        var reply = Reply()
        reply.errorText = text
        reply.status = status
        return reply
    }

    private func question(attempt: Int) -> Question {
        Question(text: "[sudo] password for \(user): ", input: .hidden, purpose: .sudoPassword(attempt: attempt))
    }

    mutating func answer(_ text: String, to purpose: Question.Purpose, on device: inout DeviceState) -> Reply {
        guard case .sudoPassword(let attempt) = purpose else { return Reply() }
        if text == device.enableSecret {
            isRoot = true
            return Reply()
        }
        if attempt < 3 { return Reply("Sorry, try again.\n", then: .ask(question(attempt: attempt + 1))) }
        return failed("sudo: 3 incorrect password attempts\n", 1)
    }
}
