import Jobs

/// One thing that a job asks for: an operation as such, a line to type, or an answer. Each is judged for itself.
struct PolicyPart: Sendable {
    enum Content: Sendable {
        /// The operation as such.
        case nothing
        /// A command or a configuration line of the job.
        case line(EffectiveLine)
        /// A line that the worker types by the platform's definition.
        case typed(EffectiveLine)
        /// What is to be answered to a question.
        case answer(EffectiveLine)
    }

    /// Where it stands in the job's operation, for messages. The text itself may hold a secret.
    var path: String
    /// The step's type.
    var operation: String
    /// The step's.
    var effect: Effect
    var content: Content
}

extension PolicyPart {
    /// All parts of an operation whose sequences have their commands.
    static func parts(of operation: Operation, on platform: PolicyPlatform) -> [PolicyPart] {
        guard case .steps(let steps) = operation else { return Self.parts(of: operation, "", platform) }
        return steps.enumerated().flatMap { index, step in Self.parts(of: step, "steps[\(index)].", platform) }
    }

    private static func parts(of step: Operation, _ prefix: String, _ platform: PolicyPlatform) -> [PolicyPart] {
        let effect = step.defaultEffect(isReadOnly: platform.isReadOnly)
        var parts: [PolicyPart] = []

        func add(_ path: String, _ content: Content) {
            parts.append(PolicyPart(path: prefix + path, operation: step.type, effect: effect, content: content))
        }
        func add(_ answers: [Answer], _ path: String) {
            for (index, answer) in answers.enumerated() {
                let text =
                    switch answer.reply {
                    case .text(let text): text
                    case .credential(let part): "{\(part.rawValue)}"
                    }
                add("\(path)answers[\(index)]", .answer(EffectiveLine(text, platform.syntax)))
            }
        }
        func add(_ command: Command, _ path: String) {
            add(path, .line(EffectiveLine(command.text, platform.syntax)))
            add(command.answers, "\(path).")
            // `copy tftp:`, and `running-config` where the device asks for the name.
            let texts = command.answers.compactMap { answer in
                if case .text(let text) = answer.reply { text } else { nil }
            }
            guard !texts.isEmpty else { return }
            let whole = ([command.text] + texts).joined(separator: " ")
            add(path, .typed(EffectiveLine(whole, platform.syntax)))
        }
        func add(_ commands: [Command], _ path: String) {
            for (index, command) in commands.enumerated() { add(command, "\(path)[\(index)]") }
            guard platform.syntax.hasMenus, commands.count > 1 else { return }
            let whole = commands.map(\.text).joined(separator: " ")
            add(path, .typed(EffectiveLine(whole, platform.syntax)))
        }

        switch step {
        case .run(let commands): add(commands, "commands")
        case .sequence(let sequence): add(sequence.commands, "the sequence's commands")
        case .configure(let configure):
            let lines: [String] =
                switch configure.lines {
                case .none: []
                case .list(let lines): lines
                case .text(let text): text.split(whereSeparator: \.isNewline).map(String.init)
                }
            let commands = lines.map { Command($0) }.filter { !$0.text.allSatisfy(\.isWhitespace) }
            if commands.isEmpty { add("configure", .nothing) }
            add(commands, "lines")
            add(configure.answers, "")
            if configure.saving == .onSuccess {
                for command in platform.save { add("save", .typed(EffectiveLine(command, platform.syntax))) }
            }
        case .backup:
            add("backup", .nothing)
            for command in platform.backup { add("backup", .typed(EffectiveLine(command, platform.syntax))) }
        case .diff(let diff):
            if let command = diff.command {
                add(command, "command")
            } else {
                add("diff", .nothing)
                for command in platform.backup { add("diff", .typed(EffectiveLine(command, platform.syntax))) }
            }
        case .check(let assertions):
            for (index, assertion) in assertions.enumerated() { add(assertion.command, "assertions[\(index)].command") }
        case .upload, .download, .probe, .close, .steps: add(step.type, .nothing)
        }
        return parts
    }

    /// Addresses that an operation names.
    static func urls(of operation: Operation) -> [String] {
        let steps = if case .steps(let steps) = operation { steps } else { [operation] }
        return steps.compactMap { step in
            switch step {
            case .upload(let upload): if case .url(let url, _) = upload.source { url } else { nil }
            case .download(let download): if case .url(let url) = download.destination { url } else { nil }
            default: nil
            }
        }
    }
}
