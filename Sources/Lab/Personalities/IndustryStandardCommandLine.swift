/// Cisco IOS's command line and its relatives: user and privileged exec, configuration mode, its sub-modes, configuration sessions.
struct IndustryStandardCommandLine: CommandLineInterface {
    private enum Mode: Equatable {
        case user
        case privileged
        case configuration(session: String?, section: String?)
    }

    private enum Command: Sendable {
        case enable, disable, exit, reload, write, copyRunning
        case configure, configureSession
        case showVersion, showClock, showInterfaces, showInterfaceStatus, showRunning, showStartup, showPrivilege
        case terminalLength, terminalWidth
    }

    private let dialect: IndustryStandardDialect
    private var mode: Mode
    /// Configuration of an open session, not yet committed.
    private var candidate: Configuration?
    /// A banner that is being typed: its lines so far, and what ends it.
    private var banner: (lines: [String], end: String)?
    var pageLength = 24

    init(dialect: IndustryStandardDialect, startsPrivileged: Bool) {
        self.dialect = dialect
        mode = startsPrivileged ? .privileged : .user
    }

    var terminal: TerminalStyle { dialect.terminal }

    func prompt(_ device: DeviceState) -> String {
        switch mode {
        case .user: return device.hostname + ">"
        case .privileged: return device.hostname + "#"
        case .configuration(let session, let section):
            let name = device.hostname.prefix(dialect.hostnameLimit)
            var middle = "config"
            if let session { middle += "-s-" + session.prefix(6) }
            if let section { middle += "-" + ConfigurationVocabulary.modeName(section) }
            return "\(name)(\(middle))#"
        }
    }

    mutating func interrupt() {
        banner = nil
        // IOS leaves configuration mode on Ctrl-C; a configuration session stays open in the background, as on EOS.
        if case .configuration = mode { mode = .privileged }
    }

    // MARK: - Exec mode

    private static let userCommands = CommandTable<Command>([
        "enable": .enable, "exit": .exit, "logout": .exit, "quit": .exit, "show version": .showVersion,
        "show clock": .showClock, "show privilege": .showPrivilege, "show interfaces": .showInterfaces,
        "terminal length …": .terminalLength, "terminal width …": .terminalWidth,
    ])

    private static let privilegedCommands = CommandTable<Command>([
        "enable": .enable, "disable": .disable, "exit": .exit, "logout": .exit, "quit": .exit,
        "configure terminal": .configure, "configure session …": .configureSession, "configure": .configure,
        "show version": .showVersion, "show clock": .showClock, "show privilege": .showPrivilege,
        "show interfaces": .showInterfaces, "show interfaces status": .showInterfaceStatus,
        "show running-config": .showRunning, "show startup-config": .showStartup,
        "terminal length …": .terminalLength, "terminal width …": .terminalWidth,
        "write": .write, "write memory": .write, "copy running-config startup-config": .copyRunning, "reload": .reload,
    ])

    mutating func execute(_ line: String, on device: inout DeviceState) -> Reply {
        if case .configuration(let session, let section) = mode {
            return configure(line, session: session, section: section, device: &device)
        }
        return exec(line, device: &device)
    }

    private mutating func exec(_ line: String, device: inout DeviceState) -> Reply {
        let table = mode == .user ? Self.userCommands : Self.privilegedCommands
        switch table.match(line) {
        case .command(let command, let rest): return run(command, rest: rest, line: line, device: &device)
        case .incomplete: return Reply(dialect.incomplete)
        case .ambiguous: return Reply(dialect.ambiguous(line))
        case .invalid(let offset): return invalid(line, offset: offset, device)
        }
    }

    private func invalid(_ line: String, offset: Int, _ device: DeviceState) -> Reply {
        var reply = Reply(dialect.invalidInput(prompt(device).utf8.count + offset, line))
        reply.status = 1
        return reply
    }

