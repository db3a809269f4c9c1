/// Questions in the middle of a command.
extension DialogueMachine {
    /// The answer that the question at a line's end is for.
    mutating func expectedQuestion(in line: [UInt8]) -> Int? {
        guard !self.isAnswered else { return nil }
        for (index, answer) in self.command.options.answers.enumerated() {
            let isSpent = self.command.givenAnswers.contains(index) && !answer.repeats
            // In a change of mode the second question is told from an unexpected one: the secret was wrong.
            guard !isSpent || self.command.prompted != nil else { continue }
            guard self.start(of: answer.question, atEndOf: line) != nil else { continue }
            // Whatever the pattern says: a secret is never typed at a prompt.
            if answer.reply.isHidden, self.matchPrompt(self.rules.prompt, line) != nil { continue }
            return index
        }
        return nil
    }

    /// Whether the line that was answered is still nothing but the question, and what was typed behind it.
    var isAnswered: Bool {
        guard let answered = self.command.answeredLine else { return false }
        let line = self.terminal.bytes
        let text = self.command.answerText
        guard line.starts(with: answered.trimmed) else { return false }
        let rest = line.dropFirst(answered.count)
        if text.starts(with: rest) { return true }
        return (rest.starts(with: text) ? rest.dropFirst(text.count) : rest).allSatisfy { $0 == 0x20 }
    }

    /// The device has put a question that there is an answer to.
    mutating func answerQuestion(_ index: Int, _ actions: inout [Action]) {
        if let prompted = self.command.prompted { return self.answerPrompted(prompted, &actions) }
        let answer = self.command.options.answers[index]
        self.command.answerCount += 1
        guard self.command.answerCount <= RunningCommand.mostAnswers else {
            return self.leaveQuestion(
                .question(self.terminal.bytes, during: "the command, again and again"), &actions)
        }
        if case .secret(.enable) = answer.reply, !self.hasEnableSecret {
            let error = DialogueError.privilege(
                "The device asks for the enable secret, and the device's credential has none.")
            return self.leaveQuestion(error, &actions)
        }
        self.noteAnswer(index, isHidden: answer.reply.isHidden)
        let ending = answer.withReturn ? self.rules.lineEnding : []
        switch answer.reply {
        case .text(let text):
            self.command.answerText = Array(text.utf8)
            actions.append(.send(self.command.answerText + ending))
        case .hidden(let secret):
            actions.append(.send(secret() + ending))
        case .secret(let name):
            actions.append(.sendSecret(name))
        }
        self.wait(&actions)
    }

    private mutating func noteAnswer(_ index: Int, isHidden: Bool) {
        if self.command.stage == .submitted { self.giveUpEcho() }
        self.command.givenAnswers.insert(index)
        self.command.isLeading = false
        self.command.answeredLine = self.terminal.bytes
        self.command.answerText = []
        self.command.isHidden = isHidden
    }

    /// The device has put the question that an instruction of the definition foresees.
    private mutating func answerPrompted(_ prompted: PromptedInput, _ actions: inout [Action]) {
        guard self.command.givenAnswers.isEmpty else {
            // One try: a second wrong secret may lock the account.
            let message =
                "The device refused the secret for “\(prompted.input)” and asked again. Check the enable secret."
            return self.leaveQuestion(.privilege(message), &actions)
        }
        let secret: SecretName?
        switch prompted.response {
        case .text(let text):
            secret = nil
            if self.phase == .changingMode {
                let question = String(decoding: self.terminal.bytes.trimmed.suffix(200), as: UTF8.self)
                self.note("“\(prompted.input)” asked “\(question)”, and was answered “\(text)”.")
            }
            self.noteAnswer(0, isHidden: true)
            actions.append(.send(self.line(text)))
        case .secret(.enable) where !self.hasEnableSecret:
            return self.leaveQuestion(
                .privilege(
                    "The device asks for a secret after “\(prompted.input)”, and the device's credential has no enable secret."
                ),
                &actions
            )
        case .secret(let name):
            secret = name
        case .unknownSecret(let name):
            return self.leaveQuestion(
                .privilege(
                    "The definition of \(self.rules.platform) asks for a secret named “\(name)”; only “enable” and “login” exist."
                ),
                &actions
            )
        }
        if let secret {
            self.noteAnswer(0, isHidden: true)
            actions.append(.sendSecret(secret))
        }
        self.wait(&actions)
    }

    /// The device stands at a question that is not going to be answered.
    mutating func leaveQuestion(_ error: DialogueError, _ actions: inout [Action]) {
        let question = String(decoding: self.terminal.bytes.trimmed.suffix(200), as: UTF8.self)
        switch self.phase {
        case .running where self.command.options.abandonsQuestions, .changingMode:
            self.beginInterruption(.question(question), failure: error.message, &actions)
        case .closed, .signingOn, .settingUp, .ready, .running, .interrupting, .failed:
            self.fail(error, &actions)
        }
    }
}
