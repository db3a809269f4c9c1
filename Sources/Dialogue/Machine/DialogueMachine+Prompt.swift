/// What the last, unterminated line is.
extension DialogueMachine {
    enum Reading {
        case nothing
        case knownPrompt(consumesPrevious: Bool)
        /// A prompt of the same device in another mode.
        case changedPrompt(consumesPrevious: Bool)
        /// A prompt by its pattern only.
        case strangePrompt
        /// The known prompt, behind text without a line end.
        case promptBehindText
        case pager(Int, at: Int)
        /// One that the answer of this index is for.
        case expectedQuestion(Int)
        case question

        var isPrompt: Bool {
            switch self {
            case .knownPrompt, .changedPrompt: true
            case .nothing, .strangePrompt, .promptBehindText, .pager, .expectedQuestion, .question: false
            }
        }
    }

    enum PromptMatch {
        case line
        /// The line before belongs to the prompt.
        case lineAndPrevious
    }

    /// No prompt is longer, so that no pattern ever sees a long line.
    static let longestPrompt = 512

    mutating func readLastLine() -> Reading {
        let line = self.terminal.bytes
        let count = line.trimmedCount
        guard count > 0 else { return .nothing }
        let known = self.prompt.text
        if !self.terminal.isCut, count == known.count, line.starts(with: known) {
            // Only the pattern can tell whether the line before belongs to the prompt.
            guard self.rules.promptSpansLines else { return .knownPrompt(consumesPrevious: false) }
            switch self.matchPrompt(self.rules.prompt, line) {
            case .lineAndPrevious: return .knownPrompt(consumesPrevious: true)
            case .line: return .knownPrompt(consumesPrevious: false)
            // Half a prompt, where a whole one was known.
            case nil where self.promptHeader != nil: return .strangePrompt
            case nil: return .knownPrompt(consumesPrevious: false)
            }
        }
        if count <= Self.longestPrompt, !self.terminal.isCut {
            for (index, pager) in self.rules.pagers.enumerated() {
                if let start = self.start(of: pager.pattern, atEndOf: line) { return .pager(index, at: start) }
            }
            if let index = self.expectedQuestion(in: line) { return .expectedQuestion(index) }
            if self.isQuestion(line), !self.isAnswered { return .question }
            if let match = self.matchPrompt(self.rules.prompt, line) {
                return self.prompt.isConsistent(with: Array(line[..<count]))
                    ? .changedPrompt(consumesPrevious: match == .lineAndPrevious) : .strangePrompt
            }
            if self.prompt.mayBecome(Array(line[..<count])) { return .strangePrompt }
        }
        // A prompt of one or two characters says too little.
        if known.count > 2, count > known.count, line[..<count].suffix(known.count).elementsEqual(known) {
            return .promptBehindText
        }
        return .nothing
    }

    /// Whether a question stands at the end of a line that would otherwise be taken for a prompt or an answer.
    mutating func isQuestion(_ line: [UInt8]) -> Bool {
        self.start(of: self.rules.question, atEndOf: line) != nil
    }

    /// Where a pattern's match begins that reaches to the line's end, with or without the blanks there.
    mutating func start(of pattern: Pattern, atEndOf line: [UInt8]) -> Int? {
        let count = line.trimmedCount
        var outcome = line.withUnsafeBytes { pattern.firstMatch(in: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        if outcome == .noMatch, count < line.count { outcome = pattern.firstMatch(in: line) }
        switch outcome {
        case .matched(let range): return range.lowerBound < count ? range.lowerBound : nil
        case .noMatch: return nil
        case .abandoned:
            self.note("A pattern of \(self.rules.platform) takes too long and was given up: /\(pattern.source)/")
            return nil
        }
    }

    /// Whether a whole line, or with the line before it where patterns span lines, is a prompt by a pattern.
    mutating func matchPrompt(_ pattern: Pattern, _ line: [UInt8]) -> PromptMatch? {
        guard !line.isEmpty, line.count <= Self.longestPrompt else { return nil }
        for exclude in self.rules.promptExcludes where line.contains(text: exclude) { return nil }
        guard self.rules.promptSpansLines, self.hasPrevious, self.previous.count <= Self.longestPrompt else {
            return self.start(of: pattern, atEndOf: line) == 0 ? .line : nil
        }
        let start = self.start(of: pattern, atEndOf: self.previous + [0x0A] + line)
        if start == 0 { return .lineAndPrevious }
        return start == self.previous.count + 1 ? .line : nil
    }

    // MARK: Modes

    private mutating func matchPrompt(of mode: Mode, _ text: [UInt8]) -> PromptMatch? {
        for exclude in mode.excludes where text.contains(text: exclude) { return nil }
        switch mode.prompt {
        case .exact(let exact): return text.isText(exact) ? .line : nil
        case .pattern(let pattern): return self.matchPrompt(pattern, text)
        }
    }

    /// Takes a line for the device's prompt from now on. The mode is the one before if that has such a prompt too, otherwise the first one
    /// of the platform that has.
    mutating func learnPrompt(_ line: [UInt8]) {
        var header: [UInt8]?
        if self.rules.promptSpansLines, self.matchPrompt(self.rules.prompt, line) == .lineAndPrevious {
            header = self.previous
        }
        // On some platforms only the line before tells the mode.
        guard !line.isText(self.prompt.text) || header != self.promptHeader else { return }
        self.prompt = KnownPrompt(line)
        self.promptHeader = header
        let matches = self.rules.modes.map { self.matchPrompt(of: $0, line) }
        // A pattern that knows both lines of a prompt says more than one that knows the last.
        let best: PromptMatch = matches.contains(.lineAndPrevious) ? .lineAndPrevious : .line
        self.possibleModes = matches.indices.filter { matches[$0] == best }
        if let mode = self.mode, self.possibleModes.contains(mode) { return }
        self.mode = self.possibleModes.first
    }
}
