/// Commands that may be abbreviated word by word, as on Cisco's and Juniper's command lines.
struct CommandTable<Command: Sendable>: Sendable {
    enum Match {
        /// The command, and the words after it.
        case command(Command, rest: [Substring])
        case incomplete
        case ambiguous
        /// No command begins like this; `offset` is the position in the line of the first word that doesn't fit.
        case invalid(offset: Int)
    }

    private struct Entry: Sendable {
        var words: [String]
        var takesMore: Bool
        var command: Command
    }

    private var entries: [Entry] = []

    /// `pattern`: words, with `…` at the end when further words may follow.
    init(_ commands: KeyValuePairs<String, Command>) {
        for (pattern, command) in commands {
            var words = pattern.split(separator: " ").map(String.init)
            let takesMore = words.last == "…"
            if takesMore { words.removeLast() }
            entries.append(Entry(words: words, takesMore: takesMore, command: command))
        }
    }

    func match(_ line: String) -> Match {
        let words = line.split(separator: " ")
        var candidates = entries
        for (position, word) in words.enumerated() {
            let finished = candidates.filter { $0.words.count == position && $0.takesMore }
            var fitting = candidates.filter { $0.words.count > position && $0.words[position].hasPrefix(word) }
            let exact = fitting.filter { $0.words[position] == word }
            if !exact.isEmpty { fitting = exact }
            if fitting.isEmpty {
                if let entry = finished.first { return .command(entry.command, rest: Array(words[position...])) }
                return .invalid(offset: line.utf8.distance(from: line.startIndex, to: word.startIndex))
            }
            if Set(fitting.map { $0.words[position] }).count > 1 { return .ambiguous }
            candidates = fitting
        }
        if let entry = candidates.first(where: { $0.words.count == words.count }) {
            return .command(entry.command, rest: [])
        }
        return .incomplete
    }
}
