/// Finds what somebody may have meant.
package enum Suggestion {
    /// The candidate that fewest edits away from `text`, if that is near enough to be meant.
    package static func closest(to text: String, among candidates: some Sequence<String>) -> String? {
        let text = Array(text.lowercased().utf8.prefix(64))
        let bound = max(1, min(3, text.count / 3))
        var best: (distance: Int, candidate: String)?
        for candidate in candidates {
            let other = Array(candidate.lowercased().utf8)
            guard abs(other.count - text.count) <= bound else { continue }
            let distance = self.distance(text, other)
            guard distance <= bound else { continue }
            // The order of a dictionary's keys is not stable: equal distances go by name.
            if let found = best, (found.distance, found.candidate) <= (distance, candidate) { continue }
            best = (distance, candidate)
        }
        return best?.candidate
    }

    /// `; did you mean …?`, or nothing.
    package static func sentence(_ candidate: String?) -> String {
        candidate.map { "; did you mean `\($0)`?" } ?? ""
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: other.count + 1)
        var last = Array(0...other.count)
        for (row, left) in one.enumerated() {
            var current = [row + 1]
            current.reserveCapacity(other.count + 1)
            for (column, right) in other.enumerated() {
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (left == right ? 0 : 1))
                if row > 0, column > 0, left == other[column - 1], one[row - 1] == right {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[other.count]
    }
}
