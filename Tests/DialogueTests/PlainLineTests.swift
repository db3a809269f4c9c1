import Lab
import Testing

@testable import Dialogue

@Suite("Plain lines of output")
struct PlainLineTests {
    /// What lines are made of: text that a line may hold and stay plain, and all that makes it something else.
    private static let shortTexts: [[UInt8]] =
        [
            "", " ", " \t ", "plain", "  indented by two", "tab\tin\tit", "\tand before", "with blanks behind  ", "a",
            "r1", "r1#", "r1# ", "r1#show x", "r1>", "r1(config)#", "R1 is its name", "r10", "#", "[r1]",
            "% Invalid input detected at '^' marker.", "*Jan  1 00:00:00.000: %SYS-5-CONFIG_I: Configured from console",
            "a\u{8}b", "\u{1B}[1mbold\u{1B}[0m", "\u{1B}[2Kgone", "over\rwritten", "bell\u{7}", "del\u{7F}ete",
            "\u{0}nul", "wörter", "\u{1B}", "\u{1B}[", String(repeating: "x", count: 250),
        ].map { (text: String) in Array(text.utf8) } + [[0xE9, 0xFF, 0x80], [0xC3]]
    /// Around the bounds of what is looked at in one go, and of what a line may have.
    private static let longTexts: [[UInt8]] =
        [300, 4_095, 4_096, 4_097, TerminalLine.limit - 1, TerminalLine.limit, TerminalLine.limit + 1].map {
            [UInt8](repeating: 0x79, count: $0)
        } + [Self.tabbed("123\t"), Self.tabbed("1234\t"), [UInt8](repeating: 0x20, count: 900)]

    private static func tabbed(_ text: String) -> [UInt8] {
        Array(String(repeating: text, count: TerminalLine.limit / 4).utf8)
    }

    private static let ends: [[UInt8]] = ["\n", "\r\n", "\r\n", "\r\n", "\r\r\n", "\r\0\n"].map { Array($0.utf8) }

    private static func output(_ lines: Int, _ texts: [[UInt8]], _ random: inout SplitMix) -> [UInt8] {
        var output: [UInt8] = []
        for _ in 0..<lines {
            output += texts.randomElement(using: &random) ?? []
            output += Self.ends.randomElement(using: &random) ?? [0x0A]
        }
        return output
    }

