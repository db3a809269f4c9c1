/// What of the received lines is output, and when it may leave.
extension DialogueMachine {
    mutating func outputLineEnded(_ line: [UInt8]) {
        if self.isTypedText(line) { return }
        if self.command.isLeading, !self.terminal.isCut {
            // Some devices draw the line again when the return key comes, or show twice what was typed ahead.
            if self.isRepeatedEcho(line) {
                self.repeatsEcho = true
                return
            }
            self.command.isLeading = false
        }
        if self.command.cut != nil {
            self.holdAfterPrompt(line)
        } else if !self.terminal.isCut, self.prompt.mayBegin(line), self.beginsHolding(line) {
            self.command.cut = 0
            self.hold(line)
        } else {
            self.emit(line)
        }
    }

    private func isRepeatedEcho(_ line: [UInt8]) -> Bool {
        let prompt = self.prompt.text
        let text = self.command.text
        guard !prompt.isEmpty, !text.isEmpty, line.starts(with: prompt) else { return false }
        return line.dropFirst(prompt.count).drop { $0 == 0x20 }.elementsEqual(text)
    }

    // MARK: A prompt with log messages behind it

    /// A log message that comes after the prompt pushes it up, and no other prompt follows. So a line that is the prompt, or the prompt with
    /// a log message behind it, is held back with what follows until it is clear whether it ended the command.
    private mutating func beginsHolding(_ line: [UInt8]) -> Bool {
        let prompt = self.prompt.text
        if !prompt.isEmpty, line.starts(with: prompt) {
            let rest = line.dropFirst(prompt.count).drop { $0 == 0x20 }
            if rest.isEmpty || self.isLogMessage(Array(rest)) {
                self.noteCut(prompt)
                self.command.holdsOther = false
                self.command.holdsLogs = !rest.isEmpty
                return true
            }
            self.command.sawPromptInOutput = true
            return false
        }
        guard self.matchPrompt(self.rules.prompt, line) != nil, self.prompt.isConsistent(with: line.trimmed) else {
            return false
        }
        self.noteCut(line.trimmed)
        self.command.holdsOther = false
        self.command.holdsLogs = false
        return true
    }

    private mutating func noteCut(_ prompt: [UInt8]) {
        self.command.cutPrompt = prompt
        self.command.cutHeader =
            self.matchPrompt(self.rules.prompt, prompt) == .lineAndPrevious ? self.previous : nil
    }

    private func isCutHeader(_ line: [UInt8]) -> Bool {
        guard let header = self.command.cutHeader ?? self.promptHeader else { return false }
        return line.isText(header)
    }

    private mutating func holdAfterPrompt(_ line: [UInt8]) {
        self.hold(line)
        if self.isLogMessage(line) {
            self.command.holdsLogs = true
        } else if !line.isBlank, !line.isText(self.command.cutPrompt), !self.isCutHeader(line) {
            self.command.holdsOther = true
        }
        // So much behind a prompt is output that holds a prompt-like line.
        if self.command.heldLines > RunningCommand.mostHeldLines
            || self.command.held.count > RunningCommand.mostHeldBytes
        {
            self.releaseHeld()
        }
    }

    private func isLogMessage(_ line: [UInt8]) -> Bool {
        guard let pattern = self.rules.logMessage, !line.isEmpty else { return false }
        return pattern.matches(line)
    }

    // MARK: Proof by an Enter

    /// Sends an Enter to see whether the device is at its prompt: then it answers with the prompt, and nothing else.
    ///
    /// This happens only where a prompt has been seen already, so that the Enter doesn't meet a question.
    mutating func probe(for prompt: [UInt8], _ actions: inout [Action]) {
        if self.command.stage == .submitted { self.giveUpEcho() }
        let line = self.terminal.bytes
        self.command.probeStart = self.command.held.count
        if self.command.cut == nil {
            self.command.cut = self.command.held.count + max(line.trimmedCount - prompt.count, 0)
            self.noteCut(prompt)
        }
        self.command.stage = .probing
        self.command.probes += 1
        self.command.probeLine = line
        self.command.probeLineEnds = 0
        actions.append(.send(self.rules.lineEnding))
        self.expect(.probeUnanswered, after: DialogueTiming.probe, &actions)
    }

