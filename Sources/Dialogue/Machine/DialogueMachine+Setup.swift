/// From the first prompt to readiness: the platform's default mode, then its opening instructions (paging off, width).
extension DialogueMachine {
    enum SetupStep: Sendable {
        case instruction(Instruction)
        /// After the instructions of a change of mode: the prompt must be the new mode's.
        case verify(from: Int, to: Int)
    }

    mutating func beginSetup(_ actions: inout [Action]) {
        self.phase = .settingUp
        self.steps = self.rules.onOpen.reversed().map { .instruction($0) }
        if let mode = self.rules.defaultMode {
            self.steps.append(.instruction(.enterMode(self.rules.modes[mode].name)))
        }
        self.takeNextStep(&actions)
    }

    mutating func takeNextStep(_ actions: inout [Action]) {
        while let step = self.steps.popLast() {
            switch step {
            case .instruction(.write(let text)):
                actions.append(.send(self.line(text)))
            case .instruction(.sendInput(let text)):
                return self.start(Array(text.utf8), kind: .setup, isGated: false, expecting: nil, &actions)
            case .instruction(.sendPromptedInput(let input)):
                return self.start(Array(input.input.utf8), kind: .setup, isGated: false, expecting: input, &actions)
            case .instruction(.enterMode(let name)):
                guard self.pushSteps(toMode: name, &actions) else { return }
            case .verify(let from, let to):
                guard self.verify(from: from, to: to, &actions) else { return }
            }
        }
        self.phase = .ready
        actions.append(.ready)
    }

    mutating func setupCommandFinished(_ actions: inout [Action]) {
        if let failure = self.command.failure {
            self.note("“\(String(decoding: self.command.text, as: UTF8.self))” was refused: \(failure)")
        }
        self.takeNextStep(&actions)
    }

    private mutating func pushSteps(toMode name: String, _ actions: inout [Action]) -> Bool {
        guard let goal = self.rules.modeIndex(named: name) else { return true }
        guard let mode = self.mode else {
            // A prompt that was recognised by its repetition only. Whatever mode it is, typing at it blindly would be worse.
            self.note(
                "The prompt “\(self.prompt.string)” belongs to no mode of \(self.rules.platform); “\(name)” was not entered."
            )
            return true
        }
        guard let path = self.rules.path(from: mode, to: goal) else {
            let start = self.rules.modes[mode].name
            self.fail(
                DialogueError(
                    code: "privilege.denied",
                    message: "The definition of \(self.rules.platform) has no way from mode “\(start)” to “\(name)”."
                ),
                &actions
            )
            return false
        }
        for (from, edge, to) in path.reversed() {
            self.steps.append(.verify(from: from, to: to))
            self.steps += edge.instructions.reversed().map { .instruction($0) }
        }
        return true
    }

    private mutating func verify(from: Int, to: Int, _ actions: inout [Action]) -> Bool {
        if self.mode == to { return true }
        if self.isPrompt(self.prompt.text, of: self.rules.modes[to]) {
            self.mode = to
            return true
        }
        self.fail(self.denied(from: from, to: to), &actions)
        return false
    }

    private func denied(from: Int, to: Int) -> DialogueError {
        let words = self.recent.last(min(self.command.outputLines, 2)).map { String(decoding: $0, as: UTF8.self) }
        let reason = words.isEmpty ? "no reason given" : words.joined(separator: " ")
        return DialogueError(
            code: "privilege.denied",
            message: """
                The device refused to go from mode “\(self.rules.modes[from].name)” to “\(self.rules.modes[to].name)”: \(reason). \
                Check the user's privilege and the enable secret.
                """
        )
    }

    /// The device has put the question that an instruction foresees.
    mutating func answerExpectedQuestion(_ actions: inout [Action]) {
        guard let expected = self.command.expected else { return }
        guard !self.command.isExpectedAnswered else {
            // One try: a second wrong secret may lock the account.
            return self.fail(
                DialogueError(
                    code: "privilege.denied",
                    message:
                        "The device refused the secret for “\(expected.input)” and asked again. Check the enable secret."
                ),
                &actions
            )
        }
        self.command.isExpectedAnswered = true
        self.command.isLeading = false
        // A device doesn't show a secret that is typed, but if it did, nobody should read it here.
        self.command.hidesLine = true
        switch expected.response {
        case .text(let text):
            actions.append(.send(self.line(text)))
        case .secret(.enable) where !self.hasEnableSecret:
            return self.fail(
                DialogueError(
                    code: "privilege.denied",
                    message:
                        "The device asks for a secret after “\(expected.input)”, and the device's credential has no enable secret."
                ),
                &actions
            )
        case .secret(let name):
            actions.append(.sendSecret(name))
        case .unknownSecret(let name):
            return self.fail(
                DialogueError(
                    code: "privilege.denied",
                    message:
                        "The definition of \(self.rules.platform) asks for a secret named “\(name)”; only “enable” and “login” exist."
                ),
                &actions
            )
        }
        self.expect(.setupStalled, after: DialogueTiming.setupSilence, &actions)
    }
}
