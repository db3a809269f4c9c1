/// One vendor's command line: what to answer to a line. A value without I/O; the ``Console`` in front of it does the typing.
protocol CommandLineInterface: Sendable {
    /// What distinguishes the vendor's terminal.
    var terminal: TerminalStyle { get }
    /// Lines of a page; 0 when paging is off.
    var pageLength: Int { get set }
    /// The prompt of the current mode, as sent (line ends are `\n`).
    func prompt(_ device: DeviceState) -> String
    /// Runs one line.
    mutating func execute(_ line: String, on device: inout DeviceState) -> Reply
    /// Takes the answer to a question that an earlier reply asked.
    mutating func answer(_ text: String, to purpose: Question.Purpose, on device: inout DeviceState) -> Reply
    /// Ctrl-C at the prompt or during a command.
    mutating func interrupt()
}

extension CommandLineInterface {
    mutating func answer(_ text: String, to purpose: Question.Purpose, on device: inout DeviceState) -> Reply {
        Reply()
    }
    mutating func interrupt() {}
}

/// How a vendor's terminal behaves, apart from its commands.
struct TerminalStyle: Sendable {
    /// Whether a bare line feed is a return. RouterOS wants CR.
    var lineFeedReturns = true
    /// What Ctrl-C prints.
    var interruptEcho = ""
    /// What follows the echoed return of a typed line.
    var afterReturn = "\r\n"
    /// The pager's question.
    var pager = " --More-- "
    /// What wipes the pager's question once it is answered.
    var pagerErase =
        String(repeating: "\u{8}", count: 10) + String(repeating: " ", count: 10)
        + String(repeating: "\u{8}", count: 10)
    /// Sent when the shell opens, before anything else (terminal probes).
    var opening = ""
    /// Sent before and after each prompt (bracketed paste).
    var beforePrompt = ""
}

/// What comes back from a line: text, and what happens then.
struct Reply: Sendable, Equatable {
    enum Next: Sendable, Equatable {
        case prompt
        case ask(Question)
        /// The session ends (`exit`), with a status for exec channels.
        case close
        /// The device restarts: every session is cut.
        case restart
    }

    /// Lines, each ended by `\n`.
    var text = ""
    /// Text for standard error, which only an exec channel has apart; a terminal shows it after ``text``.
    var errorText = ""
    /// Whether the pager may hold it.
    var isPaged = true
    /// Exit status on an exec channel.
    var status: Int32 = 0
    var next = Next.prompt

    init(_ text: String = "", then next: Next = .prompt) {
        self.text = text
        self.next = next
    }

    /// Text that must end with a line end, unless it is empty.
    static func lines(_ lines: [String]) -> Reply { Reply(lines.map { $0 + "\n" }.joined()) }
}

/// A question in the middle of a command.
struct Question: Sendable, Equatable {
    enum Input: Sendable, Equatable {
        case line
        /// A line that is not echoed.
        case hidden
        /// One key, without return.
        case key
    }

    enum Purpose: Sendable, Equatable {
        case enablePassword(attempt: Int)
        case sudoPassword(attempt: Int)
        case saveBeforeReload
        case confirmReload
        case destinationFile
        case leaveUncommitted
        /// The lines of a banner.
        case bannerText
    }

    var text: String
    var input: Input
    var purpose: Purpose
}
