/// Words that a command begins with, such as `write erase`. `*` stands for one word or more: `copy * running-config`.
struct CommandPhrase: Sendable, Hashable {
    private enum Token: Sendable, Hashable {
        case word(String)
        case one
        case any
    }
    private let tokens: [Token]
    /// Without what leads to the top of a CLI's menus.
    private let commandTokens: [Token]
    /// With each step of a path as a word.
    private let menuTokens: [Token]

    /// How the words of a line are held against those of the phrase.
    struct Matching: Sendable, Hashable {
        enum Reading: Sendable, Hashable { case words, command, menus }

        /// What the line's words have been made of.
        var reading = Reading.words
        /// A line's word may be any beginning of the phrase's.
        var abbreviates = false
        /// Upper and lower case are the same.
        var foldsCase = false
        /// The last part of a path counts for the path.
        var ignoresFolders = false
        /// The phrase may begin at any word of the line.
        var isAnywhere = false
    }

    /// `nil` when there is no word in it.
    init?(_ text: String) {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard !words.isEmpty else { return nil }
        func tokens(_ words: [String]) -> [Token] { words.flatMap { $0 == "*" ? [Token.one, .any] : [.word($0)] } }
        self.tokens = tokens(words)
        let command = String(words[0].drop { $0 == "/" || $0 == "\\" || $0 == ":" })
        let plain = (command.isEmpty ? [] : [command]) + words.dropFirst()
        self.commandTokens = tokens(plain)
        self.menuTokens = tokens(plain.flatMap { $0.split(separator: "/").map(String.init) })
    }

    /// Whether the line begins with the phrase. Time is bounded by the product of both lengths.
    func matches(_ words: [String], _ matching: Matching) -> Bool {
        var tokens =
            switch matching.reading {
            case .words: self.tokens
            case .command: self.commandTokens
            case .menus: self.menuTokens
            }
        // A phrase that is nothing but signs.
        guard !tokens.isEmpty else { return false }
        if matching.isAnywhere { tokens.insert(.any, at: 0) }
        var position = 0
        var token = 0
        var retry: (token: Int, position: Int)?
        while token < tokens.count {
            if case .any = tokens[token] {
                retry = (token + 1, position)
                token += 1
                continue
            }
            if position < words.count, Self.accepts(tokens[token], words[position], matching) {
                token += 1
                position += 1
                continue
            }
            guard let (start, reached) = retry, reached < words.count else { return false }
            retry = (start, reached + 1)
            token = start
            position = reached + 1
        }
        return true
    }

    private static func accepts(_ token: Token, _ word: String, _ matching: Matching) -> Bool {
        guard case .word(let expected) = token else { return true }
        if Self.accepts(expected, word[...], matching) { return true }
        guard matching.ignoresFolders, let slash = word.lastIndex(of: "/") else { return false }
        return Self.accepts(expected, word[word.index(after: slash)...], matching)
    }

    private static func accepts(_ expected: String, _ word: Substring, _ matching: Matching) -> Bool {
        guard !word.isEmpty else { return false }
        let (expected, word) =
            matching.foldsCase ? (expected.lowercased(), word.lowercased()) : (expected, String(word))
        return matching.abbreviates ? expected.hasPrefix(word) : expected == word
    }
}
