/// Juniper's command line: operational and configuration mode, candidate configuration with commit and rollback.
struct JunosCommandLine: CommandLineInterface {
    private enum Operational: Sendable {
        case showVersion, showInterfaces, showUptime, showConfiguration
        case screenLength, screenWidth, completeOnSpace, configure, exit, reboot
    }

    private let user: String
    /// The candidate while in configuration mode.
    private var candidate: Configuration?
    private var previous: Configuration?
    var pageLength = 24

    init(user: String) { self.user = user }

    var terminal: TerminalStyle {
        TerminalStyle(
            interruptEcho: "^C", pager: "---(more)---", pagerErase: "\r                                        \r")
    }

    func prompt(_ device: DeviceState) -> String {
        candidate == nil ? "\n\(user)@\(device.hostname)> " : "\n[edit]\n\(user)@\(device.hostname)# "
    }

    private static let operational = CommandTable<Operational>([
        "show version": .showVersion, "show interfaces terse": .showInterfaces, "show system uptime": .showUptime,
        "show configuration": .showConfiguration, "show configuration | …": .showConfiguration,
        "set cli screen-length …": .screenLength, "set cli screen-width …": .screenWidth,
        "set cli complete-on-space …": .completeOnSpace, "configure": .configure, "configure …": .configure,
        "exit": .exit, "quit": .exit, "request system reboot": .reboot,
    ])

    mutating func execute(_ line: String, on device: inout DeviceState) -> Reply {
        if let candidate { return configure(line, candidate: candidate, device: &device) }
        switch Self.operational.match(line) {
        case .command(let command, let rest): return run(command, rest: rest, line: line, device: &device)
        case .incomplete, .ambiguous:
            return refusal(line, offset: line.utf8.count, "syntax error, expecting <command>.", device)
        case .invalid(let offset):
            return refusal(line, offset: offset, offset == 0 ? "unknown command." : "syntax error.", device)
        }
    }

    private func refusal(_ line: String, offset: Int, _ text: String, _ device: DeviceState) -> Reply {
        let column = user.utf8.count + device.hostname.utf8.count + 3 + offset
        var reply = Reply(String(repeating: " ", count: column) + "^\n" + text + "\n")
        reply.status = 1
        return reply
    }

    private mutating func run(
        _ command: Operational,
        rest: [Substring],
        line: String,
        device: inout DeviceState
    ) -> Reply {
        switch command {
        case .showVersion:
            return .lines([
                "Hostname: \(device.hostname)", "Model: vsrx", "Junos: 22.4R1.10", "JUNOS Software Release [22.4R1.10]",
            ])
        case .showInterfaces:
            let rows = (0..<40).map { "ge-0/0/\($0)".padded(to: 24) + "up    up" }
            return .lines(["Interface               Admin Link Proto    Local                 Remote"] + rows)
        case .showUptime:
            return .lines([
                "Current time: " + device.now.formatted("%Y-%m-%d %H:%M:%S UTC"),
                "System booted: " + device.bootedAt.formatted("%Y-%m-%d %H:%M:%S UTC"),
            ])
        case .showConfiguration:
            return .lines(Self.rendered(device.configuration, asSet: line.hasSuffix("display set")))
        case .screenLength:
            guard let word = rest.first, let length = Int(word) else {
                return refusal(line, offset: line.utf8.count, "syntax error, expecting <screen-length>.", device)
            }
            pageLength = length
            return Reply("Screen length set to \(length)\n")
        case .screenWidth: return Reply("Screen width set to \(rest.first ?? "80")\n")
        case .completeOnSpace:
            return Reply(rest.first == "off" ? "Disabling complete-on-space\n" : "Enabling complete-on-space\n")
        case .configure:
            candidate = device.configuration
            return Reply("Entering configuration mode\n")
        case .exit: return Reply(then: .close)
        case .reboot:
            return Reply(
                then: .ask(Question(text: "Reboot the system ? [yes,no] (no) ", input: .line, purpose: .confirmReload))
            )
        }
    }

    mutating func answer(_ text: String, to purpose: Question.Purpose, on device: inout DeviceState) -> Reply {
        switch purpose {
        case .confirmReload:
            guard text == "yes" else { return Reply() }
            device.restart()
            return Reply("\nShutdown NOW!\n", then: .restart)
        case .leaveUncommitted:
            guard text.isEmpty || "yes".hasPrefix(text) else { return Reply() }
            candidate = nil
            return Reply("Exiting configuration mode\n")
        default: return Reply()
        }
    }

    // MARK: - Configuration mode