    private mutating func run(
        _ command: Command,
        rest: [Substring],
        line: String,
        device: inout DeviceState
    ) -> Reply {
        switch command {
        case .enable:
            guard mode == .user else { return Reply() }
            guard device.enableSecret != nil else {
                mode = .privileged
                return Reply()
            }
            return Reply(then: .ask(Self.enableQuestion(attempt: 1)))
        case .disable:
            mode = .user
            return Reply()
        case .exit: return Reply(then: .close)
        case .reload:
            if device.configuration != device.savedConfiguration {
                return Reply(
                    "\nSystem configuration has been modified. ",
                    then: .ask(Question(text: "Save? [yes/no]: ", input: .line, purpose: .saveBeforeReload))
                )
            }
            return Reply(then: .ask(Self.reloadQuestion))
        case .write:
            device.savedConfiguration = device.configuration
            return Reply("Building configuration...\n[OK]\n")
        case .copyRunning:
            return Reply(
                then: .ask(
                    Question(text: "Destination filename [startup-config]? ", input: .line, purpose: .destinationFile)
                )
            )
        case .configure:
            mode = .configuration(session: nil, section: nil)
            return Reply(dialect.configuring)
        case .configureSession:
            guard dialect.hasConfigurationSessions else { return invalid(line, offset: 10, device) }
            guard let name = rest.first else { return Reply(dialect.incomplete) }
            candidate = device.configuration
            mode = .configuration(session: String(name), section: nil)
            return Reply()
        case .showVersion: return .lines(dialect.version(device))
        case .showClock: return Reply("*" + device.now.formatted("%H:%M:%S UTC %a %b %e %Y") + "\n")
        case .showPrivilege: return Reply("Current privilege level is \(mode == .user ? 1 : 15)\n")
        case .showInterfaces: return .lines(InterfaceText.long(dialect.interfaceNames))
        case .showInterfaceStatus: return .lines(InterfaceText.status(dialect.interfaceNames))
        case .showRunning: return .lines(runningConfiguration(device.configuration, device))
        case .showStartup: return .lines(runningConfiguration(device.savedConfiguration, device))
        case .terminalLength:
            guard let word = rest.first, let length = Int(word), (0...32_767).contains(length) else {
                return Reply(dialect.incomplete)
            }
            pageLength = length
            return Reply(dialect.terminalLengthAnswer(length))
        case .terminalWidth:
            guard let word = rest.first, let width = Int(word) else { return Reply(dialect.incomplete) }
            return Reply(dialect.terminalWidthAnswer(width))
        }
    }

    private func runningConfiguration(_ configuration: Configuration, _ device: DeviceState) -> [String] {
        let lines = configuration.rendered(indent: dialect.hasConfigurationSessions ? "   " : " ")
        if dialect.hasConfigurationSessions {
            return ["! Command: show running-config", "! device: \(device.hostname) (vEOS-lab, EOS-4.30.1F)", "!"]
                + lines + ["end"]
        }
        let size = lines.reduce(0) { $0 + $1.utf8.count + 1 }
        return ["Building configuration...", "", "Current configuration : \(size) bytes", "!"] + lines + ["end", ""]
    }

    // MARK: - Questions

    private static func enableQuestion(attempt: Int) -> Question {
        Question(text: "Password: ", input: .hidden, purpose: .enablePassword(attempt: attempt))
    }

    private static let reloadQuestion = Question(
        text: "Proceed with reload? [confirm]",
        input: .key,
        purpose: .confirmReload
    )

    mutating func answer(_ text: String, to purpose: Question.Purpose, on device: inout DeviceState) -> Reply {
        switch purpose {
        case .enablePassword(let attempt):
            if text == device.enableSecret {
                mode = .privileged
                return Reply()
            }
            return attempt < 3
                ? Reply(then: .ask(Self.enableQuestion(attempt: attempt + 1))) : Reply(dialect.badSecret)
        case .saveBeforeReload:
            if "yes".hasPrefix(text.lowercased()), !text.isEmpty {
                device.savedConfiguration = device.configuration
                return Reply("Building configuration...\n[OK]\n", then: .ask(Self.reloadQuestion))
            }
            return Reply(then: .ask(Self.reloadQuestion))
        case .confirmReload:
            guard ["\r", "\n", "y", "Y"].contains(text) else { return Reply() }
            device.restart()
            return Reply(then: .restart)
        case .destinationFile:
            device.savedConfiguration = device.configuration
            return Reply("Building configuration...\n[OK]\n")
        case .bannerText:
            takeBannerLine(text, &device)
            return banner == nil ? Reply() : Reply(then: .ask(Self.bannerLine))
        case .sudoPassword, .leaveUncommitted: return Reply()
        }
    }

