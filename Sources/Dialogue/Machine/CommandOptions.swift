/// How a command is run, where it differs from a plain one.
package struct CommandOptions: Sendable {
    /// Whether to wait for the text's echo before the return key is sent. Then `commandWasSubmitted` proves for as long as it is false that
    /// the device has run nothing, at the price of a round trip. Without the gate, text and return key leave together: for commands that
    /// may be repeated. A device that is known not to echo is never waited for.
    package var isGated: Bool
    /// The mode to run it in: entered first when the device is in another one, and not left afterwards. `nil`: whatever mode the device is in.
    package var mode: String?
    /// What to answer to the questions that the command may put.
    package var answers: [Answer]
    /// Besides the platform's own: a line of the output that one of these matches, wherever it stands, is a failure.
    package var failurePatterns: [Pattern]
    /// The command is expected to end the session (`reload`, `exit`): then the device's hanging up completes it.
    package var endsSession: Bool
    /// What becomes of an unexpected question: `true`, it is left with the interrupt key, and the command ends with `Ending.question` in a
    /// session that is in step again; `false`, the conversation fails at it.
    package var abandonsQuestions: Bool
    /// What to type behind the command, without a prompt in between. A device that doesn't ask for it doesn't get it, and the command has failed.
    package var text: TypedText?

    package init(
        isGated: Bool = true,
        mode: String? = nil,
        answers: [Answer] = [],
        failurePatterns: [Pattern] = [],
        endsSession: Bool = false,
        abandonsQuestions: Bool = false,
        text: TypedText? = nil
    ) {
        self.isGated = isGated
        self.mode = mode
        self.answers = answers
        self.failurePatterns = failurePatterns
        self.endsSession = endsSession
        self.abandonsQuestions = abandonsQuestions
        self.text = text
    }
}
