/// What somebody may have meant.
enum NameSuggestion {
    /// The candidate that the fewest typing mistakes (insertions, deletions, replacements, swaps of neighbours) lie away, if that is few enough.
    static func nearest(to text: String, among candidates: some Sequence<String>) -> String? {
        let text = Array(text.lowercased().utf8.prefix(64))
        let bound = max(1, min(3, text.count / 3))
        var best: (distance: Int, candidate: String)?
        for candidate in candidates {
            let other = Array(candidate.lowercased().utf8)
            guard abs(other.count - text.count) <= bound else { continue }
            let distance = self.distance(text, other)
            guard distance <= bound else { continue }
            if let best, (best.distance, best.candidate) <= (distance, candidate) { continue }
            best = (distance, candidate)
        }
        return best?.candidate
    }

    /// Restricted Damerau–Levenshtein distance.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var rows = [Array(0...other.count)]
        for i in one.indices {
            var row = [i + 1]
            for j in other.indices {
                var cost = min(rows[i][j] + (one[i] == other[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] {
                    cost = min(cost, rows[i - 1][j - 1] + 1)
                }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[one.count][other.count]
    }
}
