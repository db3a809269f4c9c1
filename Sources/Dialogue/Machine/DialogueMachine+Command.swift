/// One command, from its text to the prompt after it.
extension DialogueMachine {
    mutating func start(
        _ text: [UInt8],
        kind: RunningCommand.Kind,
        _ options: CommandOptions,
        prompted: PromptedInput? = nil,
        _ actions: inout [Action]
    ) {
        let waitsForEcho = options.isGated && !text.isEmpty && self.echoHabit != .silent
        let stage: RunningCommand.Stage = waitsForEcho ? .typed : .submitted
        self.command = RunningCommand(
            text, kind: kind, stage: stage, options: options, prompted: prompted)
        self.hasPrevious = false
        self.pendingLine = nil
        // A short echo is recognised on its line; a long one may be wrapped at a margin that only the device knows.
        let mayWrap = self.prompt.text.count + text.count > 60
        self.terminal.echo = waitsForEcho || mayWrap ? EchoMatcher(text) : nil
        if waitsForEcho {
            actions.append(.send(text))
            self.expect(.echoMissing, after: DialogueTiming.echo, &actions)
        } else {
            actions.append(.send(text + self.rules.lineEnding))
            self.wait(&actions)
        }
    }

    private mutating func submit(echoed: Bool, _ actions: inout [Action]) {
        self.command.stage = echoed ? .echoed : .submitted
        self.command.lineEnds = 0
        self.stopWaiting(&actions)
        actions.append(.send(self.rules.lineEnding))
    }

    // MARK: Lines

    mutating func commandLineEnded() {
        let line = self.terminal.bytes
        defer { self.rememberLine(line) }
        self.command.lineEnds += 1
        if let answered = self.command.answeredLine {
            self.command.answeredLine = nil
            if self.command.isHidden {
                self.command.isHidden = false
                // The question was printed, and so it is output; what was shown of the answer isn't.
                self.outputLineEnded(answered)
                return
            }
        }
        switch self.command.stage {
        case .typed:
            // Before the return key nothing can be this command's: log messages, or the rest of something else.
            break
        case .echoed:
            self.echoSeen()
        case .submitted:
            self.lineEndedBeforeEcho(line)
        case .output:
            self.outputLineEnded(line)
        case .probing:
            self.lineEndedWhileProbing(line)
        }
    }

    /// Where prompts span lines, the line before the last one is needed to tell one.
    mutating func rememberLine(_ line: [UInt8]) {
        guard self.rules.promptSpansLines else { return }
        self.previous = line
        self.hasPrevious = !self.terminal.isCut
    }

    private mutating func echoSeen() {
        self.echoHabit = .echoing
        self.commandsWithoutEcho = 0
        self.command.stage = .output
        // What came before the echo was printed before the command.
        self.command.held.removeAll()
        self.command.heldLines = 0
        self.terminal.echo = nil
    }

    private mutating func lineEndedBeforeEcho(_ line: [UInt8]) {
        let isSeen = self.terminal.echo?.isComplete ?? false
        if isSeen || self.isEcho(line, needsPrompt: false) || self.isMangledEcho(line) { return self.echoSeen() }
        self.hold(line)
        if self.command.heldLines > RunningCommand.mostUnechoedLines
            || self.command.held.count > RunningCommand.mostUnechoedBytes
        {
            self.giveUpEcho()
        }
    }

    /// There was no echo: what was held is output.
    mutating func giveUpEcho() {
        self.commandsWithoutEcho += 1
        // Once may be an accident: a log message in the middle of the echo.
        if self.commandsWithoutEcho > 1 { self.echoHabit = .silent }
        self.command.stage = .output
        self.terminal.echo = nil
        var held = self.command.held
        self.command.held = []
        self.command.heldLines = 0
        if let end = held.firstIndex(of: 0x0A) {
            // The first line began behind the prompt. It holds nothing but the return key's line end, or what a log message has left of
            // the echo, or the first output.
            let start = held.starts(with: self.prompt.text) ? self.prompt.text.count : 0
            let rest = Array(held[start..<end]).trimmed
            let isInput =
                rest.isBlank || (self.echoHabit == .echoing && self.command.text.suffix(rest.count).elementsEqual(rest))
            held.removeSubrange(isInput ? 0..<(end + 1) : 0..<start)
        }
        self.release(held[...])
    }

