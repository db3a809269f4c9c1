/// From the opened shell to the first prompt.
///
/// In the plain case, a last line that is a prompt by the platform's pattern and no such line before it, the first prompt costs no round
/// trip: the commands of the set-up change nothing, and their echo and prompt are the proof. In all others a line is the first prompt when
/// the device repeats it after an Enter, which also finds prompts that no pattern foresees.
extension DialogueMachine {
    struct SignOn: Sendable {
        var enters = 0
        /// The line that the last Enter was sent on; `nil` if it was blank.
        var lineBeforeEnter: [UInt8]?
        var lineEndsSinceEnter = 0
        /// A line before the last one looked like a prompt.
        var sawPromptLike = false
        /// The last line that isn't blank, while no question has been answered on it.
        var lastLine: [UInt8]?
        var answers = 0
        /// The unterminated line that has been answered.
        var answeredLine: [UInt8]?
        var isSecretSent = false

        static let mostEnters = 6
        static let mostAnswers = 8
    }

    mutating func signOnLineEnded() {
        let line = self.terminal.bytes
        self.signOn.lineEndsSinceEnter += 1
        if !line.isBlank {
            if !self.signOn.sawPromptLike, self.matchPrompt(self.rules.prompt, line) != nil {
                self.signOn.sawPromptLike = true
            }
            let isAnswered = self.signOn.answeredLine.map { line.starts(with: $0) } ?? false
            self.signOn.lastLine = isAnswered ? nil : Array(line.prefix(Self.longestPrompt))
        }
        self.signOn.answeredLine = nil
        self.rememberLine(line)
        self.recent.append(line)
    }

    mutating func assessSignOn(_ actions: inout [Action]) {
        let line = self.terminal.bytes
        if line.isBlank {
            if let last = self.signOn.lastLine, let question = self.signOnQuestion(in: last) {
                self.expect(.signOnQuestion(question), after: DialogueTiming.signOnQuestion, &actions)
            } else {
                self.expect(.signOnStalled, after: self.signOnPatience, &actions)
            }
            return
        }
        if let answered = self.signOn.answeredLine, line.starts(with: answered) {
            return self.expect(.signOnStalled, after: self.signOnPatience, &actions)
        }
        for (index, pager) in self.rules.pagers.enumerated() {
            guard let start = self.start(of: pager.pattern, atEndOf: line) else { continue }
            return self.expect(.pager(index, at: start), after: DialogueTiming.drain, &actions)
        }
        if let question = self.signOnQuestion(in: line) {
            return self.expect(.signOnQuestion(question), after: DialogueTiming.signOnQuestion, &actions)
        }
        if self.rules.asksForLogin, !self.signOn.isSecretSent,
            self.start(of: self.rules.passwordQuestion, atEndOf: line) != nil
        {
            return self.expect(.loginQuestion, after: DialogueTiming.signOnQuestion, &actions)
        }
        if self.isQuestion(line) {
            return self.expect(.question, after: DialogueTiming.question, &actions)
        }
        if let before = self.signOn.lineBeforeEnter, self.signOn.lineEndsSinceEnter > 0, line.isText(before) {
            return self.expect(.firstPrompt, after: DialogueTiming.drain, &actions)
        }
        guard self.matchPrompt(self.rules.prompt, line) != nil else {
            return self.expect(.signOnStalled, after: self.signOnPatience, &actions)
        }
        if self.rules.confirmsPrompt || self.signOn.sawPromptLike || self.signOn.enters > 0 {
            self.expect(.firstPromptInDoubt, after: DialogueTiming.strangePrompt, &actions)
        } else {
            self.expect(.firstPrompt, after: DialogueTiming.drain, &actions)
        }
    }

    mutating func actInSignOn(on belief: Belief, _ actions: inout [Action]) {
        let line = self.terminal.bytes
        switch belief {
        case .firstPrompt:
            self.learnPrompt(line)
            self.signOn = SignOn()
            self.beginSetup(&actions)
        case .firstPromptInDoubt, .signOnStalled:
            self.sendSignOnEnter(&actions)
        case .signOnQuestion(let question):
            guard self.signOn.answers < SignOn.mostAnswers else {
                return self.fail(
                    .question(line.isBlank ? self.signOn.lastLine ?? [] : line, during: "sign-on, again and again"),
                    &actions)
            }
            self.signOn.answers += 1
            self.signOn.lastLine = nil
            self.signOn.answeredLine = line.isBlank ? nil : line
            actions.append(.send(self.rules.signOnQuestions[question].answer))
            self.expect(.signOnStalled, after: self.signOnPatience, &actions)
        case .loginQuestion:
            self.signOn.isSecretSent = true
            self.signOn.answeredLine = line
            actions.append(.sendSecret(.login))
            self.expect(.signOnStalled, after: self.signOnPatience, &actions)
        case .pager(let index, let start):
            self.terminal.answerPager(at: start)
            actions.append(.send(self.rules.pagers[index].key))
            self.expect(.signOnStalled, after: self.signOnPatience, &actions)
        case .question:
            self.fail(.question(line, during: "sign-on"), &actions)
        case .echoMissing, .prompt, .buriedPrompt, .probeUnanswered, .expectedQuestion, .setupStalled,
            .interruptUnanswered, .interruptedPrompt:
            break
        }
    }

    private mutating func sendSignOnEnter(_ actions: inout [Action]) {
        guard self.signOn.enters < SignOn.mostEnters else {
            let error = DialogueError(
                code: "prompt.timeout",
                message: """
                    No prompt of a \(self.rules.platform) device was recognised after sign-on. Check the device's platform in the \
                    inventory. Received last: \(self.tail)
                    """
            )
            return self.fail(error, &actions)
        }
        let line = self.terminal.bytes
        self.signOn.enters += 1
        self.signOn.lineBeforeEnter = line.isBlank || self.terminal.isCut ? nil : line.trimmed
        self.signOn.lineEndsSinceEnter = 0
        actions.append(.send(self.rules.lineEnding))
        self.expect(.signOnStalled, after: self.signOnPatience, &actions)
    }

    private var signOnPatience: Duration { DialogueTiming.signOnSilence * (1 << min(self.signOn.enters, 3)) }

    private mutating func signOnQuestion(in line: [UInt8]) -> Int? {
        for (index, question) in self.rules.signOnQuestions.enumerated() {
            if self.start(of: question.pattern, atEndOf: line) != nil { return index }
        }
        return nil
    }
}

extension DialogueError {
    static func question(_ line: [UInt8], during occasion: String) -> DialogueError {
        let text = String(decoding: line.trimmed.suffix(200), as: UTF8.self)
        return DialogueError(
            code: "dialogue.question",
            message:
                "The device asked “\(text)” during \(occasion), and nobody said what to answer. Nothing was answered."
        )
    }
}
