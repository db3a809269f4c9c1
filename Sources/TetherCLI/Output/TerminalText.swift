/// Text from elsewhere, made harmless for a terminal.
///
/// A device (or whoever wrote its banner, host name or log) could otherwise send the terminal's own commands: move the cursor over what was printed,
/// set the title, write to the clipboard (OSC 52), or type answers to queries into the shell.
enum TerminalText {
    /// Line ends and tabs stay, `\r\n` becomes a line end; every other control character, and what changes the direction of writing (Unicode Standard
    /// Annex #9), stands as `\x1b` or `\u{202e}`.
    static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: Self.isUnsafe) else { return text }
        var result = ""
        result.reserveCapacity(text.utf8.count + 16)
        let scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            if !Self.isUnsafe(scalar) {
                result.unicodeScalars.append(scalar)
            } else if scalar != "\r" || index + 1 == scalars.count || scalars[index + 1] != "\n" {
                result += Self.escape(scalar)
            }
        }
        return result
    }

    /// The same for something that has to stay on one line: line ends and tabs are escaped too.
    static func escapedLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { Self.isUnsafe($0) || $0 == "\n" || $0 == "\t" }) else {
            return text
        }
        var result = ""
        for scalar in text.unicodeScalars {
            if Self.isUnsafe(scalar) || scalar == "\n" || scalar == "\t" {
                result += Self.escape(scalar)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            let digits = String(scalar.value, radix: 16)
            return scalar.value < 0x100 ? "\\x" + (digits.count < 2 ? "0" : "") + digits : "\\u{\(digits)}"
        }
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: false
        case 0...0x1F, 0x7F...0x9F: true
        // Marks, embeddings, overrides and isolates of direction; separators of lines and paragraphs.
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
