import Dialogue
import Lab
import Testing

/// What a scripted device and its user do, in order.
enum Turn: Sendable {
    /// The device prints.
    case prints(String)
    case printsBytes([UInt8])
    /// The machine has to type this.
    case typed(String)
    /// The machine has to ask for a secret to be typed.
    case secret(DialogueMachine.SecretName)
    /// The device says nothing until the machine is ready.
    case waits
    /// The user's command.
    case runs(String)
    case runsWith(String, CommandOptions)
    /// The user asks for a mode.
    case enters(String)
    /// The user interrupts what is running, when the device has no more to say.
    case interrupts
    /// The device hangs up.
    case closes
}

extension [Turn] {
    /// A command of the sign-on on a device that echoes: echo, line end, and then the answer with its prompt.
    static func setup(_ text: String, ending: String = "\r", _ answer: String) -> [Turn] {
        [.typed(text), .prints(text), .typed(ending), .prints("\r\n" + answer)]
    }

    /// The same for a user's command.
    static func command(_ text: String, ending: String = "\r", _ answer: String) -> [Turn] {
        [.runs(text)] + .setup(text, ending: ending, answer)
    }

    /// A change of mode, which is one command.
    static func mode(_ name: String, _ text: String, ending: String = "\r", _ answer: String)
        -> [Turn]
    {
        [.enters(name)] + .setup(text, ending: ending, answer)
    }

    /// The transcript with what the device prints last cut at its end by `text`.
    func cutting(_ text: String) -> [Turn] {
        guard case .prints(let last)? = self.last, last.hasSuffix(text) else {
            Issue.record("the transcript doesn't end in \(text)")
            return self
        }
        return self.dropLast() + [.prints(String(last.dropLast(text.count)))]
    }
}

/// How the device's bytes reach the machine.
enum Chunking: Sendable, CustomTestStringConvertible {
    case whole
    case eachByte
    /// In two, with the cut after that many bytes of the whole conversation.
    case cut(Int)
    case random(seed: UInt64)

    var testDescription: String {
        switch self {
        case .whole: "whole"
        case .eachByte: "each byte alone"
        case .cut(let offset): "cut after \(offset)"
        case .random(let seed): "random, seed \(seed)"
        }
    }
}

/// What came of a conversation.
struct Conversation: Hashable {
    struct Command: Hashable {
        var text: String
        /// What was typed for it.
        var typed = ""
        var output: [UInt8] = []
        var completion: DialogueMachine.Completion?

        var outputText: String { String(decoding: self.output, as: UTF8.self) }
    }

    var isReady = false
    var commands: [Command] = []
    var error: DialogueError?
    /// Everything that was typed; a secret as «name».
    var typed = ""
    /// The script was played to its end.
    var isComplete = false
}

/// Plays a script against a machine. Time stands still while bytes flow: the timer fires only when the device has nothing more to say
/// and waits for a key.
struct ScriptedDevice {
    var machine: DialogueMachine
    private(set) var conversation = Conversation()
    /// The time that all fired timers took.
    private(set) var elapsed = Duration.zero
    private(set) var timersFired = 0
    private(set) var actionCount = 0

    private let gated: Bool
    private let chunking: Chunking
    private var random: SplitMix
    private var offset = 0
    private var timer: Duration?
    /// Typed, and not yet matched by the script.
    private var keys = ""
    private let firesZeroTimersBetweenChunks: Bool
    /// Answers an Enter that the script doesn't foresee with the last line that was printed, as a device at its prompt does, until the script
    /// has come to its last turn.
    private let answersEnters: Bool
    private var lastLine: [UInt8] = []

    init(
        _ platform: PlatformDefinition,
        hasEnableSecret: Bool = true,
        gated: Bool = true,
        chunking: Chunking = .whole,
        firesZeroTimersBetweenChunks: Bool = false,
        answersEnters: Bool = false
    ) {
        self.machine = DialogueMachine(platform: platform, hasEnableSecret: hasEnableSecret)
        self.gated = gated
        self.chunking = chunking
        self.firesZeroTimersBetweenChunks = firesZeroTimersBetweenChunks
        self.answersEnters = answersEnters
        if case .random(let seed) = chunking {
            self.random = SplitMix(seed: seed)
        } else {
            self.random = SplitMix(seed: 0)
        }
    }

    mutating func play(_ turns: [Turn], timerLimit: Int = 60) -> Conversation {
        self.perform { $0.opened(&$1) }
        var turns = turns[...]
        while self.conversation.error == nil {
            let bytes = self.takeReadyTurns(&turns)
            if !bytes.isEmpty {
                self.deliver(bytes)
            } else if turns.isEmpty || !self.startCommand(&turns) {
                if turns.isEmpty { self.conversation.isComplete = true }
                guard self.timer != nil, self.timersFired < timerLimit else { break }
                self.fireTimer()
            }
        }
        return self.conversation
    }

