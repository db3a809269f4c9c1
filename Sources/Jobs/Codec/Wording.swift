/// How messages put values and alternatives.
enum Wording {
    /// `text` in quotation marks, shortened, with control characters as escapes: a message must stay one line whatever a record holds.
    static func quoted(_ text: String) -> String {
        var result = "\""
        var count = 0
        for scalar in text.unicodeScalars {
            if count == 60 { return result + "…\"" }
            count += 1
            result += TextRule.isControl(scalar) || scalar == "\"" ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return result + "\""
    }

    /// `"a", "b" or "c"`.
    static func alternatives(_ values: [String]) -> String {
        let quoted = values.map { "\"\($0)\"" }
        guard let last = quoted.last, quoted.count > 1 else { return quoted.joined() }
        return quoted.dropLast().joined(separator: ", ") + " or " + last
    }

    /// ` (did you mean "x"?)` when one of `candidates` is at most two typing mistakes away, else nothing.
    static func suggestion(for text: String, among candidates: [String]) -> String {
        guard let nearest = Self.nearest(to: text, among: candidates) else { return "" }
        return " (did you mean \"\(nearest)\"?)"
    }

    static func nearest(to text: String, among candidates: [String]) -> String? {
        // A long text is no misspelling, and must not cost a large table.
        guard text.utf8.count <= 40 else { return nil }
        let ranked = candidates.map { ($0, Self.distance(text.lowercased(), $0.lowercased())) }
        guard let best = ranked.min(by: { $0.1 < $1.1 }), best.1 <= 2, best.1 < best.0.count - 1 else { return nil }
        return best.0
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other (restricted Damerau–Levenshtein distance).
    private static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first.unicodeScalars), Array(second.unicodeScalars))
        var rows = [Array(0...b.count)]
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
