/// The conversation with a prompt-driven device over a terminal, as a value: bytes and commands in, actions out. It does no I/O, has no
/// clock, and knows no secret.
///
/// The shell around it performs the actions in order and reports what happens. One command at a time.
///
/// **Output** is exactly what the device printed between a command's echo and the next prompt, as a terminal shows it line by line:
/// every line end (LF, CR LF, CR CR LF) is one LF, control sequences and pager prompts are removed, erased and overwritten text is gone,
/// and nothing else is added, removed or joined. The last line's LF is part of it. Bytes that aren't valid UTF-8 pass as they are.
///
/// **The end of a command** is the prompt as the last, unterminated line of the stream, after the command's echo, when all that has arrived
/// has been looked at; a prompt-like line inside the output isn't the last one. That is why a finished command costs a timer of
/// zero: see `Action.startTimer`. Anything less clear than the known prompt must stand for a while, or be repeated after an Enter.
///
/// **A command counts as failed** when a failure pattern of the platform matches one of its first five or last three lines that aren't
/// blank: a refusal is the first thing that a device says, or the last one. In between, the same text is data: a log, a description, a
/// saved session.
package struct DialogueMachine: Sendable {
    package enum Action: Sendable, Hashable {
        /// Send these bytes. They may be a hidden answer: never write them to a log.
        case send([UInt8])
        /// Send the secret of this name, then the platform's line ending. Only ever asked for after the device has put a question for it.
        case sendSecret(SecretName)
        /// (Re)start the one timer; `timerFired` when it runs out. Zero means: as soon as everything that has arrived already has been
        /// handed to `received`, on an event loop the end of this turn; never from within the call that returned the action.
        case startTimer(Duration)
        case stopTimer
        /// A piece of the running command's output, exact and final. Pieces join to the whole output.
        case output([UInt8])
        /// Signed on: the machine is ready for commands.
        case ready
        /// The running command or change of mode is over. Unless it ended the session, the machine is ready for the next one.
        case finished(Completion)
        /// The conversation can't go on: discard the session.
        case failed(DialogueError)
    }

    package enum SecretName: String, Sendable, Hashable { case enable, login }

    /// How a command or a change of mode ended.
    package struct Completion: Sendable, Hashable {
        package enum Ending: Sendable, Hashable {
            /// At its prompt.
            case prompt
            /// By `interrupt`, in a session that is proven to be in step. Nobody can know how much of the command was done.
            case interrupted
            /// At a question that nobody had an answer to, with the question's text. It was left with the interrupt key.
            case question(String)
            /// The device hung up, as the command was declared to make it do.
            case sessionEnded
        }

        /// Why it is no success: the line of output that a failure pattern of the platform matched, or a sentence about a question or a
        /// refused change of mode; `nil` when nothing speaks against it.
        package var failure: String?
        /// The new prompt, blanks at its end removed.
        package var prompt: String
        /// The mode that the prompt belongs to, where the platform knows it.
        package var mode: String?
        package var ending: Ending

        package init(failure: String?, prompt: String, mode: String? = nil, ending: Ending = .prompt) {
            self.failure = failure
            self.prompt = prompt
            self.mode = mode
            self.ending = ending
        }
    }

    enum Phase: Sendable {
        case closed, signingOn, settingUp, ready, changingMode, running, interrupting, failed
    }

    /// What is believed of the last line, to be acted on when the timer fires: only more bytes can prove it wrong.
    enum Belief: Sendable {
        case echoMissing
        case prompt(consumesPrevious: Bool)
        case buriedPrompt([UInt8])
        case probeUnanswered
        case pager(Int, at: Int)
        case expectedQuestion(Int)
        case question
        case setupStalled
        case interruptUnanswered
        case interruptedPrompt
        case firstPrompt
        case firstPromptInDoubt
        case signOnQuestion(Int)
        case loginQuestion
        case signOnStalled
    }

    /// Whether the device shows what is typed. Learned.
    enum EchoHabit: Sendable { case unknown, echoing, silent }

    let rules: DialogueRules
    let hasEnableSecret: Bool

    var phase = Phase.closed
    var terminal: TerminalLine
    var prompt = KnownPrompt([])
    /// Index of the mode that the prompt belongs to; `nil` when no mode of the platform has such a prompt.
    var mode: Int?
    /// All modes that have such a prompt, `mode` among them.
    var possibleModes: [Int] = []
    /// The line before the prompt, where it belongs to it.
    var promptHeader: [UInt8]?
    var signOn = SignOn()
    var steps: [SetupStep] = []
    /// What a step of the change of mode under way was answered with, where that is a refusal.
    var refusal: String?
    /// The command that waits for the change of mode under way.
    var next: (text: String, options: CommandOptions)?
    var interruption = Interruption()
    var command: RunningCommand
    var belief: Belief?
    var isTimerRunning = false
    /// Output that is final but not handed out yet.
    var output: [UInt8] = []
    var recent = RecentText()
    var echoHabit = EchoHabit.unknown
    var commandsWithoutEcho = 0
    var repeatsEcho: Bool
    /// The line before the current one, where prompts span lines.
    var previous: [UInt8] = []
    var hasPrevious = false
    /// The last line of output, which hasn't been handed out because it may belong to the prompt.
    var pendingLine: [UInt8]?

    /// What went wrong without doing harm, such as a refused `terminal length 0`. Holds no secrets.
    package internal(set) var notes: [String] = []

    package init(platform: PlatformDefinition, hasEnableSecret: Bool) {
        self.rules = platform.rules
        self.hasEnableSecret = hasEnableSecret
        self.repeatsEcho = platform.rules.repeatsEcho
        self.terminal = TerminalLine(columns: platform.rules.columns)
        self.command = RunningCommand([], kind: .setup, stage: .output)
    }

    // MARK: Events

    /// The shell is open: begins the sign-on (banner, first prompt, privilege, paging off).
    package mutating func opened(_ actions: inout [Action]) {
        guard self.phase == .closed else { return self.fail(.state("The shell was opened twice."), &actions) }
        self.phase = .signingOn
        self.expect(.signOnStalled, after: DialogueTiming.signOnSilence, &actions)
    }

    package mutating func received(_ bytes: UnsafeRawBufferPointer, _ actions: inout [Action]) {
        guard self.phase != .closed, self.phase != .failed else { return }
        var index = 0
        scan: while true {
            if self.takesPlainLines { self.takePlainLines(bytes, from: &index) }
            switch self.terminal.consume(bytes, from: &index) {
            case .line:
                self.lineEnded()
                self.terminal.beginLine()
            case .tooLong:
                self.lineOverflowed()
            case .exhausted:
                break scan
            }
        }
        self.handOutOutput(&actions)
        switch self.phase {
        case .signingOn: self.assessSignOn(&actions)
        case .settingUp, .changingMode, .running: self.assessCommand(&actions)
        case .interrupting: self.assessInterruption(&actions)
        case .closed, .ready, .failed: break
        }
    }

    /// Sends a command's text (one line, no line ending). The machine must be ready; otherwise `.failed`.
    ///
    /// - Parameter gated: See `CommandOptions.isGated`.
    package mutating func run(_ command: String, gated: Bool = true, _ actions: inout [Action]) {
        self.run(command, CommandOptions(isGated: gated), &actions)
    }

    /// Sends a command's text (one line, no line ending). The machine must be ready; otherwise `.failed`.
    package mutating func run(_ command: String, _ options: CommandOptions, _ actions: inout [Action]) {
        guard self.phase == .ready else {
            return self.fail(.state("A command was sent before the one before it was over."), &actions)
        }
        guard Self.isSendable(command) else {
            return self.fail(.state("A command must be one line without control characters."), &actions)
        }
        if let mode = options.mode, !self.isInMode(mode) {
            self.next = (command, options)
            return self.changeMode(to: mode, &actions)
        }
        self.phase = .running
        self.start(Array(command.utf8), kind: .command, options, &actions)
    }

    /// Goes to another mode of the platform, along its mode graph. After each step the mode is read from the device's prompt, not assumed.
    /// The machine must be ready; otherwise `.failed`.
    ///
    /// Ends with `.finished`, within this call if the device is in that mode already. A refusal is a `Completion.failure`, and the session
    /// goes on in the mode that the device is in then. No output comes, and `commandWasSubmitted` stays false.
    package mutating func enterMode(_ name: String, _ actions: inout [Action]) {
        guard self.phase == .ready else {
            return self.fail(
                .state("A change of mode was asked for before the command before it was over."), &actions)
        }
        self.changeMode(to: name, &actions)
    }

    package mutating func timerFired(_ actions: inout [Action]) {
        self.isTimerRunning = false
        guard let belief = self.belief else { return }
        self.belief = nil
        switch self.phase {
        case .signingOn: self.actInSignOn(on: belief, &actions)
        case .settingUp, .changingMode, .running: self.actInCommand(on: belief, &actions)
        case .interrupting: self.actInInterruption(on: belief, &actions)
        case .closed, .ready, .failed: break
        }
    }

    /// Says goodbye in the platform's words, where the machine is ready. Takes no more events.
    package mutating func hangUp(_ actions: inout [Action]) {
        if self.phase == .ready {
            for instruction in self.rules.onClose {
                switch instruction {
                case .write(let text), .sendInput(let text): actions.append(.send(self.line(text)))
                case .sendPromptedInput(let input): actions.append(.send(self.line(input.input)))
                case .enterMode: break
                }
            }
        }
        self.stopWaiting(&actions)
        self.phase = .closed
    }

    // MARK: State

    /// Whether a text can be a command: one line without control characters. A tab would complete, a line end would run.
    package static func isSendable(_ command: String) -> Bool {
        var command = command
        return command.withUTF8 { $0.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }
    }

    /// Whether the return key of the running command has been sent: from then on nobody can take it back.
    /// After the end of a command it stays as it was until the next one.
    package var commandWasSubmitted: Bool { self.command.kind == .command && self.command.stage != .typed }

    /// Ready for a command.
    package var isReady: Bool { self.phase == .ready }

    /// Whether the device is in a mode, as far as its prompt tells.
    func isInMode(_ name: String) -> Bool {
        guard let index = self.rules.modeIndex(named: name) else { return false }
        return self.mode == index
    }

    /// The name of the mode that the device is in, as far as its prompt tells.
    package var modeName: String? { self.mode.map { self.rules.modes[$0].name } }

    /// The last lines that were received, for messages about a time-out. No secrets: neither lines that a secret was typed in nor the
    /// echo of commands, which may hold one.
    package var tail: String {
        var text = self.recent.text
        switch self.phase {
        case .settingUp, .changingMode, .running:
            switch self.command.stage {
            case .typed, .submitted, .echoed: return text
            case .output, .probing: break
            }
            text += String(decoding: self.command.held.suffix(1_024), as: UTF8.self)
        case .closed, .signingOn, .ready, .interrupting, .failed:
            break
        }
        if self.command.isHidden {
            return text + String(decoding: self.command.answeredLine ?? [], as: UTF8.self)
        }
        return text + String(decoding: self.terminal.bytes.suffix(256), as: UTF8.self)
    }

    // MARK: Parts

    /// A line as it is typed.
    func line(_ text: String) -> [UInt8] {
        var bytes = Array(text.utf8)
        if bytes.last != 0x0A && bytes.last != 0x0D { bytes += self.rules.lineEnding }
        return bytes
    }

    /// Acts on a belief unless something new arrives before the time is over.
    mutating func expect(_ belief: Belief, after duration: Duration, _ actions: inout [Action]) {
        self.belief = belief
        self.isTimerRunning = true
        actions.append(.startTimer(duration))
    }

    mutating func stopWaiting(_ actions: inout [Action]) {
        self.belief = nil
        guard self.isTimerRunning else { return }
        self.isTimerRunning = false
        actions.append(.stopTimer)
    }

    mutating func fail(_ error: DialogueError, _ actions: inout [Action]) {
        guard self.phase != .failed else { return }
        self.stopWaiting(&actions)
        self.phase = .failed
        actions.append(.failed(error))
    }

    mutating func note(_ text: String) {
        // A few are enough to see what is wrong, and a session may live for months.
        if self.notes.count < 16, !self.notes.contains(text) { self.notes.append(text) }
    }

    private mutating func lineEnded() {
        switch self.phase {
        case .signingOn: self.signOnLineEnded()
        case .settingUp, .changingMode, .running: self.commandLineEnded()
        case .interrupting: self.interruptionLineEnded()
        case .ready: self.recent.append(self.terminal.bytes)
        case .closed, .failed: break
        }
    }

    private mutating func lineOverflowed() {
        switch self.phase {
        case .settingUp, .changingMode, .running: self.commandLineOverflowed()
        case .closed, .signingOn, .ready, .interrupting, .failed:
            self.terminal.removeFirst(self.terminal.bytes.count / 2)
        }
    }
}

extension DialogueError {
    static func interrupt(_ message: String) -> DialogueError {
        DialogueError(code: "dialogue.interrupt", message: message)
    }

    static func state(_ message: String) -> DialogueError {
        DialogueError(code: "dialogue.state", message: message)
    }
}