    @Test("a line that is taken as plain is what a terminal makes of it", arguments: 1...40 as ClosedRange<UInt64>)
    func plainLine(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let input = Self.output(60, Self.shortTexts + Self.longTexts, &random)
        input.withUnsafeBytes { input in
            var plain = 0
            for start in input.indices where start == 0 || input[start - 1] == 0x0A {
                guard let line = TerminalLine.plainLine(input, from: start) else { continue }
                plain += 1
                var terminal = TerminalLine(columns: 80)
                #expect(terminal.isAtLineStart)
                var index = start
                let event = terminal.consume(input, from: &index)
                #expect(event == .line && index == line.end, "seed \(seed), from \(start)")
                #expect(
                    terminal.bytes.elementsEqual(input[start..<(start + line.count)]), "seed \(seed), from \(start)")
            }
            #expect(plain > 0)
        }
    }

    @Test(
        "lines have no part in what they come to by the way they come",
        arguments: 1...60 as ClosedRange<UInt64>, [true, false])
    func chunks(seed: UInt64, gated: Bool) throws {
        var random = SplitMix(seed: seed)
        let output = Self.output(Int.random(in: 1...120, using: &random), Self.shortTexts, &random)
        let chunkings = [Chunking.whole, .random(seed: seed), .random(seed: seed + 1_000)]
        let expected = try self.conversation(output, gated: gated, .eachByte)
        for chunking in chunkings {
            #expect(try self.conversation(output, gated: gated, chunking) == expected, "seed \(seed), \(chunking)")
        }
    }

    @Test("a long line among plain ones is whole, wherever the pieces end", arguments: 1...10 as ClosedRange<UInt64>)
    func longLines(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let output = Self.output(24, Self.shortTexts + Self.longTexts, &random)
        let expected = try self.conversation(output, gated: false, .eachByte)
        for chunking in [Chunking.whole, .random(seed: seed)] {
            #expect(try self.conversation(output, gated: false, chunking) == expected, "seed \(seed), \(chunking)")
        }
    }

    @Test("every place of a cut in plain lines, their ends, and what stands between them gives the same")
    func cuts() throws {
        let output = Array(
            "one\r\ntwo\r\nthree\r\nfour\r\nfive\r\nsix\r\n\r\n  \tseven\r\r\nr1#eight\r\n\u{1B}[1mnine\u{1B}[0m\r\nten\n\r\nr1# \r\neleven\r\n"
                .utf8)
        let expected = try self.conversation(output, gated: false, .eachByte)
        let length = output.count + 400
        for offset in 0..<length {
            #expect(try self.conversation(output, gated: false, .cut(offset)) == expected, "cut after \(offset)")
        }
    }

    @Test("the last lines decide whether the command failed, however many plain ones come before them")
    func failureBehindPlainLines() throws {
        let lines = String(repeating: "interface GigabitEthernet0/0 is up\r\n", count: 300)
        let blank = String(repeating: "  \r\n", count: 200)
        for (tail, fails) in [
            ("% Invalid input\r\n", true), ("% Invalid input\r\nb\r\nc\r\n", true),
            ("% Invalid input\r\nb\r\nc\r\nd\r\n", false), ("% Invalid input\r\n" + blank, true),
            ("% Invalid input\r\n\(String(repeating: "x", count: 3_000))\r\n" + blank, true),
        ] {
            for chunking in [Chunking.whole, .random(seed: 7), .eachByte] {
                let conversation = try self.conversation(Array((lines + tail).utf8), gated: false, chunking)
                let failure = conversation.commands.first?.completion?.failure
                #expect((failure != nil) == fails, "\(tail.prefix(40)) \(chunking)")
            }
        }
    }

    @Test("of many lines the last ones are remembered, and nothing that they don't follow")
    func recentLines() {
        var one = RecentText()
        var all = RecentText()
        one.append(Array("before".utf8))
        all.append(Array("before".utf8))
        let lines = (0..<2_000).map { Array("line \($0)\($0 % 3 == 0 ? String(repeating: "-", count: $0) : "")".utf8) }
        for line in lines { one.append(line) }
        Self.append(Array(lines.joined(separator: [0x0A])) + [0x0A], to: &all)
        #expect(all.last(3) == one.last(3) && all.last(3).count == 3)
        #expect(one.text.hasSuffix(all.text) && !all.text.contains("before"))
        Self.append([], to: &all)
        #expect(all.last(1) == one.last(1))
        var few = RecentText()
        few.append(Array("before".utf8))
        Self.append(Array("a\n\n  \nb\n".utf8), to: &few)
        #expect(few.text == "before\na\nb\n")
        #expect(few.last(9) == ["before", "a", "b"].map { Array($0.utf8) } && few.last(0).isEmpty)
        #expect(RecentText().last(3).isEmpty)
    }

    /// A command of an IOS device that prints this.
    private func conversation(_ output: [UInt8], gated: Bool, _ chunking: Chunking) throws -> Conversation {
        let turns: [Turn] = [
            .runs("show x"), .typed("show x"), .prints("show x"), .typed("\r"), .prints("\r\n"), .printsBytes(output),
            .prints("r1#"),
        ]
        return try play("cisco_iosxe", Transcripts.iosSetup + turns, gated: gated, chunking: chunking)
    }

    private static func append(_ lines: [UInt8], to recent: inout RecentText) {
        lines.withUnsafeBytes { recent.append(lines: $0) }
    }
}
