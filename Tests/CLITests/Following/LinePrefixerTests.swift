import Testing

@testable import TetherCLI

@Suite("Lines of streamed output")
struct LinePrefixerTests {
    @Test("come out the same, wherever the pieces are cut")
    func everyBoundary() {
        let text = Array("erste Zeile: äöü 漢字\n\nletzte, ohne Ende 👍".utf8)
        let expected = ["erste Zeile: äöü 漢字", "", "letzte, ohne Ende 👍"]
        for first in 0...text.count {
            for second in first...text.count {
                var prefixer = LinePrefixer()
                var lines: [[UInt8]] = []
                for piece in [text[..<first], text[first..<second], text[second...]] {
                    lines += prefixer.append(Array(piece), of: "a")
                }
                if let rest = prefixer.finish("a") { lines.append(rest) }
                #expect(lines.map { String(decoding: $0, as: UTF8.self) } == expected, "\(first), \(second)")
            }
        }
    }

    @Test("of two devices don't mix")
    func twoDevices() {
        var prefixer = LinePrefixer()
        let first = prefixer.append(Array("a1".utf8), of: "a")
        let second = prefixer.append(Array("b1\n".utf8), of: "b")
        let third = prefixer.append(Array("a1\n".utf8), of: "a")
        let rest = [prefixer.finish("a"), prefixer.finish("b")]
        #expect(first.isEmpty)
        #expect(second == [Array("b1".utf8)])
        #expect(third == [Array("a1a1".utf8)])
        #expect(rest == [nil, nil])
    }

    @Test("a line without end is let go in pieces, and no character is cut in two")
    func endlessLine() {
        for shift in 0..<4 {
            var prefixer = LinePrefixer()
            let text = String(repeating: "x", count: shift) + String(repeating: "👍", count: 20_000)
            var held = 0
            var lines: [[UInt8]] = []
            for start in stride(from: 0, to: text.utf8.count, by: 1_000) {
                let piece = Array(Array(text.utf8)[start..<min(start + 1_000, text.utf8.count)])
                held += piece.count
                let whole = prefixer.append(piece, of: "a")
                held -= whole.map(\.count).reduce(0, +)
                #expect(held <= LinePrefixer.longestLine)
                lines += whole
            }
            lines += prefixer.finish("a").map { [$0] } ?? []
            #expect(lines.allSatisfy { String(validating: $0, as: UTF8.self) != nil })
            #expect(String(decoding: lines.joined(), as: UTF8.self) == text)
        }
    }

    @Test("bytes that are no UTF-8 get through too")
    func noText() {
        var prefixer = LinePrefixer()
        let bytes = [UInt8](repeating: 0x80, count: 3 * LinePrefixer.longestLine)
        var lines = prefixer.append(bytes, of: "a")
        lines += prefixer.finish("a").map { [$0] } ?? []
        #expect(Array(lines.joined()) == bytes)
    }
}
