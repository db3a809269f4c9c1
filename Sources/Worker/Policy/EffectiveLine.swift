/// What a device may make of one text that is typed to it.
///
/// A policy that looked at the text alone would be fooled by leading blanks, by a pipe into a command that writes, by a second line. So the text is taken
/// apart: at line breaks, pipes, redirections and separators. For a denied command, more is tried, always in doubt against the text; for an allowed one,
/// every part has to be allowed as it stands.
struct EffectiveLine: Sendable {
    /// As it was given.
    let raw: String
    /// Without blanks at the ends, runs of blanks as one, line breaks too: fit to be searched, not to be judged as one command.
    let text: String
    /// The commands in it.
    let parts: [String]
    /// The words of each part, and of what else it may be read as.
    let readings: [[String]]
    /// It holds a key that a device may act on (backspace, escape, …): nobody can say what it makes of the line.
    let isInDoubt: Bool

    init(_ raw: String, _ syntax: CommandSyntax) {
        self.raw = raw
        self.isInDoubt = raw.unicodeScalars.contains { Self.isKey($0) }
        self.text = Self.blanksCollapsed(raw)
        self.parts = Self.split(raw, syntax)
        var readings: [[String]] = []
        func add(_ words: [String]) {
            var words = words
            while !words.isEmpty {
                if !readings.contains(words) { readings.append(words) }
                // `do reload`, `run request system reboot`, `sudo reboot`.
                guard let first = words.first?.lowercased(), words.count > 1,
                    Self.wrappers.contains(where: { syntax.abbreviates ? $0.hasPrefix(first) : $0 == first })
                else { return }
                words.removeFirst()
            }
        }
        for part in self.parts { add(Self.words(part, syntax)) }
        // A question mark asks for help and leaves the line as it was: `relo?ad` is `reload`. The bytes of other characters may be keys that delete.
        let plain = String(String.UnicodeScalarView(raw.unicodeScalars.filter { $0 != "?" && $0.isASCII }))
        if plain != raw {
            for part in Self.split(plain, syntax) { add(Self.words(part, syntax)) }
        }
        self.readings = readings
    }

    private static let wrappers = ["do", "run", "admin", "sudo"]

    private static func isKey(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\t", "\n", "\r", "\u{85}": false
        default: scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
        }
    }

    private static func blanksCollapsed(_ text: String) -> String {
        text.split { $0.unicodeScalars.allSatisfy { $0.properties.isWhitespace || Self.isKey($0) } }
            .joined(separator: " ")
    }

    private static func split(_ text: String, _ syntax: CommandSyntax) -> [String] {
        text.unicodeScalars.split(whereSeparator: syntax.separates)
            .map { Self.blanksCollapsed(String(Substring($0))) }
            .filter { !$0.isEmpty }
    }

    /// Without what quotes and escapes on some platforms, and without what leads to the top of the menus.
    private static func words(_ part: String, _ syntax: CommandSyntax) -> [String] {
        let plain = part.filter { $0 != "\"" && $0 != "'" && (!syntax.isShell || $0 != "\\") }
        let words = plain.split { $0 == " " || (syntax.hasMenus && $0 == "/") }.map(String.init)
        guard !syntax.isShell, let first = words.first else { return words }
        let command = String(first.drop { $0 == "/" || $0 == "\\" || $0 == ":" })
        return (command.isEmpty ? [] : [command]) + words.dropFirst()
    }
}