    private mutating func configure(_ line: String, candidate: Configuration, device: inout DeviceState) -> Reply {
        let words = line.split(separator: " ").map(String.init)
        switch words[0] {
        case "set" where words.count > 2:
            self.candidate?.insert(words.dropFirst().joined(separator: " "))
            return Reply()
        case "delete" where words.count > 1:
            let path = words.dropFirst().joined(separator: " ")
            let kept = candidate.sections.filter { $0.header != path && !$0.header.hasPrefix(path + " ") }
            if kept.count == candidate.sections.count { return Reply("warning: statement not found\n") }
            self.candidate?.sections = kept
            return Reply()
        case "show":
            if line.hasSuffix("| compare") { return .lines(Self.comparison(device.configuration, candidate)) }
            return .lines(Self.rendered(candidate, asSet: line.hasSuffix("display set")))
        case "rollback":
            self.candidate =
                words.count > 1 && words[1] != "0" ? (previous ?? device.configuration) : device.configuration
            return Reply("load complete\n")
        case "commit": return commit(words, candidate: candidate, device: &device)
        case "run" where words.count > 1:
            self.candidate = nil
            let reply = execute(words.dropFirst().joined(separator: " "), on: &device)
            self.candidate = candidate
            return reply
        case "exit", "quit":
            if candidate == device.configuration {
                self.candidate = nil
                return Reply("Exiting configuration mode\n")
            }
            let question = Question(
                text:
                    "The configuration has been changed but not committed\nExit with uncommitted changes? [yes,no] (yes) ",
                input: .line,
                purpose: .leaveUncommitted
            )
            return Reply(then: .ask(question))
        case "set", "delete":
            return refusal(line, offset: line.utf8.count, "syntax error, expecting <statement>.", device)
        default: return refusal(line, offset: 0, "unknown command.", device)
        }
    }

    private mutating func commit(_ words: [String], candidate: Configuration, device: inout DeviceState) -> Reply {
        // A value that no interface can have, so that a failing commit can be made on purpose.
        if let line = candidate.sections.first(where: { $0.header.contains(" mtu 99999") }) {
            return Reply(
                "[edit \(line.header)]\n  error: Value 99999 is not within range (256..9192)\nerror: commit failed: (statements constraint check failed)\n"
            )
        }
        if words.contains("check") { return Reply("configuration check succeeds\n") }
        previous = device.configuration
        device.configuration = candidate
        device.savedConfiguration = candidate
        if let line = candidate.sections.last(where: { $0.header.hasPrefix("system host-name ") }) {
            device.hostname = String(line.header.dropFirst("system host-name ".count))
        }
        var text = ""
        if let index = words.firstIndex(of: "confirmed") {
            let minutes = words.indices.contains(index + 1) ? Int(words[index + 1]) ?? 10 : 10
            text += "commit confirmed will be automatically rolled back in \(minutes) minutes unless confirmed\n"
        }
        text += "commit complete\n"
        if words.contains("and-quit") {
            self.candidate = nil
            text += "Exiting configuration mode\n"
        }
        return Reply(text)
    }

    static func comparison(_ old: Configuration, _ new: Configuration) -> [String] {
        old.difference(to: new).map { line in
            let words = line.dropFirst().split(separator: " ", maxSplits: 1)
            return words.count == 2 ? "[edit \(words[0])]\n\(line.prefix(1))   \(words[1]);" : line
        }
    }

    static func rendered(_ configuration: Configuration, asSet: Bool) -> [String] {
        if asSet { return configuration.sections.map { "set " + $0.header } }
        var root = StatementTree()
        for section in configuration.sections { root.insert(section.header.split(separator: " ")) }
        return root.rendered(indent: "")
    }
}

/// Junos's braces, made from `set` lines.
private struct StatementTree {
    var children: [(word: Substring, tree: StatementTree)] = []

    mutating func insert(_ words: [Substring]) {
        guard let first = words.first else { return }
        // A quoted text is one word.
        let rest = first.hasPrefix("\"") ? [] : Array(words.dropFirst())
        let word = first.hasPrefix("\"") ? Substring(words.joined(separator: " ")) : first
        if let index = children.firstIndex(where: { $0.word == word }) {
            children[index].tree.insert(rest)
        } else {
            var tree = StatementTree()
            tree.insert(rest)
            children.append((word, tree))
        }
    }

    func rendered(indent: String) -> [String] {
        children.flatMap { word, tree -> [String] in
            if tree.children.isEmpty { return ["\(indent)\(word);"] }
            if tree.children.count == 1, tree.children[0].tree.children.isEmpty {
                return ["\(indent)\(word) \(tree.children[0].word);"]
            }
            return ["\(indent)\(word) {"] + tree.rendered(indent: indent + "    ") + ["\(indent)}"]
        }
    }
}

extension Configuration {
    /// Adds a `set` line; a statement that takes one value replaces its predecessor.
    fileprivate mutating func insert(_ line: String) {
        let words = line.split(separator: " ")
        let singleValued: Set<Substring> = ["host-name", "description", "mtu", "domain-name", "message"]
        if let index = words.firstIndex(where: { singleValued.contains($0) }) {
            let path = words[...index].joined(separator: " ") + " "
            sections.removeAll { $0.header.hasPrefix(path) }
        }
        if !sections.contains(where: { $0.header == line }) { sections.append(Section(line)) }
    }
}

extension String {
    func padded(to width: Int) -> String {
        utf8.count >= width ? self : self + String(repeating: " ", count: width - utf8.count)
    }
}
