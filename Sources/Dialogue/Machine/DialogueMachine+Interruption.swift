/// From a command that is to stop to a proof that the session is in step again.
///
/// The proof: the device stands at a prompt, and answers an Enter with a line end and that prompt, and with nothing else. What was sent before
/// is answered before, so no answer is still to come then. Without proof the session fails: the next command's answer could be this one's.
extension DialogueMachine {
    struct Interruption: Sendable {
        var ending = Completion.Ending.interrupted
        var failure: String?
        var keys = 0
        var enters = 0
        /// The prompt that the Enter was sent on; `nil` while none is under way.
        var lineBeforeEnter: [UInt8]?
        /// The line before it, where that belongs to the prompt.
        var headerBeforeEnter: [UInt8]?
        var lineEndsSinceEnter = 0
        /// Something else than the prompt has come since the Enter.
        var isDisturbed = false
        /// Something has come since the timer was last started.
        var isMoving = false
        var extensions = 0

        static let mostKeys = 3
        static let mostEnters = 6
        /// How often a device that is still talking is waited for.
        static let mostExtensions = 10
    }

    /// Stops the running command or change of mode with the platform's interrupt key, and proves that the session is in step again:
    /// `.finished` with `Ending.interrupted`, or `.failed`. A command that is over already stays as it is.
    ///
    /// All waiting is bounded; the shell may still discard the session earlier. Before the return key of a command was sent, and during the
    /// sign-on, the session fails at once: nobody knows what stands in the device's input line then, and an Enter could run it.
    package mutating func interrupt(_ actions: inout [Action]) {
        switch self.phase {
        case .closed, .ready, .interrupting, .failed:
            break
        case .signingOn, .settingUp:
            self.fail(.interrupt("The sign-on was interrupted."), &actions)
        case .running where self.command.stage == .typed:
            self.fail(.interrupt("The command was interrupted before its return key was sent."), &actions)
        case .changingMode, .running:
            self.beginInterruption(.interrupted, failure: nil, &actions)
        }
    }

    mutating func beginInterruption(
        _ ending: Completion.Ending, failure: String?, _ actions: inout [Action]
    ) {
        // What is known to be output leaves; what is still open isn't worth a doubt.
        if self.command.stage == .output || self.command.stage == .probing { self.releaseHeld() }
        self.flushPending()
        if case .question = ending, self.command.kind == .command, self.command.stage == .output {
            // The question was printed, and it is whole.
            self.output += self.terminal.bytes
        }
        self.command.held = []
        self.command.cut = nil
        self.terminal.echo = nil
        self.handOutOutput(&actions)
        self.phase = .interrupting
        self.interruption = Interruption(ending: ending, failure: failure)
        self.pressInterrupt(&actions)
    }

    private mutating func pressInterrupt(_ actions: inout [Action]) {
        let keys = self.rules.interruptKeys
        guard self.interruption.keys < max(Interruption.mostKeys, keys.count) else {
            return self.fail(
                .interrupt(
                    """
                    The device did not come back to its prompt after the interrupt key, so the session can't be used any more. \
                    Received last: \(self.tail)
                    """),
                &actions
            )
        }
        // A pager may have a key of its own for leaving, and on those that don't, this one isn't a command either.
        let isAtPager = self.rules.pagers.contains {
            self.start(of: $0.pattern, atEndOf: self.terminal.bytes) != nil
        }
        actions.append(
            .send(isAtPager ? [UInt8(ascii: "q")] : keys[self.interruption.keys % keys.count]))
        self.interruption.keys += 1
        self.interruption.lineBeforeEnter = nil
        self.awaitAnswer(&actions)
    }

    private mutating func awaitAnswer(_ actions: inout [Action]) {
        self.interruption.isMoving = false
        self.expect(.interruptUnanswered, after: DialogueTiming.interrupt, &actions)
    }

    // MARK: Lines

    mutating func interruptionLineEnded() {
        let line = self.terminal.bytes
        self.interruption.isMoving = true
        self.rememberLine(line)
        let isFirst = self.interruption.lineEndsSinceEnter == 0
        self.interruption.lineEndsSinceEnter += 1
        if let before = self.interruption.lineBeforeEnter, !line.isBlank,
            !(isFirst && line.isText(before)),
            !(self.interruption.headerBeforeEnter.map { line.isText($0) } ?? false)
        {
            self.interruption.isDisturbed = true
        }
        if self.command.isHidden {
            self.command.isHidden = false
        } else {
            self.recent.append(line)
        }
        self.command.answeredLine = nil
    }

