/// The conversation with a prompt-driven device over a terminal, as a value: bytes and commands in, actions out. It does no I/O, has no
/// clock, and knows no secret.
///
/// The shell around it performs the actions in order and reports what happens. One command at a time.
package struct DialogueMachine: Sendable {
    package enum Action: Sendable, Hashable {
        /// Send these bytes.
        case send([UInt8])
        /// Send the secret of this name, then the platform's line ending. Only ever asked for after the device has put a question for it.
        case sendSecret(SecretName)
        /// (Re)start the one timer; `timerFired` when it runs out.
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
        package var prompt: String

        package init(failure: String?, prompt: String) {
            self.failure = failure
            self.prompt = prompt
        }
    }

    package init(platform: PlatformDefinition, hasEnableSecret: Bool) { fatalError("stub") }

    /// The shell is open: begins the sign-on (banner, first prompt, privilege, paging off).
    package mutating func opened(_ actions: inout [Action]) { fatalError("stub") }
    package mutating func received(_ bytes: UnsafeRawBufferPointer, _ actions: inout [Action]) { fatalError("stub") }
    /// Sends a command's text (one line, no line ending). The machine must be ready; otherwise `.failed`.
    package mutating func run(_ command: String, _ actions: inout [Action]) { fatalError("stub") }
    package mutating func timerFired(_ actions: inout [Action]) { fatalError("stub") }

    /// Whether the return key of the running command has been sent: from then on nobody can take it back.
    package var commandWasSubmitted: Bool { fatalError("stub") }
    /// Ready for a command.
    package var isReady: Bool { fatalError("stub") }
    /// The last lines that were received, for messages about a time-out. No secrets.
    package var tail: String { fatalError("stub") }
}

package struct DialogueError: Error, Sendable, Hashable {
    /// `prompt.timeout`, `privilege.denied`, `dialogue.question` (an unexpected question), `dialogue.state`, …
    package let code: String
    package let message: String
    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}
