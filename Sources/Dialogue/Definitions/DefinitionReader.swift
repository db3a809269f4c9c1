/// Reads the parts of a definition that steer the dialogue.
struct DefinitionReader {
    private(set) var notes: [String] = []
    private var map: DefinitionMap
    /// A published definition: these have no name inside. Some name modes that they don't have; that becomes a note, where in any other file
    /// it is a mistake.
    private let isPublished: Bool

    init(_ map: DefinitionMap) {
        self.map = map
        self.isPublished = !map.values.contains { $0.key == "name" }
    }

    mutating func take(_ key: String) -> DefinitionNode? { self.map.take(key) }

    mutating func finish() -> [String] {
        // Known keys of published definitions that mean something to other programs only.
        for key in ["bypass_in_session_auth", "ntc_templates_platform", "genie_platform", "textfsm_platform"] {
            _ = self.map.take(key)
        }
        self.map.noteUnknownKeys(&self.notes)
        return self.notes
    }

    mutating func noteUnknownKeys(_ map: DefinitionMap) { map.noteUnknownKeys(&self.notes) }

    // MARK: Prompts and modes

    mutating func modes() throws(PlatformError) -> [Mode] {
        guard let list = self.map.take("modes") else { return [] }
        var modes: [Mode] = []
        for item in try list.list() {
            let mode = try self.mode(item)
            guard !modes.contains(where: { $0.name == mode.name }) else {
                throw item.error("expected each mode once; there are two named “\(mode.name)”")
            }
            modes.append(mode)
        }
        for mode in modes {
            for edge in mode.edges where !modes.contains(where: { $0.name == edge.target }) {
                throw list.error("mode “\(mode.name)” leads to “\(edge.target)”, which is not a mode of this file")
            }
        }
        return modes
    }

    private mutating func mode(_ node: DefinitionNode) throws(PlatformError) -> Mode {
        var map = try node.map()
        let name = try map.require("name", "the mode's name").nonEmptyString()
        let prompt: Mode.Prompt
        if let exact = map.take("prompt_exact") {
            prompt = .exact(Array(try exact.nonEmptyString().utf8).trimmed)
            // Published definitions give one of the two.
            _ = map.take("prompt_pattern")
        } else {
            let pattern = try map.require(
                "prompt_pattern", "a regular expression for the mode's prompt (or “prompt_exact”)")
            prompt = .pattern(try pattern.pattern(.ending))
        }
        var excludes: [String] = []
        if let node = map.take("prompt_excludes") { excludes = try node.strings() }
        var edges: [Mode.Edge] = []
        if let list = map.take("accessible_modes") {
            for item in try list.list() {
                var edge = try item.map()
                let target = try edge.require("name", "the name of the mode that is reached").nonEmptyString()
                let instructions = try edge.require("instructions", "a list of instructions")
                edges.append(Mode.Edge(target: target, instructions: try self.instructions(instructions)))
                edge.noteUnknownKeys(&self.notes)
            }
        }
        map.noteUnknownKeys(&self.notes)
        return Mode(name: name, prompt: prompt, excludes: excludes.map { Array($0.utf8) }, edges: edges)
    }

    /// The pattern for any prompt: the platform's own, or any of its modes', which published definitions don't always cover by the former.
    mutating func prompt(modes: [Mode], required: Bool) throws(PlatformError) -> Pattern? {
        var sources: [String] = []
        if let node = self.map.take("prompt_pattern") { sources.append(try node.pattern(.ending).source) }
        for mode in modes {
            switch mode.prompt {
            case .exact(let text): sources.append("^" + Pattern.quoting(String(decoding: text, as: UTF8.self)))
            case .pattern(let pattern): sources.append(pattern.source)
            }
        }
        guard !sources.isEmpty else {
            guard required else { return nil }
            throw self.map.node.error(
                "expected the key “prompt_pattern” or “modes”: how to recognise the platform's prompts")
        }
        return try self.alternatives(sources, extent: .ending)
    }

    mutating func defaultMode(in modes: [Mode]) throws(PlatformError) -> Int? {
        guard let node = self.map.take("default_mode") else { return nil }
        let name = try node.nonEmptyString()
        if let index = modes.firstIndex(where: { $0.name == name }) { return index }
        guard !modes.isEmpty else { return nil }
        guard self.isPublished else {
            throw node.error("expected one of the modes \(modes.map(\.name).joined(separator: ", ")), not “\(name)”")
        }
        // Where there is only one, it is clear which is meant; elsewhere the device stays where it is.
        self.notes.append(node.error("there is no mode “\(name)”, ignored").message)
        return modes.count == 1 ? 0 : nil
    }

    // MARK: Instructions

    mutating func instructions(_ key: String, modes: [Mode]) throws(PlatformError) -> [Instruction] {
        guard let node = self.map.take(key) else { return [] }
        let instructions = try self.instructions(node)
        for instruction in instructions {
            guard case .enterMode(let mode) = instruction, !modes.contains(where: { $0.name == mode }) else { continue }
            guard self.isPublished else { throw node.error("“\(mode)” is not a mode of this file") }
            self.notes.append(node.error("“\(mode)” is not a mode of this file, ignored").message)
        }
        return instructions
    }

