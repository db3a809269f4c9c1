import Jobs
import Testing

@testable import TetherCLI

@Suite("How replies look")
struct ReplyPrinterTests {
    private static let pipe = StandardStream(descriptor: 1, isTerminal: false, environment: [:])
    private static let terminal = StandardStream(
        descriptor: 1, isTerminal: true, environment: ["TERM": "xterm", "NO_COLOR": "1"])

    private func text(
        _ replies: [Reply], on stream: StandardStream = Self.pipe, _ change: (inout ReplyPrinter) -> Void = { _ in }
    ) -> String {
        var printer = ReplyPrinter(stream: stream)
        change(&printer)
        return String(decoding: replies.flatMap { printer.text(of: $0, record: Array("{}".utf8)) }, as: UTF8.self)
    }

    @Test("a result shows its device, what became of it, and what each command printed")
    func result() {
        let commands = [Sample.command("show clock", "12:00"), Sample.command("show version", "1.0\n")]
        #expect(
            self.text([Sample.accepted(1), Sample.result("router1", commands: commands), Sample.finished(1)]) == """
                ── router1 · succeeded · 0.0 ms
                > show clock
                12:00
                > show version
                1.0

                """)
        #expect(
            self.text([Sample.result("router1", .failed, code: "auth.failed", message: "two\nlines")])
                == "── router1 · failed · 0.0 ms · auth.failed: two\\nlines\n")
    }

    @Test("output that came while the command ran isn't shown again with the result, and its last line isn't lost")
    func streamed() {
        #expect(
            self.text([
                Sample.output("a", 0, "one\ntw"), Sample.output("b", 0, "uno\n"), Sample.output("a", 1, "o\nthree"),
                Sample.result("a", commands: [Sample.command("x", "one\ntwo\nthree")]),
                Sample.result("b", commands: [Sample.command("x", nil, bytes: 4)]),
            ]) == """
                a │ one
                b │ uno
                a │ two
                a │ three
                ── a · succeeded · 0.0 ms
                ── b · succeeded · 0.0 ms

                """)
    }

    @Test("with --json a record goes through as it is, whatever it is")
    func json() {
        let all = [Sample.accepted(1), Sample.output("a", 0, "x"), Sample.result("a"), Sample.finished(1)]
        #expect(self.text(all, on: Self.terminal) { $0.asJSON = true } == "{}\n{}\n{}\n{}\n")
    }

    @Test("a hostile device writes nothing but text to a terminal, and all of it to a pipe")
    func hostile() {
        let evil = "\u{1B}]0;owned\u{7}\u{1B}[2Jrm -rf\r\nok"
        let replies = [
            Sample.output("de\u{1B}[31mv", 0, evil + "\n"),
            Sample.result("de\u{1B}[31mv", .failed, code: "x", message: evil),
            Sample.result("other", commands: [Sample.command("a\u{1B}", evil), Sample.command("b", evil)]),
            Sample.result("third", detail: .diff(DiffDetail(unified: evil, removed: 1, added: 1))),
        ]
        let onTerminal = self.text(replies, on: Self.terminal) { $0.showsJob = true }
        #expect(onTerminal.unicodeScalars.allSatisfy { $0 == "\n" || !($0.properties.generalCategory == .control) })
        #expect(onTerminal.contains("\\x1b]0;owned\\x07"))
        #expect(self.text(replies).contains(evil))
    }

    @Test("details of operations are told in words")
    func details() {
        func lines(_ detail: OperationDetail) -> [String] { detail.lines }
        #expect(
            lines(
                .configure(
                    ConfigureDetail(
                        state: .partlyApplied, lines: 2, diff: "+a\n", failedLine: .init(index: 1, line: "b"))))
                == ["configuration: partly applied, 2 lines", "refused line 2: b", "+a"])
        #expect(lines(.diff(DiffDetail(unified: "", removed: 0, added: 0))) == ["no difference"])
        #expect(
            lines(
                .check(
                    CheckDetail([
                        .init(command: "show clock"), .init(name: "zone", command: "show clock", failure: "no UTC"),
                    ])))
                == ["holds: show clock", "FAILS: zone: no UTC"])
        #expect(
            lines(.steps([StepOutcome(type: "probe", outcome: .succeeded)])) == ["step probe: succeeded"])
    }

    @Test("someone who watches sees the course of jobs, each with its name")
    func course() {
        #expect(
            self.text([
                Sample.accepted(3), Sample.result("a"), Sample.finished(3, missing: 1), Sample.rejected("job.invalid"),
            ]) {
                $0.showsCourse = true
                $0.showsJob = true
            } == """
                ── job · accepted · 3 tasks, 3 devices
                ── a · job · succeeded · 0.0 ms
                ── job · finished · 2 succeeded, 1 missing in 1.00 s
                ── job · rejected · job.invalid: no

                """)
    }
}
