/// What two texts differ in, line by line.
public struct TextDifference: Sendable, Hashable {
    enum Edit: Sendable, Hashable {
        case keep(old: Int, new: Int)
        case remove(Int)
        case insert(Int)
    }

    private let old: [Substring]
    private let new: [Substring]
    private let edits: [Edit]

    public init(from old: String, to new: String) {
        self.init(old.split(whereSeparator: \.isNewline).map { $0 }, new.split(whereSeparator: \.isNewline).map { $0 })
    }

    init(_ old: [Substring], _ new: [Substring]) {
        self.old = old
        self.new = new
        var edits: [Edit] = []
        edits.reserveCapacity(max(old.count, new.count))
        Self.compare(old[...], new[...], &edits)
        self.edits = edits
    }

    public var isEmpty: Bool { self.removed == 0 && self.inserted == 0 }
    /// Lines that only the old text has.
    public var removed: Int { self.edits.count { if case .remove = $0 { true } else { false } } }
    /// Lines that only the new text has.
    public var inserted: Int { self.edits.count { if case .insert = $0 { true } else { false } } }

    // MARK: Comparing

    /// A block that is larger on both sides together, and has no line that is unique on both, is taken as replaced: Myers's algorithm takes
    /// time and room by the square of the difference.
    private static let largestBlock = 4_000

    /// Equal ends first; then the lines that are unique on both sides and in the same order hold the rest together (Cohen's patience diff), and
    /// what is between them goes by Myers's algorithm ("An O(ND) Difference Algorithm and Its Variations", 1986), which the standard library has.
    private static func compare(_ old: ArraySlice<Substring>, _ new: ArraySlice<Substring>, _ edits: inout [Edit]) {
        var (old, new) = (old, new)
        while let a = old.first, let b = new.first, a == b {
            edits.append(.keep(old: old.startIndex, new: new.startIndex))
            old.removeFirst()
            new.removeFirst()
        }
        var tail: [Edit] = []
        while let a = old.last, let b = new.last, a == b {
            tail.append(.keep(old: old.endIndex - 1, new: new.endIndex - 1))
            old.removeLast()
            new.removeLast()
        }
        defer { edits.append(contentsOf: tail.reversed()) }
        guard !old.isEmpty, !new.isEmpty else { return Self.replace(old, new, &edits) }
        let anchors = Self.anchors(old, new)
        guard !anchors.isEmpty else {
            guard old.count + new.count <= Self.largestBlock else { return Self.replace(old, new, &edits) }
            return Self.compareSmall(old, new, &edits)
        }
        var (oldStart, newStart) = (old.startIndex, new.startIndex)
        for anchor in anchors {
            Self.compare(old[oldStart..<anchor.old], new[newStart..<anchor.new], &edits)
            edits.append(.keep(old: anchor.old, new: anchor.new))
            (oldStart, newStart) = (anchor.old + 1, anchor.new + 1)
        }
        Self.compare(old[oldStart...], new[newStart...], &edits)
    }

    private static func replace(
        _ old: ArraySlice<Substring>, _ new: ArraySlice<Substring>, _ edits: inout [Edit]
    ) {
        edits += old.indices.map { .remove($0) }
        edits += new.indices.map { .insert($0) }
    }

    private static func compareSmall(
        _ old: ArraySlice<Substring>, _ new: ArraySlice<Substring>, _ edits: inout [Edit]
    ) {
        let difference = Array(new).difference(from: Array(old))
        var removed = Set<Int>()
        var inserted = Set<Int>()
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(old.startIndex + offset)
            case .insert(let offset, _, _): inserted.insert(new.startIndex + offset)
            }
        }
        var (a, b) = (old.startIndex, new.startIndex)
        while a < old.endIndex || b < new.endIndex {
            if a < old.endIndex, removed.contains(a) {
                edits.append(.remove(a))
                a += 1
            } else if b < new.endIndex, inserted.contains(b) {
                edits.append(.insert(b))
                b += 1
            } else {
                edits.append(.keep(old: a, new: b))
                a += 1
                b += 1
            }
        }
    }

    /// The longest row of lines that are unique on both sides and in the same order there.
    private static func anchors(
        _ old: ArraySlice<Substring>, _ new: ArraySlice<Substring>
    ) -> [(old: Int, new: Int)] {
        var places: [Substring: (old: Int?, new: Int?, isUnique: Bool)] = [:]
        for index in old.indices {
            let known = places[old[index]]
            places[old[index]] = (index, nil, known == nil)
        }
        for index in new.indices {
            guard let known = places[new[index]] else { continue }
            places[new[index]] = (known.old, index, known.isUnique && known.new == nil)
        }
        var pairs: [(old: Int, new: Int)] = []
        for case (let a?, let b?, true) in places.values { pairs.append((a, b)) }
        pairs.sort { $0.old < $1.old }
        // Longest increasing subsequence by patience sorting.
        var tops: [Int] = []
        var before = [Int?](repeating: nil, count: pairs.count)
        for index in pairs.indices {
            var (low, high) = (0, tops.count)
            while low < high {
                let middle = (low + high) / 2
                if pairs[tops[middle]].new < pairs[index].new { low = middle + 1 } else { high = middle }
            }
            if low > 0 { before[index] = tops[low - 1] }
            if low == tops.count { tops.append(index) } else { tops[low] = index }
        }
        var row: [(old: Int, new: Int)] = []
        var next = tops.last
        while let index = next {
            row.append(pairs[index])
            next = before[index]
        }
        return row.reversed()
    }

    // MARK: Showing

    /// The difference in the unified format of `diff -u` (POSIX.1-2024, diff, "Diff Unified Output Format"); empty when there is none.
    public func unified(from oldName: String, to newName: String, context: Int = 3) -> String {
        let changes = self.edits.indices.filter { if case .keep = self.edits[$0] { false } else { true } }
        guard !changes.isEmpty else { return "" }
        var ranges: [Range<Int>] = []
        for index in changes {
            let range = max(0, index - context)..<min(self.edits.count, index + context + 1)
            if let last = ranges.last, last.upperBound >= range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        var text = "--- \(oldName)\n+++ \(newName)\n"
        var (oldLine, newLine, position) = (0, 0, 0)
        for range in ranges {
            while position < range.lowerBound {
                self.advance(position, &oldLine, &newLine)
                position += 1
            }
            let start = (oldLine, newLine)
            var body = ""
            while position < range.upperBound {
                switch self.edits[position] {
                case .keep(let index, _): body += " \(self.old[index])\n"
                case .remove(let index): body += "-\(self.old[index])\n"
                case .insert(let index): body += "+\(self.new[index])\n"
                }
                self.advance(position, &oldLine, &newLine)
                position += 1
            }
            text += "@@ -\(Self.span(start.0, oldLine)) +\(Self.span(start.1, newLine)) @@\n" + body
        }
        return text
    }

    private func advance(_ position: Int, _ oldLine: inout Int, _ newLine: inout Int) {
        switch self.edits[position] {
        case .keep:
            oldLine += 1
            newLine += 1
        case .remove: oldLine += 1
        case .insert: newLine += 1
        }
    }

    private static func span(_ start: Int, _ end: Int) -> String {
        switch end - start {
        case 0: "\(start),0"
        case 1: "\(start + 1)"
        default: "\(start + 1),\(end - start)"
        }
    }
}