    // MARK: - Banners

    private static let bannerLine = Question(text: "", input: .line, purpose: .bannerText)

    /// `banner motd ^`: everything up to the next delimiter is text. On EOS there is no delimiter, and a line `EOF` ends it.
    private mutating func beginBanner(_ line: String) -> Reply? {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.first == "banner", words.count >= 2 else { return nil }
        if dialect.hasConfigurationSessions {
            guard words.count == 2 else { return nil }
            banner = ([line], "EOF")
            return Reply("Enter TEXT message. Type 'EOF' on its own line to end.\n", then: .ask(Self.bannerLine))
        }
        guard words.count == 3, let first = words[2].first else { return nil }
        let end = words[2].hasPrefix("^C") ? "^C" : String(first)
        guard !words[2].dropFirst(end.count).contains(end) else { return nil }
        banner = ([line], end)
        return Reply("Enter TEXT message.  End with the character '\(first)'.\n", then: .ask(Self.bannerLine))
    }

    private mutating func takeBannerLine(_ line: String, _ device: inout DeviceState) {
        guard var banner, case .configuration(let session, _) = mode else { return }
        banner.lines.append(line)
        guard dialect.hasConfigurationSessions ? line == banner.end : line.contains(banner.end) else {
            self.banner = banner
            return
        }
        self.banner = nil
        change(session, &device) { $0.apply(banner.lines.joined(separator: "\n")) }
    }

    // MARK: - Configuration mode

    private mutating func configure(
        _ line: String,
        session: String?,
        section: String?,
        device: inout DeviceState
    ) -> Reply {
        let words = line.split(separator: " ")
        switch (words[0], words.count) {
        case ("end", 1):
            mode = .privileged
            return Reply()
        case ("exit", 1):
            mode = section == nil ? .privileged : .configuration(session: session, section: nil)
            return Reply()
        case ("do", 2...):
            let saved = mode
            mode = .privileged
            let reply = exec(words.dropFirst().joined(separator: " "), device: &device)
            mode = saved
            return reply
        case ("commit", 1) where session != nil:
            if let candidate { device.configuration = candidate }
            adoptHostname(&device)
            candidate = nil
            mode = .privileged
            return Reply()
        case ("abort", 1) where session != nil:
            candidate = nil
            mode = .privileged
            return Reply()
        case ("show", 3) where session != nil && line == "show session-config diffs":
            guard let candidate else { return Reply() }
            let lines = device.configuration.difference(to: candidate)
            return .lines(
                lines.isEmpty
                    ? [] : ["--- system:/running-config", "+++ session:/\(session ?? "")-session-config"] + lines)
        default: break
        }
        if ConfigurationVocabulary.opensSection(line) {
            change(session, &device) { $0.open(line) }
            mode = .configuration(session: session, section: line)
            return Reply()
        }
        if section != nil, ConfigurationVocabulary.isSectionLine(line) {
            change(session, &device) { $0.apply(line, in: section) }
            return Reply()
        }
        guard ConfigurationVocabulary.isGlobalLine(line) else { return invalid(line, offset: 0, device) }
        if let reply = beginBanner(line) { return reply }
        mode = .configuration(session: session, section: nil)
        change(session, &device) { $0.apply(line) }
        if session == nil { adoptHostname(&device) }
        return Reply()
    }

    private mutating func change(
        _ session: String?,
        _ device: inout DeviceState,
        _ body: (inout Configuration) -> Void
    ) {
        if session == nil {
            body(&device.configuration)
        } else if var changed = candidate {
            body(&changed)
            candidate = changed
        }
    }

    /// The prompt follows `hostname` at once.
    private func adoptHostname(_ device: inout DeviceState) {
        let line = device.configuration.sections.last { $0.header.hasPrefix("hostname ") }
        if let name = line?.header.dropFirst("hostname ".count), !name.isEmpty { device.hostname = String(name) }
    }
}
