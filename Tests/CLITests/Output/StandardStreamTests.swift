import Testing

@testable import TetherCLI

@Suite("Standard streams")
struct StandardStreamTests {
    @Test(
        "colours are for terminals; NO_COLOR, CLICOLOR_FORCE, CLICOLOR and TERM say otherwise, in this order",
        arguments: [
            (true, ["TERM": "xterm"], true),
            (false, ["TERM": "xterm"], false),
            (true, ["TERM": "dumb"], false),
            (true, [:], false),
            (true, ["TERM": "xterm", "NO_COLOR": "1"], false),
            (true, ["TERM": "xterm", "NO_COLOR": ""], true),
            (true, ["TERM": "xterm", "CLICOLOR": "0"], false),
            (false, ["CLICOLOR_FORCE": "1"], true),
            (false, ["CLICOLOR_FORCE": "0"], false),
            (false, ["CLICOLOR_FORCE": "1", "CLICOLOR": "0"], true),
            (true, ["TERM": "dumb", "CLICOLOR_FORCE": "1"], true),
            (true, ["TERM": "xterm", "CLICOLOR_FORCE": "1", "NO_COLOR": "x"], false),
        ] as [(Bool, [String: String], Bool)])
    func colours(isTerminal: Bool, environment: [String: String], expected: Bool) {
        let stream = StandardStream(descriptor: 1, isTerminal: isTerminal, environment: environment)
        #expect(stream.usesColour == expected)
        #expect(stream.styled("x", .bad) == (expected ? "\u{1B}[31mx\u{1B}[0m" : "x"))
        #expect(stream.styled("x", nil) == "x")
    }

    @Test("a line is drawn over only where the terminal can")
    func redrawing() {
        func canRedraw(_ isTerminal: Bool, _ name: String?) -> Bool {
            StandardStream(
                descriptor: 1, isTerminal: isTerminal, environment: name.map { ["TERM": $0] } ?? [:]
            ).canRedraw
        }
        #expect(canRedraw(true, "xterm"))
        #expect(!canRedraw(true, "dumb"))
        #expect(!canRedraw(true, nil))
        #expect(!canRedraw(false, "xterm"))
    }

    @Test("text from elsewhere is escaped for terminals, and as it is elsewhere")
    func shown() {
        let terminal = StandardStream(descriptor: 1, isTerminal: true, environment: [:])
        let pipe = StandardStream(descriptor: 1, isTerminal: false, environment: [:])
        let bytes: [UInt8] = [0x61, 0x1B, 0x5B, 0x32, 0x4A, 0xFF]
        #expect(terminal.shown(bytes) == Array("a\\x1b[2J\u{FFFD}".utf8))
        #expect(pipe.shown(bytes) == bytes)
    }
}

@Suite("Text on a terminal")
struct TerminalTextTests {
    @Test(
        "no control character of a device reaches the terminal",
        arguments: [
            ("plain text, äöü, 漢字, 👍🏽", "plain text, äöü, 漢字, 👍🏽"),
            ("a\nb\tc\n", "a\nb\tc\n"),
            ("a\r\nb\r\n", "a\nb\n"),
            ("50%\r100%", "50%\\r100%"),
            ("end\r", "end\\r"),
            ("\u{1B}]0;title\u{7}", "\\x1b]0;title\\x07"),
            ("\u{1B}]52;c;aGk=\u{1B}\\", "\\x1b]52;c;aGk=\\x1b\\"),
            ("\u{9B}31m", "\\x9b31m"),
            ("\u{7F}\u{0}\u{8}", "\\x7f\\x00\\x08"),
            ("evil\u{202E}txt.exe", "evil\\u{202e}txt.exe"),
            ("\u{2066}a\u{2069}\u{2028}\u{200F}", "\\u{2066}a\\u{2069}\\u{2028}\\u{200f}"),
        ])
    func escaped(text: String, expected: String) {
        #expect(TerminalText.escaped(text) == expected)
    }