    mutating func lineEndedWhileProbing(_ line: [UInt8]) {
        // The first line end is the Enter's own, and closes the line that it was sent on.
        let isFirst = self.command.probeLineEnds == 0
        self.command.probeLineEnds += 1
        self.hold(line)
        if isFirst, line.isText(self.command.probeLine) { return }
        let isBounded =
            self.command.heldLines <= RunningCommand.mostHeldLines
            && self.command.held.count <= RunningCommand.mostHeldBytes
        if isBounded,
            line.isBlank || line.isText(self.command.cutPrompt) || self.isCutHeader(line)
                || self.isLogMessage(line)
        {
            return
        }
        // Something else: the device was still busy with the command.
        self.command.stage = .output
        self.releaseHeld()
    }

    mutating func assessProbe(_ actions: inout [Action]) {
        if self.command.probeLineEnds > 0, self.isProof(self.terminal.bytes) {
            self.expect(.prompt(consumesPrevious: false), after: DialogueTiming.drain, &actions)
        } else if case .probeUnanswered = self.belief {
        } else {
            self.expect(.probeUnanswered, after: DialogueTiming.probe, &actions)
        }
    }

    /// Whether the line that follows the Enter is the prompt that was expected. It also tells where the prompt began in the line before:
    /// `bcr1#` is the prompt of `bcr1`, or the output `bc` and the prompt of `r1`.
    private mutating func isProof(_ line: [UInt8]) -> Bool {
        let isExpected = line.isText(self.command.cutPrompt) || line.isText(self.prompt.text)
        if let cut = self.command.cut, cut < self.command.probeStart { return isExpected }
        let prompt = line.trimmed
        let probed = self.command.probeLine.trimmed
        guard !prompt.isEmpty, probed == prompt || (isExpected && probed.suffix(prompt.count).elementsEqual(prompt))
        else {
            return false
        }
        self.command.cut = self.command.probeStart + probed.count - prompt.count
        return true
    }

    mutating func probeUnanswered(_ actions: inout [Action]) {
        self.command.stage = .output
        // Nothing came, or something else than the prompt: the line that was taken for it is output, finished or not.
        if let cut = self.command.cut, cut >= self.command.probeStart { self.releaseHeld() }
        self.assessCommand(&actions)
    }

    // MARK: The end

    mutating func finish(consumesPrevious: Bool, _ actions: inout [Action]) {
        let line = self.terminal.bytes
        let isUnechoed = self.command.stage == .submitted
        let echoHabit = self.echoHabit
        if isUnechoed { self.giveUpEcho() }
        if let cut = self.command.cut {
            let isProven = self.command.stage == .probing
            // A prompt that is only repeated may be the answer to an Enter too many: one of ours, or the second half of CR LF.
            let mayRepeat = self.command.probes > 0 || self.rules.lineEnding.count > 1
            let isBuried = !self.command.holdsOther && (self.command.holdsLogs || mayRepeat)
            var held = self.command.held[...]
            self.command.held = []
            self.command.cut = nil
            if isProven || isBuried {
                held = held.prefix(cut)
                // What stands in the same line before the prompt makes the line before that one output.
                if self.command.cutHeader != nil, held.isEmpty { self.pendingLine = nil }
            } else if consumesPrevious {
                // The line before the last prompt was held back too.
                held = held.dropLast()
                held = held.lastIndex(of: 0x0A).map { held[...$0] } ?? []
            }
            self.release(held)
            self.flushPending()
        } else if consumesPrevious {
            self.pendingLine = nil
        } else {
            self.flushPending()
        }
        self.command.stage = .output
        self.learnPrompt(line)
        self.hasPrevious = false
        self.checkLastLines()
        self.handOutOutput(&actions)
        if self.command.options.text != nil, !self.command.hasTypedText, self.command.failure == nil {
            self.command.failure = "The device didn't ask for the text that belongs to the line; the text was not sent."
        }
        if isUnechoed, echoHabit == .echoing, self.command.outputLines == 0, self.command.kind == .command,
            !self.command.text.isEmpty
        {
            // A device that shows what is typed has shown neither the command nor an answer: the text was lost on the way.
            let message =
                "The device came back to its prompt without having echoed the command; it is not known whether it ran."
            return self.fail(DialogueError(code: "dialogue.echo", message: message), &actions)
        }
        switch self.phase {
        case .settingUp, .changingMode:
            self.setupCommandFinished(&actions)
        case .running:
            self.complete(failure: self.command.failure, .prompt, &actions)
        case .closed, .signingOn, .ready, .interrupting, .failed:
            break
        }
    }