    /// The command as typed at a prompt, drawn by a terminal.
    mutating func isEcho(_ line: [UInt8], needsPrompt: Bool) -> Bool {
        let text = self.command.text
        let commandCount = text.trimmedCount
        let count = line.trimmedCount
        guard count >= commandCount else { return false }
        if line[(count - commandCount)..<count].elementsEqual(text[..<commandCount]) {
            let prefix = line[..<(count - commandCount)]
            if prefix.starts(with: self.prompt.text),
                prefix.dropFirst(self.prompt.text.count).allSatisfy({ $0 == 0x20 })
            {
                return !self.prompt.text.isEmpty || !needsPrompt
            }
            let before = Array(prefix).trimmed
            return before.isEmpty ? !needsPrompt : self.matchPrompt(self.rules.prompt, before) != nil
        }
        // Blanks may have come or gone.
        let visible = line.filter { $0 != 0x20 }
        return !text.isEmpty && visible == (self.prompt.text + text).filter { $0 != 0x20 }
    }

    /// On a device that echoes, the first line that goes on behind the prompt is the echo, however the device has edited it: scrolled
    /// sideways, completed, cut.
    private func isMangledEcho(_ line: [UInt8]) -> Bool {
        guard self.echoHabit == .echoing, self.command.lineEnds == 1, !self.prompt.text.isEmpty else { return false }
        guard line.starts(with: self.prompt.text) else { return false }
        let typed = line.dropFirst(self.prompt.text.count).first { $0 != 0x20 }
        return typed == self.command.text.first { $0 != 0x20 } || typed == UInt8(ascii: "$")
    }

    // MARK: The last line

    mutating func assessCommand(_ actions: inout [Action]) {
        // Until the line of an answer that nobody may see ends, it is that question still.
        if self.command.isHidden { return self.wait(&actions) }
        switch self.command.stage {
        case .typed:
            let isDrawn =
                self.terminal.bytes.count >= self.command.text.count
                && self.isEcho(self.terminal.bytes, needsPrompt: true)
            if isDrawn || self.terminal.echo?.isComplete ?? false { self.submit(echoed: true, &actions) }
            return
        case .echoed:
            return self.wait(&actions)
        case .probing:
            return self.assessProbe(&actions)
        case .submitted:
            // Without a line end, this is still the line that the command was typed in.
            guard self.command.lineEnds > 0 else { return self.wait(&actions) }
        case .output:
            break
        }
        if self.typeText(&actions) { return }
        let reading = self.readLastLine()
        // Whatever a text looks like, it is no question. And an Enter would become part of it.
        if self.command.isTypingText, !reading.isPrompt { return self.wait(&actions) }
        switch reading {
        case .nothing:
            if self.command.cut != nil, self.command.probes < RunningCommand.mostProbes {
                self.expect(.buriedPrompt(self.command.cutPrompt), after: DialogueTiming.buriedPrompt, &actions)
            } else {
                self.wait(&actions)
            }
        case .knownPrompt(let consumesPrevious):
            self.expect(
                .prompt(consumesPrevious: consumesPrevious), after: max(self.promptPatience, self.echoPatience),
                &actions)
        case .changedPrompt(let consumesPrevious):
            let duration = max(DialogueTiming.changedMode, self.echoPatience)
            self.expect(.prompt(consumesPrevious: consumesPrevious), after: duration, &actions)
        case .strangePrompt:
            self.expectProbe(for: self.terminal.bytes.trimmed, &actions)
        case .promptBehindText:
            self.expectProbe(for: self.prompt.text, &actions)
        case .pager(let index, let start):
            self.expect(.pager(index, at: start), after: DialogueTiming.drain, &actions)
        case .expectedQuestion(let index):
            let isHidden =
                self.command.options.answers[index].reply.isHidden && self.command.prompted == nil
            let patience = isHidden ? DialogueTiming.hiddenAnswer : DialogueTiming.drain
            self.expect(.expectedQuestion(index), after: max(patience, self.echoPatience), &actions)
        case .question:
            self.expect(.question, after: DialogueTiming.question, &actions)
        }
    }

