/// How many columns of a terminal text takes.
///
/// By the East Asian Width property (Unicode Standard Annex #11), as terminals mostly do it: wide and full-width characters and emoji take two columns,
/// combining ones none. What a particular terminal makes of rare characters nobody can know.
enum DisplayWidth {
    /// Of one line without escape sequences.
    static func of(_ text: String) -> Int {
        // ASCII, which nearly all of it is, needs no grapheme breaking.
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text.utf8.count }
        return text.reduce(0) { $0 + Self.of($1) }
    }

    static func of(_ character: Character) -> Int {
        var width = 0
        for scalar in character.unicodeScalars {
            // Emoji presentation is wide, whatever the character is without it.
            if scalar.value == 0xFE0F { return 2 }
            width = max(width, Self.of(scalar))
        }
        return width
    }

    /// The longest beginning of `text` that fits, with `…` in place of what is cut off.
    static func cut(_ text: String, to width: Int) -> String {
        guard Self.of(text) > width else { return text }
        guard width > 0 else { return "" }
        var result = ""
        var used = 0
        for character in text {
            let next = Self.of(character)
            guard used + next <= width - 1 else { break }
            result.append(character)
            used += next
        }
        return result + "…"
    }

    private static func of(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0: return 0
        case 0x20..<0x300: return 1
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x1B000...0x1B2FF, 0x1F1E6...0x1F1FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD:
            return 2
        default: break
        }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return scalar.properties.isEmojiPresentation ? 2 : 1
        }
    }
}
