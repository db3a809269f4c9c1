/// Why a conversation can't go on.
package struct DialogueError: Error, Sendable, Hashable {
    /// `prompt.timeout`, `privilege.denied`, `dialogue.question` (an unexpected question), `dialogue.state`, …
    package let code: String
    package let message: String
    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}
