/// Answers the rounds of questions of one attempt at `keyboard-interactive` (RFC 4256 §3.2–3.4). Value type, no I/O.
///
/// Nothing is given twice: a server that asks again after a wrong answer would otherwise be given the same one over and over,
/// and lock the account. What nobody has an answer for gets an empty one, which the server rejects.
struct InteractiveAnswers: Sendable {
    struct Question: Sendable, Hashable {
        var text: String
        /// What is typed is not to be shown (`echo` is false).
        var isHidden: Bool
    }

    private let username: String
    private var password: Secret?
    private var prepared: [PromptAnswer]
    private var hasGivenName = false
    /// The first questions that got an empty answer. A server may ask for as long as there is time.
    private(set) var unanswered: [String] = []
    private static let mostUnanswered = 8
    /// Whether the server wants a new password. The answers to that round must not be sent: there are devices that take an
    /// empty password for one.
    private(set) var wantsNewPassword = false

    /// Answers with a password, and with the user's name where that is asked for openly.
    init(username: String, password: Secret) {
        self.username = username
        self.password = password
        self.prepared = []
    }

    /// Answers those questions that have a prepared answer, each used once.
    init(username: String, prepared: [PromptAnswer]) {
        self.username = username
        self.prepared = prepared
    }

    /// The answers to one round, one for each question; `nil` is an empty one.
    mutating func answers(instruction: String, questions: [Question]) -> [Secret?] {
        if Self.asksForChange(instruction) || questions.contains(where: { Self.asksForNewPassword($0.text) }) {
            self.wantsNewPassword = true
        }
        guard !self.wantsNewPassword else { return questions.map { _ in nil } }
        var answers = questions.map { self.preparedAnswer($0.text) }
        self.givePassword(questions, &answers)
        for (index, question) in questions.enumerated() where answers[index] == nil {
            if !question.isHidden, !self.hasGivenName, Self.asksForName(question.text) {
                self.hasGivenName = true
                answers[index] = Secret(self.username)
            } else if !question.text.isEmpty, self.unanswered.count < Self.mostUnanswered {
                self.unanswered.append(question.text)
            }
        }
        return answers
    }

    private mutating func preparedAnswer(_ text: String) -> Secret? {
        guard
            let index = self.prepared.firstIndex(where: {
                $0.prompt.isEmpty || text.lowercased().contains($0.prompt.lowercased())
            })
        else { return nil }
        return self.prepared.remove(at: index).answer
    }

    /// Of several hidden questions those that speak of a password; all of them where none does, since they may do so in any
    /// language.
    private mutating func givePassword(_ questions: [Question], _ answers: inout [Secret?]) {
        guard let password = self.password else { return }
        let hidden = questions.indices.filter { questions[$0].isHidden && answers[$0] == nil }
        let named = hidden.filter { questions[$0].text.lowercased().contains("passw") }
        for index in named.isEmpty ? hidden : named { answers[index] = password }
        if !hidden.isEmpty { self.password = nil }
    }

    private static func asksForName(_ text: String) -> Bool {
        let text = text.lowercased()
        return text.contains("user") || text.contains("login") || text.contains("name")
    }

    /// PAM's `New password:`, `Enter new UNIX password:`, `Retype new password:`, TACACS+'s `New Password:`, RADIUS's
    /// `Enter your new password`.
    private static func asksForNewPassword(_ text: String) -> Bool {
        let text = text.lowercased()
        return text.contains("passw") && text.split(whereSeparator: { !$0.isLetter }).contains("new")
    }

    /// PAM's `You are required to change your password immediately`, and its like.
    private static func asksForChange(_ text: String) -> Bool {
        let text = text.lowercased()
        return text.contains("passw")
            && (text.contains("has expired") || text.contains("required to change") || text.contains("must change")
                || text.contains("must be changed"))
    }
}