    mutating func assessInterruption(_ actions: inout [Action]) {
        self.interruption.isMoving = true
        let line = self.terminal.bytes
        if !self.command.isHidden, self.isPromptLike(line) {
            self.expect(.interruptedPrompt, after: DialogueTiming.interruptedPrompt, &actions)
        } else if case .interruptUnanswered = self.belief {
        } else {
            self.expect(.interruptUnanswered, after: DialogueTiming.interrupt, &actions)
        }
    }

    /// A prompt, or something behind which the known prompt stands (`^Cr1#`).
    private mutating func isPromptLike(_ line: [UInt8]) -> Bool {
        let count = line.trimmedCount
        guard count > 0, count <= Self.longestPrompt, !self.terminal.isCut else { return false }
        let known = self.prompt.text
        if !known.isEmpty, count == known.count || (known.count > 2 && count > known.count),
            line[..<count].suffix(known.count).elementsEqual(known)
        {
            return true
        }
        for pager in self.rules.pagers where self.start(of: pager.pattern, atEndOf: line) != nil {
            return false
        }
        guard !self.isQuestion(line) else { return false }
        return self.matchPrompt(self.rules.prompt, line) != nil
    }

    // MARK: Timers

    mutating func actInInterruption(on belief: Belief, _ actions: inout [Action]) {
        let line = self.terminal.bytes
        switch belief {
        case .interruptedPrompt:
            if self.isProven(line) {
                self.learnPrompt(line)
                self.hasPrevious = false
                return self.complete(failure: self.interruption.failure, self.interruption.ending, &actions)
            }
            guard self.interruption.enters < Interruption.mostEnters else {
                return self.pressInterrupt(&actions)
            }
            self.interruption.enters += 1
            self.interruption.lineBeforeEnter = line.trimmed
            self.interruption.headerBeforeEnter =
                self.matchPrompt(self.rules.prompt, line) == .lineAndPrevious ? self.previous : nil
            self.interruption.lineEndsSinceEnter = 0
            self.interruption.isDisturbed = false
            actions.append(.send(self.rules.lineEnding))
            self.awaitAnswer(&actions)
        case .interruptUnanswered:
            if self.interruption.isMoving, self.interruption.extensions < Interruption.mostExtensions {
                self.interruption.extensions += 1
                return self.awaitAnswer(&actions)
            }
            self.pressInterrupt(&actions)
        default:
            break
        }
    }

    private func isProven(_ line: [UInt8]) -> Bool {
        guard let before = self.interruption.lineBeforeEnter, self.interruption.lineEndsSinceEnter > 0,
            !self.interruption.isDisturbed
        else {
            return false
        }
        let prompt = line.trimmed
        return before.suffix(prompt.count).elementsEqual(prompt)
    }

    // MARK: The end of the session

    /// The shell was closed, by the device or on the way. Completes a command that was declared to end the session, if the device has
    /// taken it in; otherwise `.failed`. Takes no more events.
    package mutating func closed(_ actions: inout [Action]) {
        switch self.phase {
        case .closed, .failed: return
        case .running where self.command.options.endsSession && self.isTakenIn: break
        case .signingOn, .settingUp, .ready, .changingMode, .running, .interrupting:
            self.handOutRest(&actions)
            return self.fail(
                DialogueError(
                    code: "session.lost",
                    message:
                        "The device, or something on the way to it, closed the session. Received last: \(self.tail)"
                ),
                &actions)
        }
        self.handOutRest(&actions)
        self.checkLastLines()
        self.stopWaiting(&actions)
        self.phase = .closed
        actions.append(
            .finished(
                Completion(failure: self.command.failure, prompt: self.prompt.string, ending: .sessionEnded)
            )
        )
    }

    /// Whether the device has the whole command, return key and all, and isn't waiting for an answer to a question about it.
    private var isTakenIn: Bool {
        mutating get {
            let line = self.terminal.bytes
            switch self.command.stage {
            case .typed: return false
            case .submitted:
                return self.echoHabit == .silent || self.terminal.echo?.isComplete ?? false
                    || self.isEcho(line, needsPrompt: false)
            case .echoed: return true
            case .output, .probing:
                return self.command.isHidden || self.isAnswered || !self.isQuestion(line)
            }
        }
    }

    /// What was printed last, with or without a line end.
    private mutating func handOutRest(_ actions: inout [Action]) {
        guard self.phase == .running else { return }
        switch self.command.stage {
        case .typed, .submitted, .echoed: return
        case .output, .probing: break
        }
        if !self.command.held.isEmpty { self.releaseHeld() }
        self.release(
            (self.command.isHidden ? self.command.answeredLine ?? [] : self.terminal.bytes)[...])
        self.flushPending()
        self.handOutOutput(&actions)
    }
}
