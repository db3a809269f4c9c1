import Foundation
import Jobs
import TestSupport
import Testing

/// `tether` as a process, at a terminal and away from one, on simulated devices and a real SSH server.
@Suite("Commands at a terminal", .timeLimit(.minutes(2)))
struct TerminalTests {
    @Test("a terminal gets colours and a progress line that is gone at the end; the summary stays")
    func colours() async throws {
        try await CommandTerminal.with(devices: 3) { terminal in
            for device in terminal.farm.devices { device.setResponseDelay(.milliseconds(300)) }
            let process = try terminal.start(terminal.run("all", "-c", "show clock"))
            #expect(try await process.end() == 0, "\(process.output)")
            let output = process.output
            #expect(output.contains("\u{1B}[32msucceeded\u{1B}[0m"))
            #expect(output.contains("[----") && output.contains("0/3  0%"))
            let screen = Screen(output, columns: 80)
            #expect(!screen.text.contains("[#") && !screen.text.contains("[--"), "\(screen.text)")
            #expect(screen.text.contains("job run: 3 succeeded in "))
        }
    }

    @Test(
        "without colours there are none",
        arguments: [["NO_COLOR": "1"], ["TERM": "dumb"], ["CLICOLOR": "0"]])
    func noColours(environment: [String: String]) async throws {
        try await CommandTerminal.with { terminal in
            let process = try terminal.start(terminal.run("all", "-c", "show clock"), environment: environment)
            #expect(try await process.end() == 0, "\(process.output)")
            #expect(!process.output.contains("\u{1B}[3"), "\(process.output.debugDescription)")
            if environment["TERM"] == "dumb" { #expect(!process.output.contains("\u{1B}")) }
        }
    }

    @Test("away from a terminal nothing but data is on standard output, and no escape sequence anywhere")
    func away() async throws {
        try await CommandTerminal.with { terminal in
            let process = try terminal.start(
                terminal.run("all", "nowhere", "-c", "show clock"), outputTo: terminal.file("out"),
                errorsTo: terminal.file("errors"))
            #expect(try await process.end() == 1)
            #expect(process.output.isEmpty)
            let (out, errors) = (terminal.text(of: "out"), terminal.text(of: "errors"))
            #expect(out.contains("── dev-0001 · succeeded · ") && out.contains("── nowhere · rejected · "))
            #expect(errors.hasPrefix("job run: 1 succeeded, 1 rejected of 2 in "), "\(errors)")
            #expect(errors.contains("rejected  target.unknown        1  nowhere"))
            #expect(!(out + errors).contains("\u{1B}"))

            let forced = try terminal.start(
                terminal.run("all", "-c", "show clock"), environment: ["CLICOLOR_FORCE": "1"],
                outputTo: terminal.file("forced"), errorsTo: terminal.file("errors-2"))
            #expect(try await forced.end() == 0)
            #expect(terminal.text(of: "forced").contains("\u{1B}[32msucceeded"))
        }
    }

    @Test("the progress line has the width of the window, also after that has changed")
    func resizing() async throws {
        try await CommandTerminal.with(devices: 2) { terminal in
            let process = try terminal.start(terminal.run("all", "-c", "lab sleep 600000"), columns: 60)
            try await process.until("a line of the first width") { process.output.contains("gone") }
            let before = Screen.lines(process.output)
            #expect(before.allSatisfy { $0.count <= 59 } && before.contains { $0.count == 59 }, "\(before)")
            process.resize(columns: 30)
            try await process.until("a line of the new width") {
                Screen.lines(process.output).suffix(2).allSatisfy { $0.count <= 29 }
            }
            process.resize(columns: 100)
            try await process.until("a line of the width that is wide enough for all") {
                Screen.lines(process.output).last.map { $0.hasPrefix("[" + String(repeating: "-", count: 40) + "]") }
                    ?? false
            }
            process.type("\u{3}")
            #expect(try await process.end() == 130)
        }
    }

    @Test("Ctrl-C stops what runs and says so; a second one ends at once")
    func interruption() async throws {
        try await CommandTerminal.with(devices: 2) { terminal in
            let process = try terminal.start(terminal.run("all", "-c", "lab sleep 600000"))
            try await process.until("both run") {
                terminal.farm.devices.allSatisfy { $0.commands.contains { $0.command.hasPrefix("lab sleep") } }
            }
            process.type("\u{3}")
            #expect(try await process.end() == 130)
            let screen = Screen(process.output, columns: 80).text
            #expect(screen.contains("Interrupted: nothing more is started"))
            #expect(screen.contains("2 cancelled") || screen.contains("2 unknown"), "\(screen)")

            // A device that doesn't let go.
            let stuck = try terminal.start(terminal.run("dev-0001", "-c", "lab silent"))
            try await stuck.until("it runs") {
                terminal.farm.devices[0].commands.contains { $0.command == "lab silent" }
            }
            stuck.type("\u{3}")
            try await stuck.until("it says so") { stuck.output.contains("Press Ctrl-C again") }
            stuck.type("\u{3}")
            #expect(try await stuck.end() == 130)
        }
    }

    @Test("a reader that has read enough ends the command without a word", arguments: [[], ["--json"]])
    func brokenPipe(flags: [String]) async throws {
        try await CommandTerminal.with(devices: 8) { terminal in
            for (index, device) in terminal.farm.devices.enumerated() {
                device.setResponseDelay(.milliseconds(100 * index))
            }
            let arguments = terminal.run("all", "-c", "lab output 200000") + flags
            let process = try terminal.start(
                arguments,
                through: #""$@" 2>"$ERRORS" | head -c 100 >/dev/null; exit ${PIPESTATUS[0]}"#.replacing(
                    "$ERRORS", with: terminal.file("errors")))
            #expect(try await process.end() == 141)
            let errors = Screen(terminal.text(of: "errors"), columns: 80).text
            #expect(!errors.contains("rror"), "\(errors)")
        }
    }

