/// What the machine knows about the command that it has sent.
struct RunningCommand: Sendable {
    enum Stage: Sendable {
        /// The text is sent, its return key isn't.
        case typed
        /// The return key is sent; the command's echo hasn't been seen yet.
        case submitted
        /// The echo has been seen before the return key was sent; the next line end is the return key's.
        case echoed
        /// Output comes.
        case output
        /// An Enter has been sent to see whether the device is at its prompt.
        case probing
    }

    /// The text, without a line ending.
    let text: [UInt8]
    let kind: Kind
    var stage: Stage

    /// Who wants to know.
    enum Kind: Sendable { case command, setup }

    let options: CommandOptions
    /// The instruction that this command of the set-up comes from; its question is the only one in `options.answers`.
    let prompted: PromptedInput?
    /// Which of the answers have been given.
    var givenAnswers: Set<Int> = []
    var answerCount = 0
    /// The unterminated line that has been answered, as it was then.
    var answeredLine: [UInt8]?
    /// What was typed into it, to tell its echo from another question.
    var answerText: [UInt8] = []
    /// The answer is hidden: what follows in its line must not be seen.
    var isHidden = false

    /// The device waits for `options.text`.
    var isInvited = false
    var hasTypedText = false
    var echoedTextLines = 0
    /// Lines of the text are still to come back.
    var isTypingText: Bool { self.hasTypedText && self.echoedTextLines < self.options.text?.lines.count ?? 0 }

    /// Lines that ended since the return key was sent.
    var lineEnds = 0
    /// No line of output yet: what repeats the echo is dropped.
    var isLeading = true

    /// Lines that aren't known to be output yet, with their line ends.
    var held: [UInt8] = []
    var heldLines = 0
    /// Where in `held` a line begins that looks like the prompt that ended the command.
    var cut: Int?
    /// The prompt that stands there.
    var cutPrompt: [UInt8] = []
    /// The line before it, where that belongs to it. It isn't in `held`.
    var cutHeader: [UInt8]?
    /// Something else than log messages and prompts stands after it.
    var holdsOther = false
    var holdsLogs = false
    /// The output held a line that begins with the prompt.
    var sawPromptInOutput = false

    var probes = 0
    /// Where in `held` the line begins that the Enter was sent on.
    var probeStart = 0
    var probeLine: [UInt8] = []
    var probeLineEnds = 0

    /// Lines of output that aren't blank.
    var outputLines = 0
    var failure: String?

    /// More pages than any output has; a device that asks for more is talking to itself.
    var pages = 0
    static let mostPages = 100_000
    /// The same for questions.
    static let mostAnswers = 1_000
    /// Lines and bytes that are held back at most while it is open what they are.
    static let mostHeldLines = 64
    static let mostHeldBytes = 16_384
    /// The same while the echo is missing.
    static let mostUnechoedLines = 12
    static let mostUnechoedBytes = 4_096
    /// Enters that are spent on one command at most.
    static let mostProbes = 2

    init(
        _ text: [UInt8],
        kind: Kind,
        stage: Stage,
        options: CommandOptions = CommandOptions(),
        prompted: PromptedInput? = nil
    ) {
        self.text = text
        self.kind = kind
        self.stage = stage
        self.options = options
        self.prompted = prompted
    }
}
