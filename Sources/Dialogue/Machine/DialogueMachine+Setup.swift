/// The steps that nobody sees the output of: from the first prompt to readiness (the platform's default mode, then its opening instructions),
/// and later from mode to mode.
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

    mutating func changeMode(to name: String, _ actions: inout [Action]) {
        self.phase = .changingMode
        self.command = RunningCommand([], kind: .setup, stage: .output)
        self.refusal = nil
        guard self.rules.modeIndex(named: name) != nil else {
            let names = self.rules.modes.map { "“\($0.name)”" }.joined(separator: ", ")
            return self.refuse(
                "The definition of \(self.rules.platform) has no mode “\(name)”; it has \(names.isEmpty ? "none" : names).",
                &actions)
        }
        self.steps = [.instruction(.enterMode(name))]
        self.takeNextStep(&actions)
    }

    mutating func takeNextStep(_ actions: inout [Action]) {
        while let step = self.steps.popLast() {
            switch step {
            case .instruction(.write(let text)):
                actions.append(.send(self.line(text)))
            case .instruction(.sendInput(let text)):
                return self.start(Array(text.utf8), kind: .setup, CommandOptions(isGated: false), &actions)
            case .instruction(.sendPromptedInput(let input)):
                // Its response is looked up when the question has come.
                let options = CommandOptions(
                    isGated: false, answers: [Answer(to: input.question, .text(""))])
                return self.start(Array(input.input.utf8), kind: .setup, options, prompted: input, &actions)
            case .instruction(.enterMode(let name)):
                guard self.pushSteps(toMode: name, &actions) else { return }
            case .verify(let from, let to):
                guard self.verify(from: from, to: to, &actions) else { return }
            }
        }
        if self.phase == .settingUp {
            self.phase = .ready
            actions.append(.ready)
        } else if let next = self.next {
            self.next = nil
            self.phase = .running
            self.start(Array(next.text.utf8), kind: .command, next.options, &actions)
        } else {
            self.complete(failure: nil, .prompt, &actions)
        }
    }

    mutating func setupCommandFinished(_ actions: inout [Action]) {
        if let failure = self.command.failure {
            let text = String(decoding: self.command.text, as: UTF8.self)
            if self.phase == .settingUp { self.note("“\(text)” was refused: \(failure)") }
            self.refusal = failure
        }
        self.takeNextStep(&actions)
    }

    private mutating func pushSteps(toMode name: String, _ actions: inout [Action]) -> Bool {
        guard let goal = self.rules.modeIndex(named: name) else { return true }
        guard let mode = self.mode else {
            // A prompt that was recognised by its repetition only. Whatever mode it is, typing at it blindly would be worse.
            let problem =
                "The prompt “\(self.prompt.string)” belongs to no mode of \(self.rules.platform)"
            guard self.phase == .settingUp else {
                self.refuse("\(problem), so the way to mode “\(name)” is not known.", &actions)
                return false
            }
            self.note("\(problem); “\(name)” was not entered.")
            return true
        }
        guard let path = self.rules.path(from: mode, to: goal) else {
            let start = self.rules.modes[mode].name
            self.refuse(
                "The definition of \(self.rules.platform) has no way from mode “\(start)” to “\(name)”.",
                &actions)
            return false
        }
        self.refusal = nil
        for (from, edge, to) in path.reversed() {
            self.steps.append(.verify(from: from, to: to))
            self.steps += edge.instructions.reversed().map { .instruction($0) }
        }
        return true
    }

    private mutating func verify(from: Int, to: Int, _ actions: inout [Action]) -> Bool {
        let refusal = self.refusal
        self.refusal = nil
        // Where the prompt can be either mode's, it proves a move only if nothing was refused on the way.
        let isProof = refusal == nil || !self.possibleModes.contains(from)
        if self.possibleModes.contains(to), self.mode == to || isProof {
            self.mode = to
            return true
        }
        self.refuse(self.denial(from: from, to: to, refusal), &actions)
        return false
    }

    private func denial(from: Int, to: Int, _ refusal: String?) -> String {
        let words = self.recent.last(min(self.command.outputLines, 2)).map {
            String(decoding: $0, as: UTF8.self)
        }
        let reason = refusal ?? (words.isEmpty ? "no reason given" : words.joined(separator: " "))
        return """
            The device refused to go from mode “\(self.rules.modes[from].name)” to “\(self.rules.modes[to].name)”: \(reason). \
            Check the user's privilege and the enable secret.
            """
    }

    /// The mode that was asked for can't be reached: at sign-on that is the end, later the session goes on where it is.
    private mutating func refuse(_ message: String, _ actions: inout [Action]) {
        if self.phase == .settingUp {
            self.fail(.privilege(message), &actions)
        } else {
            self.complete(failure: message, .prompt, &actions)
        }
    }
}

extension DialogueError {
    static func privilege(_ message: String) -> DialogueError {
        DialogueError(code: "privilege.denied", message: message)
    }
}
