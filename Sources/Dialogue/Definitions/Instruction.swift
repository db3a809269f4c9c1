/// One step of a sign-on, a hang-up, or a change of mode.
enum Instruction: Sendable {
    /// Sends a line and doesn't wait for an answer.
    case write(String)
    case enterMode(String)
    /// Sends a line and waits for the prompt.
    case sendInput(String)
    case sendPromptedInput(PromptedInput)
}

/// A line after which the device may put a question. The response is sent only if it does.
struct PromptedInput: Sendable {
    enum Response: Sendable {
        case text(String)
        case secret(DialogueMachine.SecretName)
        /// A secret that only the definition knows the name of.
        case unknownSecret(String)
    }

    var input: String
    var question: Pattern
    var response: Response
}
