/// Reads what a definition says about configuring, saving and copying.
extension DefinitionReader {
    mutating func configuration(modes: [Mode]) throws(PlatformError) -> ConfigurationProcedure? {
        guard let node = self.take("configuration") else { return nil }
        var map = try node.map()
        let mode = try self.modeName(
            map.require("mode", "the mode that configuration lines are typed in"), modes)
        let commit = try self.steps(map.take("commit"), modes)
        let commitConfirmed = try self.steps(
            map.take("commit_confirmed"), modes, [.minutes, .seconds, .time])
        let confirm = try self.steps(map.take("confirm"), modes)
        guard commitConfirmed.isEmpty == confirm.isEmpty else {
            throw node.error("expected both “commit_confirmed” and “confirm”, or neither")
        }
        let procedure = ConfigurationProcedure(
            mode: mode,
            commit: commit,
            commitConfirmed: commitConfirmed,
            confirm: confirm,
            abort: try self.steps(map.take("abort"), modes),
            diff: try self.steps(map.take("diff"), modes),
            texts: try self.texts(map.take("texts"))
        )
        self.noteUnknownKeys(map)
        return procedure
    }

    private mutating func texts(_ list: DefinitionNode?) throws(PlatformError) -> [MultiLineText] {
        var texts: [MultiLineText] = []
        for item in try list?.list() ?? [] {
            var map = try item.map()
            let pattern = try map.require("pattern", "a regular expression for the line up to the delimiter").pattern()
            let end = try map.take("end")?.nonEmptyString()
            let invitation = try map.take("invitation")?.pattern()
            self.noteUnknownKeys(map)
            texts.append(
                MultiLineText(pattern: pattern, end: end.map { .line($0) } ?? .delimiter, invitation: invitation))
        }
        return texts
    }

    mutating func save(modes: [Mode]) throws(PlatformError) -> [CommandStep] {
        try self.steps(self.take("save"), modes)
    }

    mutating func backup(modes: [Mode]) throws(PlatformError) -> [CommandStep] {
        try self.steps(self.take("backup"), modes)
    }

    mutating func fileTransfer(modes: [Mode]) throws(PlatformError) -> FileTransferMethod {
        guard let node = self.take("file_transfer") else {
            return FileTransferMethod(transport: .sftp, directory: "", checksum: nil)
        }
        var map = try node.map()
        let transport = try map.require("method", "sftp, scp or none")
            .choice(FileTransferMethod.Transport.allCases.map { ($0.rawValue, $0) })
        let directory = try map.take("directory")?.nonEmptyString() ?? ""
        var checksum: FileTransferMethod.Checksum?
        if let node = map.take("checksum") {
            var map = try node.map()
            let algorithm = try map.require("algorithm", "md5, sha1, sha256 or sha512")
                .choice(FileTransferMethod.Checksum.Algorithm.allCases.map { ($0.rawValue, $0) })
            let mode = try map.take("mode").map { node throws(PlatformError) in
                try self.modeName(node, modes)
            }
            let command = try self.command(map.require("command", "a command with {path} in it"), [.path])
            checksum = .init(
                algorithm: algorithm, step: CommandStep(command: command, mode: mode, answers: []))
            self.noteUnknownKeys(map)
        }
        self.noteUnknownKeys(map)
        return FileTransferMethod(transport: transport, directory: directory, checksum: checksum)
    }

    // MARK: Steps

    /// A list of commands, each a text, or a map of `command`, `mode` and `answers`.
    private mutating func steps(
        _ list: DefinitionNode?,
        _ modes: [Mode],
        _ placeholders: [CommandStep.Placeholder] = []
    ) throws(PlatformError) -> [CommandStep] {
        guard let list else { return [] }
        var steps: [CommandStep] = []
        for item in try list.list() {
            guard item.node.mapping != nil else {
                let command = try self.command(item, placeholders)
                steps.append(CommandStep(command: command, mode: nil, answers: []))
                continue
            }
            var map = try item.map()
            let command = try self.command(map.require("command", "what to send"), placeholders)
            let mode = try map.take("mode").map { node throws(PlatformError) in
                try self.modeName(node, modes)
            }
            var answers: [Answer] = []
            for node in try map.take("answers")?.list() ?? [] { answers.append(try self.answer(node)) }
            self.noteUnknownKeys(map)
            steps.append(CommandStep(command: command, mode: mode, answers: answers))
        }
        return steps
    }

    private mutating func answer(_ node: DefinitionNode) throws(PlatformError) -> Answer {
        var map = try node.map()
        let pattern = try map.require("pattern", "a regular expression for the question").pattern(
            .ending)
        let text = try map.require("answer", "what to type (may be an empty text)").string()
        let withReturn = try map.take("enter")?.bool() ?? true
        self.noteUnknownKeys(map)
        return Answer(to: pattern, .text(text), withReturn: withReturn)
    }

    private func command(
        _ node: DefinitionNode,
        _ placeholders: [CommandStep.Placeholder]
    ) throws(PlatformError) -> String {
        let text = try node.nonEmptyString()
        guard DialogueMachine.isSendable(text) else {
            throw node.error("expected one line without control characters")
        }
        for placeholder in CommandStep.Placeholder.allCases
        where text.contains("{\(placeholder.rawValue)}") {
            guard placeholders.contains(placeholder) else {
                throw node.error("“{\(placeholder.rawValue)}” has no meaning here")
            }
        }
        return text
    }

    private func modeName(_ node: DefinitionNode, _ modes: [Mode]) throws(PlatformError) -> String {
        let name = try node.nonEmptyString()
        guard modes.contains(where: { $0.name == name }) else {
            throw node.error(
                "expected one of the modes \(modes.map(\.name).joined(separator: ", ")), not “\(name)”")
        }
        return name
    }
}
