/// What the machine needs of a platform's definition, compiled. Immutable; one instance serves all sessions of a platform.
final class DialogueRules: Sendable {
    struct Pager: Sendable {
        let pattern: Pattern
        /// What to press for the next page.
        let key: [UInt8]
    }

    /// A question that may stand before the first prompt, and an answer that changes nothing.
    struct SignOnQuestion: Sendable {
        let pattern: Pattern
        let answer: [UInt8]
    }

    let platform: String
    /// What the return key sends.
    let lineEnding: [UInt8]
    let columns: Int

    /// What stops a running command; the first is tried first. Never empty.
    let interruptKeys: [[UInt8]]

    /// Any prompt of the platform, matched up to the end of the last line.
    let prompt: Pattern
    let promptExcludes: [[UInt8]]
    /// A prompt pattern of the platform reaches back over the line before the prompt (`{master:0}` on Junos).
    let promptSpansLines: Bool
    /// The prompt pattern is so loose that only repetition proves a first or a changed prompt.
    let confirmsPrompt: Bool
    /// The device may show the line again, prompt and all, when its return key comes.
    let repeatsEcho: Bool
    let modes: [Mode]
    /// Index in `modes` of the mode that commands run in.
    let defaultMode: Int?

    let onOpen: [Instruction]
    let onClose: [Instruction]
    let signOnQuestions: [SignOnQuestion]
    /// The device asks for the login's password again inside the shell.
    let asksForLogin: Bool

    let pagers: [Pager]
    let passwordQuestion: Pattern
    let question: Pattern
    /// A line that says that the command failed.
    let failure: Pattern?
    /// A line that the device logs to the terminal unasked.
    let logMessage: Pattern?

    init(
        platform: String,
        lineEnding: [UInt8],
        columns: Int,
        interruptKeys: [[UInt8]],
        prompt: Pattern,
        promptExcludes: [[UInt8]],
        promptSpansLines: Bool,
        confirmsPrompt: Bool,
        repeatsEcho: Bool,
        modes: [Mode],
        defaultMode: Int?,
        onOpen: [Instruction],
        onClose: [Instruction],
        signOnQuestions: [SignOnQuestion],
        asksForLogin: Bool,
        pagers: [Pager],
        passwordQuestion: Pattern,
        question: Pattern,
        failure: Pattern?,
        logMessage: Pattern?
    ) {
        self.platform = platform
        self.lineEnding = lineEnding
        self.columns = columns
        self.interruptKeys = interruptKeys.isEmpty ? [[0x03]] : interruptKeys
        self.prompt = prompt
        self.promptExcludes = promptExcludes
        self.promptSpansLines = promptSpansLines
        self.confirmsPrompt = confirmsPrompt
        self.repeatsEcho = repeatsEcho
        self.modes = modes
        self.defaultMode = defaultMode
        self.onOpen = onOpen
        self.onClose = onClose
        self.signOnQuestions = signOnQuestions
        self.asksForLogin = asksForLogin
        self.pagers = pagers
        self.passwordQuestion = passwordQuestion
        self.question = question
        self.failure = failure
        self.logMessage = logMessage
    }

    // MARK: Modes

    func modeIndex(named name: String) -> Int? {
        self.modes.firstIndex { $0.name == name }
    }

    /// The edges from one mode to another, by the shortest way; `nil` when there is none.
    func path(from start: Int, to goal: Int) -> [(from: Int, edge: Mode.Edge, to: Int)]? {
        var arrivals: [Int: (from: Int, edge: Mode.Edge)] = [:]
        var seen: Set<Int> = [start]
        var frontier = [start]
        while !frontier.isEmpty, !seen.contains(goal) {
            var next: [Int] = []
            for mode in frontier {
                for edge in self.modes[mode].edges {
                    guard let target = self.modeIndex(named: edge.target), seen.insert(target).inserted else {
                        continue
                    }
                    arrivals[target] = (mode, edge)
                    next.append(target)
                }
            }
            frontier = next
        }
        guard seen.contains(goal) else { return nil }
        var path: [(from: Int, edge: Mode.Edge, to: Int)] = []
        var mode = goal
        while mode != start, let arrival = arrivals[mode] {
            path.append((arrival.from, arrival.edge, mode))
            mode = arrival.from
        }
        return path.reversed()
    }
}
