import Foundation
import Logging
import NIOConcurrencyHelpers
import Testing

@testable import Operations

@Suite struct LogLineTests {
    /// What a device may send to be taken for something else.
    static let attacks = [
        "line\nfeed", "carriage\rreturn", "\u{1B}[2K\u{1B}[1Aerased", "null\0byte", "next\u{85}line",
        "para\u{2029}graph",
        "line\u{2028}separator", "right\u{202E}to left", "quote \" and \\ backslash", "job=other device=other", "",
        "tab\there", "é ⚡ 日本", "\u{7F}", "\u{200B}zero width",
    ]

    private func lines(_ format: LogFormat, _ body: (Logger) -> Void) -> [String] {
        let written = NIOLockedValueBox<[[UInt8]]>([])
        let logger = Logger(label: "tether.worker") { label in
            LineLogHandler(label: label, format: format) { line in written.withLockedValue { $0.append(line) } }
        }
        body(logger)
        return written.withLockedValue { $0 }.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("text lines have time, level, name, sorted metadata and the message")
    func text() throws {
        let line = try #require(
            self.lines(.text) { $0.info("task ended", metadata: ["job": "j 1", "device": "router1", "attempts": "1"]) }
                .first)
        #expect(
            line.wholeMatch(
                of:
                    /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info tether\.worker: attempts=1 device=router1 job="j 1" task ended\n/
            )
                != nil)
    }

    @Test("whatever stands in it, an event is one line of text without control characters", arguments: attacks)
    func injection(attack: String) throws {
        let lines = self.lines(.text) {
            $0.info("message \(attack)", metadata: ["device": "\(attack)", "\(attack)k": "v"])
        }
        let line = try #require(lines.first)
        #expect(line.hasSuffix("\n"))
        let rest = line.dropLast()
        for scalar in rest.unicodeScalars {
            let category = scalar.properties.generalCategory
            #expect(category != .control && category != .format)
            #expect(category != .lineSeparator && category != .paragraphSeparator)
        }
        // A value can't end and begin another key: it stands in quotation marks.
        if attack.contains("=") { #expect(rest.contains(" device=\"\(attack)\" ")) }
    }

    @Test("whatever stands in it, an event is one JSON object that gives it back", arguments: attacks)
    func json(attack: String) throws {
        let lines = self.lines(.json) { $0.warning("message \(attack)", metadata: ["device": "\(attack)"]) }
        let line = try #require(lines.first)
        #expect(line.hasSuffix("}\n"))
        #expect(!line.dropLast().unicodeScalars.contains { $0.value < 0x20 })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(object["message"] == "message \(attack)")
        #expect(object["device"] == attack)
        #expect(object["level"] == "warning" && object["logger"] == "tether.worker")
        #expect(object["time"]?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    }

    @Test("metadata can't take the place of what every line has, and keeps its structure")
    func structure() throws {
        let lines = self.lines(.json) {
            $0.info("m", metadata: ["level": "critical", "partitions": ["a", "b"], "by": ["key": "value"]])
        }
        let line = try #require(lines.first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["level"] as? String == "info")
        #expect(object["level_"] as? String == "critical")
        #expect(object["partitions"] as? [String] == ["a", "b"])
        #expect(object["by"] as? [String: String] == ["key": "value"])
    }

    @Test(
        "times are written to the millisecond",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (1_795_000_000_001, "2026-11-18T11:06:40.001Z"),
        ])
    func times(milliseconds: Int64, expected: String) {
        #expect(Timestamp.text(milliseconds) == expected)
    }
}
