/// What to answer to a question that a command may put.
///
/// A question is the last, unterminated text of the stream; the pattern has to reach to its end, blanks there aside. Answers are tried in the
/// order of their list, and each is given once, unless it `repeats`: a wrong password that is sent twice may lock an account.
package struct Answer: Sendable {
    package enum Reply: Sendable {
        case text(String)
        /// Asked for when the question has come, not before, and kept nowhere. What the device shows in the line of the question after it is
        /// taken out of the output, of `tail` and of every message.
        case hidden(@Sendable () -> [UInt8])
        /// One of the device's own secrets, which the machine doesn't know. Hidden likewise.
        case secret(DialogueMachine.SecretName)

        var isHidden: Bool {
            if case .text = self { false } else { true }
        }
    }

    let question: Pattern
    let reply: Reply
    /// Whether the return key follows; without it, the answer is a single key (`[confirm]`).
    let withReturn: Bool
    /// Whether the same question may be answered again.
    let repeats: Bool

    /// - Parameters:
    ///   - question: A regular expression, see `Pattern`.
    ///   - withReturn: `false` for questions that take one key: a return key too many would answer the next question.
    package init(
        to question: String,
        _ reply: Reply,
        withReturn: Bool = true,
        repeats: Bool = false
    ) throws(PatternError) {
        self.init(
            to: try Pattern("(?:\(question))[ \\t]*", extent: .ending), reply, withReturn: withReturn,
            repeats: repeats)
    }

    init(to question: Pattern, _ reply: Reply, withReturn: Bool = true, repeats: Bool = false) {
        self.question = question
        self.reply = reply
        self.withReturn = withReturn
        self.repeats = repeats
    }
}
