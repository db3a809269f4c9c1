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
        /// Send these bytes.
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
        /// The running command is over; the machine is ready for the next one.
        case finished(Completion)
        /// The conversation can't go on: discard the session.
        case failed(DialogueError)
    }

    package enum SecretName: String, Sendable, Hashable { case enable, login }

    /// How a command ended at its prompt.
    package struct Completion: Sendable, Hashable {
        /// The line of output that a failure pattern of the platform matched; `nil` when none did.
        package var failure: String?
        /// The new prompt, blanks at its end removed.
        package var prompt: String

        package init(failure: String?, prompt: String) {
            self.failure = failure
            self.prompt = prompt
        }
    }

    enum Phase: Sendable { case closed, signingOn, settingUp, ready, running, failed }

    /// What is believed of the last line, to be acted on when the timer fires: only more bytes can prove it wrong.
    enum Belief: Sendable {
        case echoMissing
        case prompt(consumesPrevious: Bool)
        case buriedPrompt([UInt8])
        case probeUnanswered
        case pager(Int, at: Int)
        case expectedQuestion
        case question
        case setupStalled
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
    var signOn = SignOn()
    var steps: [SetupStep] = []
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
    /// `previous` is a line of output that hasn't been handed out, because it may belong to the prompt.
    var previousIsOutput = false

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
        case .settingUp, .running: self.assessCommand(&actions)
        case .closed, .ready, .failed: break
        }
    }

    /// Sends a command's text (one line, no line ending). The machine must be ready; otherwise `.failed`.
    ///
    /// - Parameter gated: Whether to wait for the text's echo before the return key is sent. Then `commandWasSubmitted` proves
    ///   for as long as it is false that the device has run nothing, at the price of a round trip. Without the gate, text and return key
    ///   leave together: for commands that may be repeated. A device that is known not to echo is never waited for.
    package mutating func run(_ command: String, gated: Bool = true, _ actions: inout [Action]) {
        guard self.phase == .ready else {
            return self.fail(.state("A command was sent before the one before it was over."), &actions)
        }
        guard Self.isSendable(command) else {
            return self.fail(.state("A command must be one line without control characters."), &actions)
        }
        self.phase = .running
        self.start(Array(command.utf8), kind: .command, isGated: gated, expecting: nil, &actions)
    }

    package mutating func timerFired(_ actions: inout [Action]) {
        self.isTimerRunning = false
        guard let belief = self.belief else { return }
        self.belief = nil
        switch self.phase {
        case .signingOn: self.actInSignOn(on: belief, &actions)
        case .settingUp, .running: self.actInCommand(on: belief, &actions)
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
        command.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    /// Whether the return key of the running command has been sent: from then on nobody can take it back.
    /// After the end of a command it stays as it was until the next one.
    package var commandWasSubmitted: Bool { self.command.kind == .command && self.command.stage != .typed }

    /// Ready for a command.
    package var isReady: Bool { self.phase == .ready }

    /// The name of the mode that the device is in, as far as its prompt tells.
    package var modeName: String? { self.mode.map { self.rules.modes[$0].name } }

    /// The last lines that were received, for messages about a time-out. No secrets: neither lines that a secret was typed in nor the
    /// echo of commands, which may hold one.
    package var tail: String {
        var text = self.recent.text
        switch self.phase {
        case .settingUp, .running:
            switch self.command.stage {
            case .typed, .submitted, .echoed: return text
            case .output, .probing: break
            }
            text += String(decoding: self.command.held.suffix(1_024), as: UTF8.self)
            if self.command.hidesLine { return text }
        case .closed, .signingOn, .ready, .failed:
            break
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
        case .settingUp, .running: self.commandLineEnded()
        case .ready: self.recent.append(self.terminal.bytes)
        case .closed, .failed: break
        }
    }

    private mutating func lineOverflowed() {
        switch self.phase {
        case .settingUp, .running: self.commandLineOverflowed()
        case .closed, .signingOn, .ready, .failed: self.terminal.removeFirst(self.terminal.bytes.count / 2)
        }
    }
}

extension DialogueError {
    static func state(_ message: String) -> DialogueError { DialogueError(code: "dialogue.state", message: message) }
}
