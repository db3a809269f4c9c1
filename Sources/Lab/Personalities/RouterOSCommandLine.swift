/// MikroTik's command line: no modes, every command is live, paths with blanks or slashes.
struct RouterOSCommandLine: CommandLineInterface {
    private let login: LoginName
    var pageLength = 24

    init(login: LoginName) { self.login = login }

    var terminal: TerminalStyle {
        // Without the `t` option the console asks the terminal what it is and where the cursor stands.
        let probes = login.consoleOptions.contains("t") ? "" : "\u{1B}[c\u{1B}[6n"
        return TerminalStyle(
            lineFeedReturns: false,
            pager: "-- [Q quit|D dump|down]",
            pagerErase: "\r                       \r",
            opening: probes
        )
    }

    func prompt(_ device: DeviceState) -> String {
        let name = "[\(login.name)@\(device.hostname)] > "
        return login.consoleOptions.contains("c") ? name : "\u{1B}[m" + name
    }

    mutating func execute(_ line: String, on device: inout DeviceState) -> Reply {
        let withoutPaging = line.hasSuffix(" without-paging")
        let command = withoutPaging ? String(line.dropLast(" without-paging".count)) : line
        var reply = run(command, line: line, device: &device)
        if reply.next == .prompt, withoutPaging { reply.isPaged = false }
        return reply
    }

    private mutating func run(_ command: String, line: String, device: inout DeviceState) -> Reply {
        if command.hasPrefix(":put ") { return Reply(command.dropFirst(5).filter { $0 != "\"" } + "\n") }
        // `/ip/address/print`, `/ip address print` and `ip address print` are the same.
        let words = command.split(whereSeparator: { $0 == " " || $0 == "/" }).map(String.init)
        let path = words.prefix { !$0.contains("=") }.joined(separator: " ")
        let arguments = Dictionary(
            words.filter { $0.contains("=") }.map { word in
                let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
                return (parts[0], parts.count > 1 ? parts[1].filter { $0 != "\"" } : "")
            },
            uniquingKeysWith: { $1 }
        )
        switch path {
        case "quit": return Reply("interrupted\n", then: .close)
        case "system identity print": return Reply("  name: \(device.hostname)\n")
        case "system identity set":
            guard let name = arguments["name"] else { return failure("expected name", line) }
            device.hostname = name
            return Reply()
        case "system clock print":
            return Reply(device.now.formatted("  time: %H:%M:%S\n  date: %Y-%m-%d\n"))
        case "system resource print":
            return Reply(
                "  uptime: \(device.uptimeMinutes)m\n  version: 7.14.3 (stable)\n  cpu: QEMU\n  board-name: CHR\n  platform: MikroTik\n"
            )
        case "interface print":
            let rows = (1...40).map { " \($0 - 1)  R  ether\($0)".padded(to: 20) + "ether    1500" }
            return .lines(
                ["Flags: R - RUNNING", "Columns: NAME, TYPE, ACTUAL-MTU", "#     NAME          TYPE     MTU"] + rows)
        case "ip address print":
            let rows = device.configuration.sections.filter { $0.header.hasPrefix("/ip address add ") }
                .enumerated().map { " \($0.offset)  " + $0.element.header.dropFirst("/ip address add ".count) }
            return .lines(["Columns: ADDRESS, NETWORK, INTERFACE", " #  ADDRESS        NETWORK      INTERFACE"] + rows)
        case "ip address add":
            guard let address = arguments["address"], let interface = arguments["interface"] else {
                return failure("expected end of command", line)
            }
            let entry = "/ip address add address=\(slashed(address, command)) interface=\(interface)"
            if device.configuration.sections.contains(where: { $0.header == entry }) {
                return Reply("failure: already have such address\n")
            }
            device.configuration.open(entry)
            device.savedConfiguration = device.configuration
            return Reply()
        case "export":
            return .lines(
                [
                    "# " + device.now.formatted("%Y-%m-%d %H:%M:%S") + " by RouterOS 7.14.3", "/system identity",
                    "set name=\(device.hostname)",
                ]
                    + device.configuration.rendered(separator: nil))
        case "system reboot":
            return Reply(then: .ask(Question(text: "Reboot, yes? [y/N]: \n", input: .key, purpose: .confirmReload)))
        case "ip address set", "ip address remove": return Reply("no such item\n")
        default:
            let known = ["system", "interface", "ip", "quit", "export", "lab"]
            guard let first = words.first, known.contains(first) else {
                return failure("bad command name \(words.first ?? "")", line)
            }
            return failure("syntax error", line, column: line.utf8.count)
        }
    }

    /// The address as typed: splitting at slashes has cut its prefix length off.
    private func slashed(_ address: String, _ command: String) -> String {
        guard let range = command.firstRange(of: "address=") else { return address }
        return String(command[range.upperBound...].prefix { $0 != " " })
    }

    private func failure(_ text: String, _ line: String, column: Int = 1) -> Reply {
        var reply = Reply("\(text) (line 1 column \(column))\n")
        reply.status = 1
        return reply
    }

    mutating func answer(_ text: String, to purpose: Question.Purpose, on device: inout DeviceState) -> Reply {
        guard purpose == .confirmReload, text == "y" || text == "Y" else { return Reply("action cancelled\n") }
        device.restart()
        return Reply("system will reboot shortly\n", then: .restart)
    }
}
