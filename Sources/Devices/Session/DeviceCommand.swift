import Dialogue
import SSH

/// A command for a device.
///
/// ```swift
/// try await session.run("show version")
/// try await session.run(DeviceCommand("reload", answers: [.key("\r", to: "\\[confirm\\]")], endsSession: true))
/// ```
public struct DeviceCommand: Sendable, Hashable, ExpressibleByStringLiteral {
    /// One line for a terminal; on platforms that run commands on exec channels (`linux`) it may have several.
    public var text: String
    /// How long the device may take, from the moment the command's turn has come. `nil`: the inventory's `general.timeout`.
    public var timeout: Duration?
    /// The mode of the platform to run it in (`configuration`, …): entered first when the device is in another one. `nil`: whatever mode the
    /// device is in. Only in terminals.
    public var mode: String?
    /// What to answer to questions that the command may put. Only in terminals. A question that none of them is for ends the command with
    /// `dialogue.question`.
    public var answers: [Answer]
    /// Besides the platform's own: regular expressions (PCRE, without regard to case) of output lines that make the command a failure.
    public var failurePatterns: [String]
    /// The command is expected to end the session (`reload`): then the device's hanging up is its success. Only in terminals: exec channels
    /// can't tell a restart from a lost connection.
    public var endsSession: Bool
    /// Whether the result holds the output. Turn it off for output that goes elsewhere while it comes. On exec channels not together with
    /// `failurePatterns`.
    public var collectsOutput: Bool
    /// Whether the return key waits until the device has echoed the text. Until then the command provably has not run, so that a lost session
    /// leaves no doubt. Costs a round trip: turn it off for commands that may be repeated. Only matters in terminals.
    public var waitsForEcho: Bool

    public init(
        _ text: String,
        timeout: Duration? = nil,
        mode: String? = nil,
        answers: [Answer] = [],
        failurePatterns: [String] = [],
        endsSession: Bool = false,
        collectsOutput: Bool = true,
        waitsForEcho: Bool = true
    ) {
        self.text = text
        self.timeout = timeout
        self.mode = mode
        self.answers = answers
        self.failurePatterns = failurePatterns
        self.endsSession = endsSession
        self.collectsOutput = collectsOutput
        self.waitsForEcho = waitsForEcho
    }

    public init(stringLiteral text: String) { self.init(text) }

    /// What to answer to a question. Answers are tried in order, and each is given once unless it `repeats`: a wrong password that is sent
    /// twice may lock an account.
    public struct Answer: Sendable, Hashable {
        public enum Reply: Sendable, Hashable {
            case text(String)
            /// Never logged, and taken out of the output where the device shows it.
            case secret(Secret)
            /// The enable secret, or the password, that the session was opened with. Hidden likewise.
            case enableSecret, loginPassword
        }

        /// A regular expression (PCRE, without regard to case) for the question's end, as it stands in the device's last line.
        public var question: String
        public var reply: Reply
        /// Whether the return key follows; without it the reply is a single key.
        public var pressesReturn: Bool
        /// Whether the same question may be answered again.
        public var repeats: Bool

        public init(_ reply: Reply, to question: String, pressesReturn: Bool = true, repeats: Bool = false) {
            self.question = question
            self.reply = reply
            self.pressesReturn = pressesReturn
            self.repeats = repeats
        }

        public static func text(_ text: String, to question: String) -> Answer { Answer(.text(text), to: question) }
        public static func secret(_ secret: Secret, to question: String) -> Answer {
            Answer(.secret(secret), to: question)
        }
        /// A single key, without the return key behind it. `"\r"` is the return key itself.
        public static func key(_ key: Character, to question: String) -> Answer {
            Answer(.text(String(key)), to: question, pressesReturn: false)
        }
    }
}

extension DeviceCommand {
    /// What the dialogue needs to know.
    ///
    /// - Throws: `command.invalid`; nothing has been sent then.
    func options(on platform: PlatformDefinition, device: String) throws(DeviceError) -> CommandOptions {
        var options = CommandOptions(isGated: self.waitsForEcho, abandonsQuestions: true)
        guard
            self.mode != nil || !self.answers.isEmpty || !self.failurePatterns.isEmpty || self.endsSession
        else { return options }
        if platform.transport == .exec {
            guard self.mode == nil, self.answers.isEmpty, !self.endsSession else {
                throw Self.invalid(
                    device,
                    "\(platform.name) runs commands on exec channels, which have neither modes nor questions, and don't tell a restart from a lost connection"
                )
            }
            guard self.collectsOutput || self.failurePatterns.isEmpty else {
                throw Self.invalid(device, "on exec channels failure patterns are looked for in the collected output")
            }
        }
        if let mode = self.mode, !platform.modes.contains(mode) {
            throw Self.invalid(
                device,
                "\(platform.name) has no mode \(quoted(mode)); it has \(platform.modes.joined(separator: ", "))")
        }
        options.mode = self.mode
        options.endsSession = self.endsSession
        do throws(PatternError) {
            for pattern in self.failurePatterns { options.failurePatterns.append(try Pattern(pattern)) }
            for answer in self.answers {
                options.answers.append(
                    try Dialogue.Answer(
                        to: answer.question, answer.dialogueReply, withReturn: answer.pressesReturn,
                        repeats: answer.repeats))
            }
        } catch {
            throw Self.invalid(device, "\(error)")
        }
        for answer in self.answers where !answer.isSendable {
            throw Self.invalid(
                device,
                "the answer to \(quoted(answer.question)) must be one line without control characters, or one key")
        }
        return options
    }

    static func invalid(_ device: String, _ reason: String) -> DeviceError {
        DeviceError(code: "command.invalid", message: "\(device): \(reason)")
    }
}

extension DeviceCommand.Answer {
    fileprivate var dialogueReply: Dialogue.Answer.Reply {
        switch self.reply {
        case .text(let text): .text(text)
        case .secret(let secret): .hidden { secret.withExposedValue { Array($0.utf8) } }
        case .enableSecret: .secret(.enable)
        case .loginPassword: .secret(.login)
        }
    }

    fileprivate var isSendable: Bool {
        switch self.reply {
        case .text(let text):
            DialogueMachine.isSendable(text) || (!self.pressesReturn && text.unicodeScalars.count == 1)
        case .secret(let secret): secret.withExposedValue { DialogueMachine.isSendable($0) }
        case .enableSecret, .loginPassword: true
        }
    }
}
