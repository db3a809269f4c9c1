/// A configuration line that a text of several lines belongs to, such as a login banner. The device takes the lines that follow as they are, without
/// a prompt, until the text ends.
package struct MultiLineText: Sendable {
    package enum End: Sendable, Hashable {
        /// The next occurrence of what follows the pattern's match: one character, or the two characters `^C`, which stand for it on Cisco's
        /// devices.
        case delimiter
        /// A line that holds nothing else.
        case line(String)
    }

    /// Matches the beginning of the line, up to the delimiter if there is one.
    let pattern: Pattern
    package let end: End
    /// What the device prints when it is ready for the text. `nil`: nobody has said, and the text can't be sent.
    package let invitation: Pattern?

    /// What of a line ends the text that the line begins; `nil` when no text of several lines begins there.
    package func end(after line: String) -> String? {
        let bytes = Array(line.utf8)
        guard case .matched(let range) = self.pattern.firstMatch(in: bytes) else { return nil }
        switch self.end {
        case .line(let end): return bytes[range.upperBound...].allSatisfy { $0 == 0x20 } ? end : nil
        case .delimiter:
            // Not by Swift's characters: a device doesn't see that a mark is combined with its delimiter.
            let rest = Array(bytes[range.upperBound...])
            guard let first = String(decoding: rest, as: UTF8.self).unicodeScalars.first else { return nil }
            let delimiter = rest.starts(with: "^C".utf8) ? "^C" : String(first)
            return Array(rest.dropFirst(delimiter.utf8.count)).contains(text: Array(delimiter.utf8)) ? nil : delimiter
        }
    }

    /// Whether a line of the text is its last one.
    package func isLast(_ line: String, end: String) -> Bool {
        switch self.end {
        case .line: line == end
        case .delimiter: Array(line.utf8).contains(text: Array(end.utf8))
        }
    }
}

/// A text that is typed behind a command's own line, once the device has asked for it.
package struct TypedText: Sendable {
    let invitation: Pattern
    let lines: [[UInt8]]

    package init(_ lines: [String], invitation: Pattern) {
        self.invitation = invitation
        self.lines = lines.map { Array($0.utf8) }
    }
}
