/// A pattern of ssh_config(5): `*`, `?`, and `!` in front for "but not".
struct HostPattern: Sendable, Hashable {
    let isNegated: Bool
    private let pattern: [UInt8]

    init(_ text: String) {
        self.isNegated = text.hasPrefix("!")
        self.pattern = Array((self.isNegated ? text.dropFirst() : text[...]).utf8)
    }

    static func isPattern(_ text: String) -> Bool {
        text.hasPrefix("!") || text.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
    }

    /// Whether a list is for `name`: any pattern fits, and no negated one does.
    static func list(_ patterns: [HostPattern], matches name: String) -> Bool {
        let name = Array(name.utf8)
        var isMatched = false
        for pattern in patterns where pattern.fits(name) {
            if pattern.isNegated { return false }
            isMatched = true
        }
        return isMatched
    }

    /// Linear in time but for the last star, so a hostile pattern can't make it explode.
    private func fits(_ name: [UInt8]) -> Bool {
        var (p, n) = (0, 0)
        var (star, resume) = (-1, 0)
        while n < name.count {
            if p < self.pattern.count, self.pattern[p] == UInt8(ascii: "*") {
                (star, resume) = (p, n)
                p += 1
            } else if p < self.pattern.count, self.pattern[p] == UInt8(ascii: "?") || self.pattern[p] == name[n] {
                p += 1
                n += 1
            } else if star >= 0 {
                resume += 1
                (p, n) = (star + 1, resume)
            } else {
                return false
            }
        }
        while p < self.pattern.count, self.pattern[p] == UInt8(ascii: "*") { p += 1 }
        return p == self.pattern.count
    }
}