    private mutating func instructions(_ node: DefinitionNode) throws(PlatformError) -> [Instruction] {
        var instructions: [Instruction] = []
        for item in try node.list() {
            var map = try item.map()
            if let write = map.take("write") {
                var body = try write.map()
                instructions.append(.write(try body.require("input", "what to send").string()))
                body.noteUnknownKeys(&self.notes)
            } else if let enter = map.take("enter_mode") {
                var body = try enter.map()
                instructions.append(.enterMode(try body.require("requested_mode", "a mode's name").nonEmptyString()))
                body.noteUnknownKeys(&self.notes)
            } else if let send = map.take("send_input") {
                var body = try send.map()
                instructions.append(.sendInput(try self.line(body.require("input", "what to send"))))
                body.noteUnknownKeys(&self.notes)
            } else if let send = map.take("send_prompted_input") {
                instructions.append(.sendPromptedInput(try self.promptedInput(send)))
            } else {
                throw item.error("expected one of write, enter_mode, send_input, send_prompted_input")
            }
            map.noteUnknownKeys(&self.notes)
        }
        return instructions
    }

    private mutating func promptedInput(_ node: DefinitionNode) throws(PlatformError) -> PromptedInput {
        var map = try node.map()
        let input = try self.line(map.require("input", "what to send"))
        let question: Pattern
        if let exact = map.take("prompt_exact") {
            _ = map.take("prompt_pattern")
            let text = String(decoding: Array(try exact.nonEmptyString().utf8).trimmed, as: UTF8.self)
            question = try self.alternatives([Pattern.quoting(text) + "[ \\t]*"], extent: .ending)
        } else {
            question = try map.require("prompt_pattern", "a regular expression for the question (or “prompt_exact”)")
                .pattern(.ending)
        }
        let response = try map.require("response", "the answer, or __lookup::enable").string()
        map.noteUnknownKeys(&self.notes)
        let lookup = "__lookup::"
        guard response.hasPrefix(lookup) else {
            return PromptedInput(input: input, question: question, response: .text(response))
        }
        let name = String(response.dropFirst(lookup.count))
        let secret = DialogueMachine.SecretName(rawValue: name)
        return PromptedInput(
            input: input,
            question: question,
            response: secret.map { .secret($0) } ?? .unknownSecret(name)
        )
    }

    /// A text that is sent as one line.
    private func line(_ node: DefinitionNode) throws(PlatformError) -> String {
        let text = try node.string()
        guard DialogueMachine.isSendable(text) else { throw node.error("expected one line without control characters") }
        return text
    }

    // MARK: Lists

    mutating func texts(_ key: String) throws(PlatformError) -> [[UInt8]] {
        guard let node = self.map.take(key) else { return [] }
        return try node.strings().map { Array($0.utf8) }
    }

    mutating func patterns(_ key: String, _ extent: Pattern.Extent = .anywhere) throws(PlatformError) -> [Pattern] {
        guard let node = self.map.take(key) else { return [] }
        return try node.patterns(extent)
    }

    /// Indicators are texts that may stand anywhere in a line, in the same case.
    mutating func failure() throws(PlatformError) -> Pattern? {
        var sources = try self.patterns("failure_patterns").map(\.source)
        if let node = self.map.take("failure_indicators") {
            for item in try node.list() { sources.append("(?-i:\(Pattern.quoting(try item.nonEmptyString())))") }
        }
        return sources.isEmpty ? nil : try self.alternatives(sources, extent: .anywhere)
    }

    /// The file's patterns under a key as one, or the default ones.
    mutating func combined(
        _ key: String,
        _ extent: Pattern.Extent,
        default sources: [String] = []
    ) throws(PlatformError) -> Pattern? {
        let own = try self.patterns(key).map(\.source)
        let all = own.isEmpty ? sources : own
        return all.isEmpty ? nil : try self.alternatives(all, extent: extent)
    }

    mutating func pagers() throws(PlatformError) -> [DialogueRules.Pager] {
        guard let list = self.map.take("pagers") else { return [] }
        var pagers: [DialogueRules.Pager] = []
        for item in try list.list() {
            var map = try item.map()
            let pattern = try map.require("pattern", "a regular expression for the pager's prompt").pattern(.ending)
            let key = try map.require("key", "what to press for the next page").nonEmptyString()
            map.noteUnknownKeys(&self.notes)
            pagers.append(DialogueRules.Pager(pattern: pattern, key: Array(key.utf8)))
        }
        return pagers
    }

    mutating func signOnQuestions(lineEnding: [UInt8]) throws(PlatformError) -> [DialogueRules.SignOnQuestion] {
        guard let list = self.map.take("sign_on_questions") else { return [] }
        var questions: [DialogueRules.SignOnQuestion] = []
        for item in try list.list() {
            var map = try item.map()
            let pattern = try map.require("pattern", "a regular expression for the question").pattern(.ending)
            var answer = Array(try map.require("answer", "what to type (may be an empty text)").string().utf8)
            if let enter = map.take("enter"), try !enter.bool() {
            } else {
                answer += lineEnding
            }
            map.noteUnknownKeys(&self.notes)
            questions.append(DialogueRules.SignOnQuestion(pattern: pattern, answer: answer))
        }
        return questions
    }

    /// One pattern for several.
    private func alternatives(_ sources: [String], extent: Pattern.Extent) throws(PlatformError) -> Pattern {
        do {
            return try Pattern(sources.map { "(?:\($0))" }.joined(separator: "|"), extent: extent)
        } catch {
            throw self.map.node.error("\(error)")
        }
    }
}
