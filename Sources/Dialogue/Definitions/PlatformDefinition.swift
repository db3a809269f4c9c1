import Yams

/// What is particular about a platform's CLI, as read from its YAML file.
///
/// The file's keys are those of published scrapli definitions (`prompt_pattern`, `default_mode`, `modes`, `failure_indicators`,
/// `on_open_instructions`, `on_close_instructions`, …), and keys of our own for what that format has no words for:
///
/// | key | meaning | default |
/// |---|---|---|
/// | `name`, `aliases` | what inventories call the platform | the file's name |
/// | `transport` | `terminal` or `exec` | `terminal` |
/// | `line_ending` | what the return key sends: `cr`, `lf` or `crlf` | `cr` |
/// | `terminal` | `type`, `columns`, `rows` | `vt100`, 511, 1000 |
/// | `username_suffix` | appended to the user name at login | none |
/// | `confirm_prompt` | the prompt pattern is loose: prove the first and any changed prompt with an Enter | `false` |
/// | `repeats_echo` | the device shows the line again when the return key comes, prompt and all | `false` |
/// | `pagers` | `pattern` of a pager's prompt, `key` for the next page | `--More--`, blank |
/// | `sign_on_questions` | `pattern`, harmless `answer`, `enter: false` for a single key | none |
/// | `question_patterns`, `password_patterns` | questions in the middle of a command | common ones |
/// | `failure_patterns` | lines that say that a command failed, as regular expressions | none |
/// | `log_patterns` | lines that the device logs to the terminal unasked | none |
/// | `interrupt` | keys that stop a running command, tried in order | Ctrl-C |
/// | `configuration` | `mode` for configuration lines; lists of commands `commit`, `commit_confirmed` and `confirm`, `abort`, `diff`; `texts` | none |
/// | `save` | commands that make the running configuration outlive a restart | none |
/// | `backup` | commands that print the configuration | none |
/// | `volatile_patterns` | lines of that output that change by themselves | none |
/// | `file_transfer` | `method` (`sftp`, `scp`, `none`), `directory`, `checksum` (`algorithm`, `command`, `mode`) | `sftp` |
/// | `read_only_patterns` | commands that change nothing; each must match the whole line | none |
/// | `read_only_excludes` | no command that one of these matches anywhere is read-only | none |
///
/// A command in a list is a text, or a map of `command`, `mode` and `answers` (`pattern`, `answer`, `enter: false` for a single key).
/// One of the `texts` is a line that a text of several lines follows, such as a banner: `pattern` of the line's beginning up to the delimiter, `end`
/// where the text ends with a line of its own instead, and `invitation`, what the device prints when it waits for the text. Without an invitation
/// such lines are refused.
/// `{minutes}`, `{seconds}` and `{time}` (hh:mm:ss) stand for the time in `commit_confirmed`, `{path}` for the file in `checksum`.
///
/// Unknown keys are tolerated and listed in `notes`.
package struct PlatformDefinition: Sendable {
    package let name: String
    package let aliases: [String]
    /// How commands are run: over a prompt in a terminal, or each on an exec channel that tells an exit status.
    package let transport: Transport
    package enum Transport: String, Sendable { case terminal, exec }

    /// The terminal to ask for.
    package let terminal: Terminal
    package struct Terminal: Sendable, Hashable {
        package var type: String
        package var columns: Int
        package var rows: Int

        package init(type: String, columns: Int, rows: Int) {
            self.type = type
            self.columns = columns
            self.rows = rows
        }
    }

    /// Appended to the user name at login (RouterOS: `+ct511w4098h`).
    package let usernameSuffix: String

    /// How it is configured; `nil` where nobody has said.
    package let configuration: ConfigurationProcedure?
    /// What makes the running configuration outlive a restart; empty where it does anyway, or where nobody has said.
    package let save: [CommandStep]
    /// What prints the configuration; empty where nobody has said.
    package let backup: [CommandStep]
    /// Lines of output that change without anybody's doing: times, counters, checksums.
    package let volatilePatterns: [Pattern]
    package let fileTransfer: FileTransferMethod

    /// What was odd in the file but does no harm: unknown keys and the like.
    package let notes: [String]

    /// The mode that commands run in, and that a session is left in. `nil`: the platform has but one, or nobody has said.
    package var defaultMode: String? { self.rules.defaultMode.map { self.rules.modes[$0].name } }
    package var modes: [String] { self.rules.modes.map(\.name) }

    let rules: DialogueRules
    let readOnlyPatterns: [Pattern]
    let readOnlyExcludes: [Pattern]

    package init(yaml: String) throws(PlatformError) {
        try self.init(yaml: yaml, file: nil)
    }

    /// - Parameter file: the file's name for messages; without its ending it is the platform's name where the file gives none.
    package init(yaml: String, file: String?) throws(PlatformError) {
        let place = file ?? "platform definition"
        let root: Node?
        do {
            root = try compose(yaml: yaml)
        } catch {
            throw PlatformError(message: "\(place): not valid YAML: \(error)")
        }
        guard let root else {
            throw PlatformError(message: "\(place): expected a map of keys and values; the file is empty")
        }
        let node = DefinitionNode(node: root, file: place, path: "")
        var reader = DefinitionReader(try node.map())

        if let node = reader.take("name") {
            self.name = try node.nonEmptyString()
        } else if let file {
            self.name = String(file.split(separator: "/").last?.split(separator: ".").first ?? "")
        } else {
            throw node.error("expected the key “name”: the platform's name")
        }
        self.aliases = try reader.take("aliases")?.strings() ?? []
        self.transport = try reader.take("transport")?.choice([("terminal", .terminal), ("exec", .exec)]) ?? .terminal
        self.usernameSuffix = try reader.take("username_suffix")?.string() ?? ""
        self.terminal = try Self.terminal(reader.take("terminal"))
        self.readOnlyPatterns = try reader.patterns("read_only_patterns", .whole)
        self.readOnlyExcludes = try reader.patterns("read_only_excludes")
        self.rules = try Self.rules(
            &reader,
            platform: self.name,
            columns: self.terminal.columns,
            needsPrompt: self.transport == .terminal
        )
        self.configuration = try reader.configuration(modes: self.rules.modes)
        self.save = try reader.save(modes: self.rules.modes)
        self.backup = try reader.backup(modes: self.rules.modes)
        self.volatilePatterns = try reader.patterns("volatile_patterns")
        self.fileTransfer = try reader.fileTransfer(modes: self.rules.modes)
        self.notes = reader.finish()
    }

    private static func terminal(_ node: DefinitionNode?) throws(PlatformError) -> Terminal {
        // Wide and high, so that devices that go by the terminal's size neither wrap nor page.
        var terminal = Terminal(type: "vt100", columns: 511, rows: 1_000)
        guard let node else { return terminal }
        var map = try node.map()
        if let type = map.take("type") { terminal.type = try type.nonEmptyString() }
        if let columns = map.take("columns") { terminal.columns = try columns.int(in: 20...32_767) }
        if let rows = map.take("rows") { terminal.rows = try rows.int(in: 2...32_767) }
        return terminal
    }

    private static func rules(
        _ reader: inout DefinitionReader,
        platform: String,
        columns: Int,
        needsPrompt: Bool
    ) throws(PlatformError) -> DialogueRules {
        let lineEnding: [UInt8] =
            try reader.take("line_ending")?.choice([("cr", [0x0D]), ("lf", [0x0A]), ("crlf", [0x0D, 0x0A])]) ?? [0x0D]
        let modes = try reader.modes()
        let prompt = try reader.prompt(modes: modes, required: needsPrompt)
        let confirmsPrompt = try reader.take("confirm_prompt")?.bool() ?? false
        let repeatsEcho = try reader.take("repeats_echo")?.bool() ?? false
        let asksForLogin = try reader.take("force_in_session_auth")?.bool() ?? false
        var pagers = try reader.pagers()
        let passwordQuestion = try reader.combined(
            "password_patterns", .ending, default: CommonPatterns.passwordQuestions)
        let question = try reader.combined("question_patterns", .ending, default: CommonPatterns.questions)
        guard let passwordQuestion, let question, let never = CommonPatterns.never else {
            throw PlatformError(message: "\(platform): the common patterns don't compile")
        }
        if pagers.isEmpty, let pattern = CommonPatterns.pager { pagers = [.init(pattern: pattern, key: [0x20])] }
        return DialogueRules(
            platform: platform,
            lineEnding: lineEnding,
            columns: columns,
            interruptKeys: try reader.texts("interrupt"),
            prompt: prompt ?? never,
            promptExcludes: try reader.texts("prompt_excludes"),
            promptSpansLines: Self.spansLines(prompt, modes),
            confirmsPrompt: confirmsPrompt,
            repeatsEcho: repeatsEcho,
            modes: modes,
            defaultMode: try reader.defaultMode(in: modes),
            onOpen: try reader.instructions("on_open_instructions", modes: modes),
            onClose: try reader.instructions("on_close_instructions", modes: modes),
            signOnQuestions: try reader.signOnQuestions(lineEnding: lineEnding),
            asksForLogin: asksForLogin,
            pagers: pagers,
            passwordQuestion: passwordQuestion,
            question: question,
            failure: try reader.failure(),
            logMessage: try reader.combined("log_patterns", .anywhere)
        )
    }

    private static func spansLines(_ prompt: Pattern?, _ modes: [Mode]) -> Bool {
        var sources = modes.compactMap { mode in
            if case .pattern(let pattern) = mode.prompt { pattern.source } else { nil as String? }
        }
        if let prompt { sources.append(prompt.source) }
        return sources.contains { $0.contains("\\n") || $0.contains("\n") }
    }
}
