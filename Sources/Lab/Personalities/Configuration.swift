/// A device's configuration: lines in the order they were entered, each either on its own or with lines below it.
package struct Configuration: Sendable, Hashable {
    /// One top-level line and what stands below it.
    package struct Section: Sendable, Hashable {
        package var header: String
        package var lines: [String]

        package init(_ header: String, _ lines: [String] = []) {
            self.header = header
            self.lines = lines
        }
    }

    package var sections: [Section]

    package init(_ sections: [Section] = []) { self.sections = sections }

    /// Makes sure that the section exists (an empty interface is configuration too).
    package mutating func open(_ header: String) {
        if !sections.contains(where: { $0.header == header }) { sections.append(Section(header)) }
    }

    /// Enters one line: `no X` removes what begins with X; a single-valued line replaces its predecessor.
    /// - Parameter header: the section, `nil` for the top level.
    package mutating func apply(_ line: String, in header: String? = nil) {
        let words = line.split(separator: " ")
        let removes = words.first == "no"
        let text = removes ? words.dropFirst().joined(separator: " ") : line
        guard let header else {
            let key = Self.singleValued.first { text.hasPrefix($0 + " ") }
            sections.removeAll { section in
                section.header == text || (removes && section.header.hasPrefix(text + " "))
                    || (key.map { section.header.hasPrefix($0 + " ") } ?? false)
            }
            if !removes { sections.append(Section(text)) }
            return
        }
        open(header)
        guard let index = sections.firstIndex(where: { $0.header == header }) else { return }
        if text == "shutdown" {
            sections[index].lines.removeAll { $0 == "shutdown" || $0 == "no shutdown" }
            if !removes { sections[index].lines.append("shutdown") }
            return
        }
        let key = Self.singleValued.first { text.hasPrefix($0 + " ") }
        sections[index].lines.removeAll { existing in
            existing == text || (removes && existing.hasPrefix(text + " "))
                || (key.map { existing.hasPrefix($0 + " ") } ?? false)
        }
        if !removes { sections[index].lines.append(text) }
    }

    private static let singleValued = ["hostname", "description", "ip address", "mtu", "name", "bandwidth"]

    /// The configuration as lines, the lower ones indented.
    package func rendered(indent: String = " ", separator: String? = "!") -> [String] {
        var result: [String] = []
        for section in sections {
            result.append(section.header)
            result += section.lines.map { indent + $0 }
            if let separator, !section.lines.isEmpty { result.append(separator) }
        }
        return result
    }

    /// Lines that only one of the two has, marked `-` (only here) and `+` (only in `other`).
    package func difference(to other: Configuration) -> [String] {
        let old = rendered(separator: nil)
        let new = other.rendered(separator: nil)
        return new.difference(from: old).map { change in
            switch change {
            case .remove(_, let line, _): "-" + line
            case .insert(_, let line, _): "+" + line
            }
        }
    }
}