    /// The running command or change of mode is over, and the device is at its prompt.
    mutating func complete(failure: String?, _ ending: Completion.Ending, _ actions: inout [Action]) {
        self.phase = .ready
        self.steps = []
        self.next = nil
        actions.append(
            .finished(
                Completion(
                    failure: failure, prompt: self.prompt.string, mode: self.modeName, ending: ending)
            )
        )
    }

    // MARK: Holding and handing out

    mutating func hold(_ line: [UInt8]) {
        self.command.held += line
        self.command.held.append(0x0A)
        self.command.heldLines += 1
    }

    /// What was held back is output after all.
    mutating func releaseHeld() {
        let held = self.command.held
        self.command.held = []
        self.command.heldLines = 0
        self.command.cut = nil
        self.command.sawPromptInOutput = true
        self.release(held[...])
    }

    mutating func release(_ text: ArraySlice<UInt8>) {
        self.command.heldLines = 0
        var rest = text
        while let end = rest.firstIndex(of: 0x0A) {
            self.emit(Array(rest[..<end]))
            rest = rest[(end + 1)...]
        }
        guard !rest.isEmpty else { return }
        // Output that ends without a line end.
        let line = Array(rest)
        self.flushPending()
        self.checkLine(line)
        if self.command.kind == .command { self.output += line }
    }

    /// A line of output, final.
    private mutating func emit(_ line: [UInt8]) {
        self.checkLine(line)
        guard self.rules.promptSpansLines else { return self.append(line) }
        self.flushPending()
        self.pendingLine = line
    }

    mutating func flushPending() {
        if let line = self.pendingLine { self.append(line) }
        self.pendingLine = nil
    }

    private mutating func append(_ line: [UInt8]) {
        guard self.command.kind == .command else { return }
        self.output += line
        self.output.append(0x0A)
    }

    mutating func handOutOutput(_ actions: inout [Action]) {
        guard !self.output.isEmpty else { return }
        actions.append(.output(self.output))
        self.output = []
    }

    /// A line without end: its beginning leaves, so that memory stays bounded.
    mutating func commandLineOverflowed() {
        let line = self.terminal.bytes
        let count = line.count / 2
        defer { self.terminal.removeFirst(count) }
        switch self.command.stage {
        case .typed, .echoed: return
        case .submitted: self.giveUpEcho()
        case .probing: self.command.stage = .output
        case .output: break
        }
        if self.command.isHidden { return }
        self.command.answeredLine = nil
        if self.command.cut != nil { self.releaseHeld() }
        self.command.isLeading = false
        self.flushPending()
        if self.command.kind == .command { self.output += line[..<count] }
    }

    // MARK: Failure

    static let firstLines = 5
    private static let lastLines = 3

    private mutating func checkLine(_ line: [UInt8]) {
        self.recent.append(line)
        guard !line.isBlank else { return }
        self.command.outputLines += 1
        if self.command.outputLines <= Self.firstLines, let pattern = self.rules.failure {
            self.checkFailure(pattern, line)
        }
        for pattern in self.command.options.failurePatterns { self.checkFailure(pattern, line) }
    }

    mutating func checkLastLines() {
        let unchecked = self.command.outputLines - Self.firstLines
        guard unchecked > 0, let pattern = self.rules.failure else { return }
        for line in self.recent.last(min(unchecked, Self.lastLines)) { self.checkFailure(pattern, line) }
    }

    private mutating func checkFailure(_ pattern: Pattern, _ line: [UInt8]) {
        guard self.command.failure == nil else { return }
        switch pattern.firstMatch(in: line) {
        case .matched: self.command.failure = String(decoding: line.trimmed.prefix(500), as: UTF8.self)
        case .noMatch: break
        case .abandoned:
            self.note("A failure pattern of \(self.rules.platform) was given up on a line that it takes too long for.")
        }
    }
}
