import Testing

@testable import Dialogue

@Suite("Terminal line")
struct TerminalLineTests {
    /// All lines, and the one under construction.
    private func render(_ bytes: [UInt8], columns: Int = 80, chunk: Int = .max) -> [String] {
        var terminal = TerminalLine(columns: columns)
        var lines: [String] = []
        for start in stride(from: 0, to: bytes.count, by: min(chunk, max(bytes.count, 1))) {
            bytes[start..<min(bytes.count, start + min(chunk, bytes.count))].withUnsafeBytes { input in
                var index = 0
                while true {
                    switch terminal.consume(input, from: &index) {
                    case .line:
                        lines.append(String(decoding: terminal.bytes, as: UTF8.self))
                        terminal.beginLine()
                    case .tooLong: terminal.removeFirst(terminal.bytes.count / 2)
                    case .exhausted: return
                    }
                }
            }
        }
        return lines + [String(decoding: terminal.bytes, as: UTF8.self)]
    }

    @Test(
        "text is drawn as a terminal draws it",
        arguments: [
            ("abc\u{8}\u{8}X", ["aXc"]),
            ("abc\rX", ["Xbc"]),
            ("abc\r\u{1B}[KX", ["X"]),
            ("abc\u{1B}[2D\u{1B}[K", ["a"]),
            ("abc\u{1B}[1K", ["   "]),
            ("abc\u{1B}[2K\rX", ["X"]),
            ("abc\u{1B}[3CX", ["abc   X"]),
            ("abcdef\u{1B}[2GX", ["aXcdef"]),
            ("abcdef\u{1B}[5;3HX", ["abXdef"]),
            ("abcdef\r\u{1B}[2P", ["cdef"]),
            ("abcdef\r\u{1B}[2X", ["  cdef"]),
            ("abc\r\u{1B}[2@XY", ["XYabc"]),
            ("abc\u{1B}[2J\u{1B}[HX", ["X"]),
            ("Zürich\u{8}\u{8}\u{8}\u{8}\u{8}u", ["Zurich"]),
            ("Zurich\u{8}\u{8}\u{8}\u{8}\u{8}ü", ["Zürich"]),
            ("日本\u{8}X", ["日X"]),
            ("\u{8}\u{8}a\u{1B}[9999Db", ["b"]),
            ("a\r\r\nb\n\rc\0\u{7}\u{7F}d", ["a", "b", "cd"]),
            ("a\u{1B}]0;title\u{7}b\u{1B}]2;t\u{1B}\\c\u{1B}P1;2q\u{1B}\\d", ["abcd"]),
            ("a\u{1B}(Bb\u{1B}=c\u{1B}7d\u{1B}[?25le\u{1B}[>0;1cf\u{1B}[1 qg", ["abcdefg"]),
            ("a\u{1B}[3\r\n1mb", ["a", "b"]),
            ("a\u{1B}\u{1B}[Kb\u{1B}[\u{18}c", ["abc"]),
        ])
    func drawing(_ input: String, _ lines: [String]) {
        #expect(self.render(Array(input.utf8)) == lines)
        #expect(self.render(Array(input.utf8), chunk: 1) == lines)
    }

    @Test(
        "a control sequence costs no more than a row of the terminal",
        arguments: ["\r\u{1B}[9999X", "\u{1B}[1K", "\r\u{1B}[9999P\u{1B}[9999@", "\u{1B}[9999D\u{1B}[9999C"])
    func cost(_ sequence: String) {
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: TerminalLine.limit - 1_000)
        let start = ContinuousClock.now
        _ = self.render(line + Array(String(repeating: sequence, count: 5_000).utf8))
        // A terminal of 80 columns: milliseconds, where a walk along the whole line for each takes many seconds.
        #expect(.now - start < .seconds(2))
    }

    @Test("at the margin, blank and CR go on in the next row")
    func margin() {
        let first = String(repeating: "a", count: 20)
        #expect(self.render(Array("\(first) \rbcd\u{8}X".utf8), columns: 20) == [first + "bcX"])
        // Without wrapping, CR goes to the row's start.
        #expect(self.render(Array("\(first)\rbcd".utf8), columns: 20) == ["bcd" + first.dropFirst(3)])
        #expect(self.render(Array("\(first)bcd\rX\r\n".utf8), columns: 20) == [first + "Xcd", ""])
    }

    @Test("a sequence without end swallows no more than a title's length")
    func endlessString() {
        let lines = self.render(
            Array(("a\u{1B}]" + String(repeating: "x", count: 3_000) + "\r\nb").utf8), columns: 10_000)
        #expect(lines.count == 2)
        #expect(lines.last == "b")
    }

    @Test("long runs are found at every offset")
    func runs() {
        for length in 0...40 {
            for control in ["\n", "\u{7F}", "\u{1}", "\u{1F}"] {
                let text = String(repeating: "~", count: length)
                let rendered = self.render(Array((text + control + "é").utf8)).joined()
                let kept = control == "\n" || control == "\u{7F}" ? "" : control
                #expect(rendered == text + kept + "é")
            }
        }
    }

    @Test("an echo is matched through blanks, and after a false start")
    func echo() {
        for (command, text, isSeen) in [
            ("show x", "show x", true), ("show x", "s h o w x", true), ("show x", "shshow x", true),
            ("aab", "aaab", true),
            ("ababc", "abababc", true), ("show x", "show", false), ("show x", "x show", false), ("", "", true),
            ("a b", "ab", true),
        ] {
            var matcher = EchoMatcher(Array(command.utf8))
            for byte in Array(text.utf8) { [byte].withUnsafeBytes { matcher.feed($0) } }
            #expect(matcher.isComplete == isSeen, "\(command) in \(text)")
        }
    }
}
