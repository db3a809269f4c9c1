import Testing

@testable import TetherCLI

@Suite("The progress line")
struct ProgressTests {
    private func bar(
        _ done: Int, _ total: Int?, failed: Int = 0, elapsed: Duration = .seconds(5), rate: Double? = nil,
        left: Duration? = nil
    ) -> ProgressBar {
        ProgressBar(done: done, total: total, notSucceeded: failed, elapsed: elapsed, rate: rate, timeLeft: left)
    }

    @Test("says how far, how fast, how many failures and how long yet")
    func line() {
        #expect(
            self.bar(312, 500, failed: 3, rate: 104.4, left: .seconds(2)).line(width: 80)
                == "[###################-------------] 312/500  62%  3 not succeeded  104/s  2s left")
        #expect(self.bar(0, nil).line(width: 80) == "waiting for the job to be accepted  5s")
        #expect(self.bar(0, 20).line(width: 60) == "[" + String(repeating: "-", count: 40) + "] 0/20  0%  5s gone")
        #expect(
            self.bar(20, 20, rate: 2).line(width: 40) == "[" + String(repeating: "#", count: 19)
                + "] 20/20  100%  2.0/s")
        #expect(self.bar(0, 0).line(width: 30).hasSuffix("0/0  100%"))
    }

    @Test("100 % is said of nothing but the end, and more results than tasks are no more than all")
    func bounds() {
        #expect(self.bar(99_999, 100_000).line(width: 80).contains("99%"))
        #expect(self.bar(3, 2).line(width: 80).contains("100%"))
    }

    @Test("is never wider than the terminal, whatever the numbers", arguments: 0...130)
    func width(columns: Int) {
        for done in [0, 1, 99_999, 100_000] {
            for total in [nil, 0, 100_000] as [Int?] {
                let bar = self.bar(
                    done, total, failed: done, elapsed: .seconds(86_399), rate: 12_345.6, left: .seconds(86_399))
                #expect(bar.line(width: columns).utf8.count <= columns)
            }
        }
    }

    @Test(
        "times are short",
        arguments: [
            (1, "1s"), (0, "0s"), (59_000, "59s"), (60_000, "1m00s"), (185_000, "3m05s"), (7_625_000, "2h07m"),
            (-3_000, "0s"),
        ])
    func clock(milliseconds: Int, expected: String) {
        #expect(ProgressBar.clock(.milliseconds(milliseconds)) == expected)
    }

    @Test("the pace is that of the last ten seconds")
    func pace() {
        var pace = Pace()
        #expect(pace.rate == nil)
        #expect(pace.timeLeft(for: 5) == nil)
        #expect(pace.timeLeft(for: 0) == .zero)
        // Ten a second for a minute, then nothing for five seconds, then two a second.
        var done = 0
        for tenth in 1...600 {
            done += 1
            pace.note(done: done, at: .milliseconds(tenth * 100))
        }
        #expect(abs((pace.rate ?? 0) - 10) < 0.01)
        #expect(pace.timeLeft(for: 100).map { abs($0 / .seconds(1) - 10) < 0.1 } == true)
        for tenth in 601...650 { pace.note(done: done, at: .milliseconds(tenth * 100)) }
        #expect(abs((pace.rate ?? 0) - 5) < 0.1)
        for tenth in 651...800 {
            if tenth % 5 == 0 { done += 1 }
            pace.note(done: done, at: .milliseconds(tenth * 100))
        }
        #expect(abs((pace.rate ?? 0) - 2) < 0.1)
    }

    @Test("is drawn at most ten times a second")
    func dueness() {
        var line = ProgressLine()
        var drawn = 0
        for millisecond in 0..<3_000 where line.isDue(at: .milliseconds(millisecond)) {
            _ = line.draw("x", at: .milliseconds(millisecond), columns: 80)
            drawn += 1
        }
        #expect(drawn == 30)
    }

    @Test("is drawn over itself, also when the terminal has become narrower since")
    func drawing() {
        var line = ProgressLine()
        var written = [line.clear(columns: 80)]
        written.append(line.draw("twenty columns wide.", at: .zero, columns: 80))
        written.append(line.draw("short", at: .seconds(1), columns: 80))
        _ = line.draw("twenty columns wide.", at: .seconds(2), columns: 80)
        // Twenty columns take three rows of eight.
        written.append(line.clear(columns: 8))
        written.append(line.clear(columns: 8))
        _ = line.draw("12345678", at: .seconds(3), columns: 80)
        written.append(line.clear(columns: 8))
        #expect(
            written == ["", "twenty columns wide.", "\r\u{1B}[Jshort", "\r\u{1B}[2A\u{1B}[J", "", "\r\u{1B}[J"])
    }
}