    private mutating func expectProbe(for prompt: [UInt8], _ actions: inout [Action]) {
        guard self.command.probes < RunningCommand.mostProbes else { return self.wait(&actions) }
        let duration = max(DialogueTiming.strangePrompt, self.echoPatience)
        self.expect(.buriedPrompt(prompt), after: duration, &actions)
    }

    private var promptPatience: Duration {
        if self.command.sawPromptInOutput || !self.terminal.isSettled { return DialogueTiming.doubtful }
        return self.repeatsEcho && self.command.isLeading ? DialogueTiming.repeatedEcho : DialogueTiming.drain
    }

    /// A prompt that comes before the echo may be an older one.
    private var echoPatience: Duration {
        guard self.command.stage == .submitted else { return .zero }
        switch self.echoHabit {
        case .echoing: return DialogueTiming.unechoedPrompt.echoing
        case .unknown: return DialogueTiming.unechoedPrompt.unknown
        case .silent: return DialogueTiming.unechoedPrompt.silent
        }
    }

    /// Nothing to go by: a command of the set-up is over in no time, any other may take as long as its caller allows.
    mutating func wait(_ actions: inout [Action]) {
        if self.phase == .settingUp {
            self.expect(.setupStalled, after: DialogueTiming.setupSilence, &actions)
        } else {
            self.stopWaiting(&actions)
        }
    }

    mutating func actInCommand(on belief: Belief, _ actions: inout [Action]) {
        switch belief {
        case .echoMissing:
            self.submit(echoed: false, &actions)
        case .prompt(let consumesPrevious):
            self.finish(consumesPrevious: consumesPrevious, &actions)
        case .buriedPrompt(let prompt):
            self.probe(for: prompt, &actions)
        case .probeUnanswered:
            self.probeUnanswered(&actions)
        case .pager(let index, let start):
            self.command.pages += 1
            guard self.command.pages <= RunningCommand.mostPages else {
                return self.fail(.state("The device asked for more than \(RunningCommand.mostPages) pages."), &actions)
            }
            self.command.isLeading = false
            self.terminal.answerPager(at: start)
            actions.append(.send(self.rules.pagers[index].key))
            self.wait(&actions)
        case .expectedQuestion(let index):
            self.answerQuestion(index, &actions)
        case .question:
            self.leaveQuestion(.question(self.terminal.bytes, during: self.occasion), &actions)
        case .setupStalled:
            self.setupStalled(&actions)
        case .firstPrompt, .firstPromptInDoubt, .signOnQuestion, .loginQuestion, .signOnStalled,
            .interruptUnanswered,
            .interruptedPrompt:
            break
        }
    }

    var occasion: String {
        switch self.command.kind {
        case .setup: "“\(String(decoding: self.command.text, as: UTF8.self))”"
        case .command: "the command"
        }
    }

    private mutating func setupStalled(_ actions: inout [Action]) {
        let text = String(decoding: self.command.text, as: UTF8.self)
        guard self.command.probes < RunningCommand.mostProbes else {
            return self.fail(
                DialogueError(
                    code: "prompt.timeout",
                    message: "No prompt came after “\(text)” at sign-on. Received last: \(self.tail)"),
                &actions
            )
        }
        self.command.probes += 1
        actions.append(.send(self.rules.lineEnding))
        self.expect(.setupStalled, after: DialogueTiming.setupSilence, &actions)
    }
}