    /// All that the device prints without waiting for another key.
    private mutating func takeReadyTurns(_ turns: inout ArraySlice<Turn>) -> [UInt8] {
        var bytes: [UInt8] = []
        while let turn = turns.first {
            switch turn {
            case .prints(let text): bytes += Array(text.utf8)
            case .printsBytes(let raw): bytes += raw
            case .typed(let text):
                guard self.take(text) else {
                    if self.answersEnters, turns.count > 2, self.take("\r\n") || self.take("\r") {
                        bytes += [0x0D, 0x0A] + (bytes.isEmpty ? self.lastLine : Self.lastLine(of: bytes))
                    }
                    return bytes
                }
            case .secret(let name):
                guard self.take("«\(name.rawValue)»") else { return bytes }
            case .waits:
                guard bytes.isEmpty, self.machine.isReady else { return bytes }
            case .runs, .runsWith, .enters, .interrupts, .closes: return bytes
            }
            turns = turns.dropFirst()
        }
        return bytes
    }

    private mutating func take(_ text: String) -> Bool {
        guard self.keys.hasPrefix(text) || self.keys.utf8.starts(with: text.utf8) else { return false }
        self.keys = String(decoding: self.keys.utf8.dropFirst(text.utf8.count), as: UTF8.self)
        return true
    }

    private mutating func startCommand(_ turns: inout ArraySlice<Turn>) -> Bool {
        guard let turn = turns.first else { return false }
        switch turn {
        case .runs(let text) where self.machine.isReady:
            self.begin(text) { [gated] in $0.run(text, gated: gated, &$1) }
        case .runsWith(let text, var options) where self.machine.isReady:
            options.isGated = self.gated
            self.begin(text) { [options] in $0.run(text, options, &$1) }
        case .enters(let name) where self.machine.isReady:
            self.begin("→ " + name) { $0.enterMode(name, &$1) }
        case .interrupts where self.timer == nil:
            self.perform { $0.interrupt(&$1) }
        case .closes:
            self.perform { $0.closed(&$1) }
        default:
            return false
        }
        turns = turns.dropFirst()
        return true
    }

    private mutating func begin(
        _ text: String,
        _ event: (inout DialogueMachine, inout [DialogueMachine.Action]) -> Void
    ) {
        self.keys = ""
        self.conversation.commands.append(.init(text: text))
        self.perform(event)
    }

    private static func lastLine(of bytes: [UInt8]) -> [UInt8] {
        bytes.lastIndex(of: 0x0A).map { Array(bytes[($0 + 1)...]) } ?? bytes
    }

    private mutating func deliver(_ bytes: [UInt8]) {
        self.lastLine = Self.lastLine(of: bytes)
        var rest = bytes[...]
        while !rest.isEmpty, self.conversation.error == nil {
            let size: Int
            switch self.chunking {
            case .whole: size = rest.count
            case .eachByte: size = 1
            case .cut(let cut): size = cut > self.offset ? min(cut - self.offset, rest.count) : rest.count
            case .random: size = Int.random(in: 1...min(rest.count, 40), using: &self.random)
            }
            let chunk = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            self.offset += size
            self.perform { machine, actions in chunk.withUnsafeBytes { machine.received($0, &actions) } }
            if self.firesZeroTimersBetweenChunks, self.timer == .zero { self.fireTimer() }
        }
    }

    private mutating func fireTimer() {
        self.elapsed += self.timer ?? .zero
        self.timer = nil
        self.timersFired += 1
        self.perform { $0.timerFired(&$1) }
    }

    private mutating func perform(_ event: (inout DialogueMachine, inout [DialogueMachine.Action]) -> Void) {
        var actions: [DialogueMachine.Action] = []
        event(&self.machine, &actions)
        self.actionCount += actions.count
        for action in actions {
            switch action {
            case .send(let bytes): self.type(String(decoding: bytes, as: UTF8.self))
            case .sendSecret(let name): self.type("«\(name.rawValue)»")
            case .startTimer(let duration): self.timer = duration
            case .stopTimer: self.timer = nil
            case .ready: self.conversation.isReady = true
            case .output(let bytes):
                guard !self.conversation.commands.isEmpty else {
                    Issue.record("output without a command")
                    continue
                }
                self.conversation.commands[self.conversation.commands.count - 1].output += bytes
            case .finished(let completion):
                let last = self.conversation.commands.count - 1
                guard last >= 0, self.conversation.commands[last].completion == nil else {
                    Issue.record("finished twice")
                    continue
                }
                self.conversation.commands[last].completion = completion
            case .failed(let error): self.conversation.error = error
            }
        }
    }

    private mutating func type(_ text: String) {
        self.keys += text
        self.conversation.typed += text
        if !self.conversation.commands.isEmpty {
            self.conversation.commands[self.conversation.commands.count - 1].typed += text
        }
    }
}

private let shippedPlatforms = Result { () throws(PlatformError) in try PlatformLibrary() }

/// The shipped platforms.
func platform(_ name: String) throws -> PlatformDefinition {
    try #require(try shippedPlatforms.get().platform(named: name))
}

/// Plays a script in one go.
func play(
    _ name: String,
    _ turns: [Turn],
    hasEnableSecret: Bool = true,
    gated: Bool = true,
    chunking: Chunking = .whole
) throws -> Conversation {
    var device = ScriptedDevice(try platform(name), hasEnableSecret: hasEnableSecret, gated: gated, chunking: chunking)
    return device.play(turns)
}