    @Test("what has to stay on a line stays on it")
    func line() {
        #expect(TerminalText.escapedLine("a\nb\tc\r\u{1B}") == "a\\nb\\tc\\r\\x1b")
        #expect(TerminalText.escapedLine("plain") == "plain")
    }

    @Test(
        "of all scalars below U+3000, those that control a terminal or the direction of writing are escaped, and no others"
    )
    func everyScalar() {
        for value in UInt32(0)..<0x3000 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = String(Character(scalar))
            let isControl = scalar.properties.generalCategory == .control && value != 9 && value != 10
            let isDirection = scalar.properties.isBidiControl || value == 0x2028 || value == 0x2029
            #expect((TerminalText.escaped(text) != text) == (isControl || isDirection), "U+\(String(value, radix: 16))")
        }
    }
}

@Suite("Display width")
struct DisplayWidthTests {
    @Test(
        "columns of a terminal",
        arguments: [
            ("", 0), ("router1", 7), ("äöü", 3), ("e\u{301}", 1), ("漢字", 4), ("ｱ", 1), ("Ａ", 2), ("한국", 4), ("👍", 2),
            ("👍🏽", 2), ("👨‍👩‍👧", 2), ("🇩🇪", 2), ("❤️", 2), ("…", 1), ("│", 1), ("a\u{200B}b", 2),
        ])
    func width(text: String, expected: Int) {
        #expect(DisplayWidth.of(text) == expected)
    }

    @Test("what is cut has the width that it was cut to, or one less where a wide character doesn't fit")
    func cutting() {
        #expect(DisplayWidth.cut("router1", to: 7) == "router1")
        #expect(DisplayWidth.cut("router1", to: 6) == "route…")
        #expect(DisplayWidth.cut("router1", to: 1) == "…")
        #expect(DisplayWidth.cut("router1", to: 0) == "")
        #expect(DisplayWidth.cut("漢字漢字", to: 5) == "漢字…")
        #expect(DisplayWidth.cut("漢字漢字", to: 4) == "漢…")
        for width in 0...20 {
            #expect(DisplayWidth.of(DisplayWidth.cut("a漢e\u{301}👍bücher", to: width)) <= width)
        }
    }
}

@Suite("Tables")
struct TableTests {
    private var table: Table {
        var table = Table([.init("device"), .init("port", .right), .init("tags", shrinks: true)])
        table.add(["router1", "22", "edge, core"])
        table.add([.init("漢字", .bad), "2222", ""])
        table.add(["x"])
        return table
    }

    @Test("columns are aligned by display width, and no line ends with blanks")
    func aligned() {
        #expect(
            self.table.text(width: nil) == """
                DEVICE   PORT  TAGS
                router1    22  edge, core
                漢字     2222
                x

                """)
    }

    @Test("a narrow terminal cuts the columns that may be cut")
    func narrow() {
        #expect(
            self.table.text(width: 23) == """
                DEVICE   PORT  TAGS
                router1    22  edge, c…
                漢字     2222
                x

                """)
        // No column gets narrower than can be read, and those that say what the row is about stay whole.
        #expect(self.table.text(width: 5) == self.table.text(width: 23))
    }

    @Test("styles don't count as width")
    func styled() {
        let plain = self.table.text(width: nil)
        let styled = self.table.text(width: nil) { text, style in style == nil ? text : "<\(text)>" }
        #expect(styled.contains("<漢字>     2222"))
        #expect(styled.replacing("<", with: "").replacing(">", with: "") == plain)
    }

    @Test("a cell can't break the table")
    func controlCharacters() {
        var table = Table([.init("a"), .init("b")])
        table.add(["one\ntwo", "\u{1B}[2J"])
        #expect(table.text(width: nil) == "A         B\none\\ntwo  \\x1b[2J\n")
    }
}
