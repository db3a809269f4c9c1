/// `edge` or `edge&berlin`: holds for a device that has all of the tags. The one meaning of tags everywhere; in a group's `tags:`, which lists
/// several expressions, one that holds is enough.
package struct TagExpression: Sendable, Hashable {
    package let tags: [String]

    /// `nil` unless it is one tag or several joined by `&`.
    package init?(_ text: some StringProtocol) {
        let tags = text.split(separator: "&", omittingEmptySubsequences: false).map { part in
            String(part).trimmingSpaces()
        }
        guard tags.allSatisfy({ Self.problem(withTag: $0) == nil }) else { return nil }
        self.tags = tags
    }

    /// Positions of the devices that it holds for, ascending.
    func devices(in index: [String: [Int]]) -> [Int] {
        let lists = self.tags.map { index[$0] ?? [] }.sorted { $0.count < $1.count }
        guard let first = lists.first, !first.isEmpty else { return [] }
        return lists.dropFirst().reduce(first) { common, list in
            let set = Set(list)
            return common.filter { set.contains($0) }
        }
    }

    /// Why a text can't be a tag; `nil` when it can.
    static func problem(withTag tag: String) -> String? {
        if tag.isEmpty { return "a tag must not be empty" }
        let isBad = tag.unicodeScalars.contains {
            if ("a"..."z").contains($0) || ("0"..."9").contains($0) || $0 == "-" { return false }
            return $0 == "&" || $0 == "," || $0.properties.isWhitespace || $0.properties.generalCategory == .control
        }
        return isBad ? "a tag must not contain `&`, `,`, white space or control characters" : nil
    }
}

extension String {
    /// Without spaces and tabs at both ends.
    func trimmingSpaces() -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let start = self.firstIndex(where: { !isSpace($0) }), let end = self.lastIndex(where: { !isSpace($0) })
        else {
            return ""
        }
        return String(self[start...end])
    }
}