    @Test("with --save a reader that has read enough costs no file")
    func brokenPipeWhileSaving() async throws {
        try await CommandTerminal.with(devices: 4) { terminal in
            for (index, device) in terminal.farm.devices.enumerated() {
                device.setResponseDelay(.milliseconds(100 * index))
            }
            let process = try terminal.start(
                terminal.run("all", "-c", "lab output 100000", "--stream", "--save", terminal.file("saved")),
                through: #""$@" | head -c 10 >/dev/null; exit ${PIPESTATUS[0]}"#)
            #expect(try await process.end() == 0, "\(process.output)")
            for device in terminal.farm.devices {
                #expect(terminal.text(of: "saved/\(device.name)/01-lab_output_100000.txt").utf8.count >= 100_000)
            }
            #expect(terminal.text(of: "saved/index.json").contains("\"complete\":true"))
        }
    }

    @Test("a hostile device writes nothing but text to the terminal; pipes, files and JSON get every byte")
    func hostile() async throws {
        let server = try await OpenSSHServer.start()
        defer { server.stop() }
        let entry =
            "evil: {host: 127.0.0.1, port: \(server.port), device_type: linux, user: \(server.username), private_key: {file: '\(server.clientKeyPath)'}}"
        try await CommandTerminal.with(extra: entry) { terminal in
            let command = #"printf 'a\033]0;owned\007b\033[2Jc\r\n\302\233d\n'"#
            let expected: [UInt8] = Array("a\u{1B}]0;owned\u{7}b\u{1B}[2Jc\r\n\u{9B}d\n".utf8)
            for flags in [[], ["--stream"]] {
                let process = try terminal.start(
                    terminal.run("evil", "-c", command) + flags, environment: ["NO_COLOR": "1"],
                    errorsTo: terminal.file("errors"))
                #expect(try await process.end() == 0, "\(process.output) \(terminal.text(of: "errors"))")
                #expect(process.output.contains(#"a\x1b]0;owned\x07b\x1b[2Jc"#), "\(process.output.debugDescription)")
                #expect(!process.output.contains("\u{1B}") && !process.output.contains("\u{7}"))
            }
            let piped = try terminal.start(
                terminal.run("evil", "-c", command, "--save", terminal.file("saved")), outputTo: terminal.file("none"),
                errorsTo: terminal.file("errors"))
            #expect(try await piped.end() == 0)
            let names = try FileManager.default.contentsOfDirectory(atPath: terminal.file("saved/evil"))
            let saved = try Data(contentsOf: URL(fileURLWithPath: terminal.file("saved/evil/\(names[0])")))
            #expect(Array(saved) == expected)
            let json = try terminal.start(
                terminal.run("evil", "-c", command, "--json"), outputTo: terminal.file("json"),
                errorsTo: terminal.file("errors"))
            #expect(try await json.end() == 0)
            let line = terminal.text(of: "json")
            guard case .result(let result) = try Reply(decoding: Array(line.utf8.dropLast())) else {
                Issue.record("no result: \(line)")
                return
            }
            #expect(result.commands.first?.output == expected)
        }
    }

    @Test("--stream names the device on every line, while the next command still runs")
    func streaming() async throws {
        try await CommandTerminal.with(devices: 2) { terminal in
            let process = try terminal.start(
                terminal.run("all", "-c", "show clock", "-c", "lab sleep 600000", "--stream"),
                environment: ["NO_COLOR": "1"])
            try await process.until("lines of both while they run") {
                process.output.contains("dev-0001 │ ") && process.output.contains("dev-0002 │ ")
            }
            #expect(process.exitStatus == nil)
            process.type("\u{3}")
            #expect(try await process.end() == 130)
        }
    }
}

/// What a terminal shows after it has been sent some text: as much of ECMA-48 as the progress line uses.
struct Screen {
    private var rows: [[Character]] = [[]]
    private var row = 0
    private var column = 0

    var text: String { self.rows.map { String($0) }.joined(separator: "\n") }

    init(_ output: String, columns: Int) {
        var rest = Substring(output)
        while let character = rest.popFirst() {
            switch character {
            case "\r\n", "\n":
                self.row += 1
                self.column = 0
                if self.row == self.rows.count { self.rows.append([]) }
            case "\r": self.column = 0
            case "\u{1B}":
                guard rest.popFirst() == "[" else { continue }
                let parameter = rest.prefix { $0.isNumber || $0 == ";" }
                rest = rest.dropFirst(parameter.count)
                switch rest.popFirst() {
                case "A": self.row = max(0, self.row - (Int(parameter) ?? 1))
                case "J":
                    self.rows[self.row].removeSubrange(min(self.column, self.rows[self.row].count)...)
                    self.rows.removeSubrange((self.row + 1)...)
                default: break
                }
            default:
                if self.column == columns {
                    self.row += 1
                    self.column = 0
                    if self.row == self.rows.count { self.rows.append([]) }
                }
                while self.rows[self.row].count <= self.column { self.rows[self.row].append(" ") }
                self.rows[self.row][self.column] = character
                self.column += 1
            }
        }
    }

    /// The progress lines that have been drawn, whole ones only.
    static func lines(_ output: String) -> [Substring] {
        // Each begins where the one before is erased; the last one may have come in part.
        output.split(separator: "\u{1B}[J").map { $0.prefix { $0 != "\r" } }.filter { $0.hasSuffix("gone") }
    }
}
