import Foundation
import TestSupport
import Testing

@testable import Jobs

@Suite("Schemas, judged by an independent validator", .timeLimit(.minutes(2)))
struct SchemaTests {
    @Test("every example is valid")
    func examples() async throws {
        let examples = try Repository.exampleRecords()
        let instances = examples.map { SchemaValidator.Instance(String($0.name.prefix(while: \.isLetter)), $0.bytes) }
        for (example, problems) in zip(examples, try await SchemaValidator.problems(in: instances)) {
            #expect(problems.isEmpty, "\(example.name): \(problems)")
        }
    }

    @Test("whatever the encoders write is valid")
    func encoded() async throws {
        var generator = SeededGenerator()
        var instances: [SchemaValidator.Instance] = []
        for _ in 0..<150 {
            var (job, task, reply): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
            var (progress, control, event): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
            generator.job().encode(into: &job)
            generator.task().encode(into: &task)
            let record = generator.reply()
            record.encode(into: &reply)
            generator.progress().encode(into: &progress)
            generator.control().encode(into: &control)
            generator.event().encode(into: &event)
            instances += [
                .init("job", job), .init("task", task), .init(record.type, reply), .init("progress", progress),
                .init("control", control), .init("event", event),
            ]
        }
        for (instance, problems) in zip(instances, try await SchemaValidator.problems(in: instances)) {
            #expect(problems.isEmpty, "\(instance.record): \(problems), seed \(generator.seed)")
        }
    }

    @Test("schema and decoder refuse the same jobs")
    func refused() async throws {
        let instances = BadJobs.refusedByBoth.map { SchemaValidator.Instance("job", Array($0.utf8)) }
        for (text, problems) in zip(BadJobs.refusedByBoth, try await SchemaValidator.problems(in: instances)) {
            #expect(!problems.isEmpty, "the schema takes \(text)")
            #expect(throws: JobsError.self, "the decoder takes \(text)") { try Job(decoding: Array(text.utf8)) }
        }
    }

    @Test("schema and decoder refuse the same replies and tasks")
    func refusedRecords() async throws {
        // Each is a golden example with one member replaced, or taken away.
        let changes: [(example: String, member: String, value: JSONValue?)] = [
            ("task", "device", nil), ("task", "device", .string("")), ("task", "effect", .string("reed")),
            ("task", "deadline", .string("10m")), ("task", "submitted", .number(1.5)), ("task", "reply_to", nil),
            ("task", "reply_partition", .integer(-1)), ("task", "reply_partition", .integer(1 << 31)),
            ("task", "operation", Self.object("type", .string("upload"))), ("task", "version", .integer(2)),
            (
                "task", "echo",
                .array([.object(JSONObject([.init("name", .string("a")), .init("value", .string("A"))]))])
            ),
            ("accepted", "tasks", .integer(-1)), ("accepted", "devices", nil), ("accepted", "unknown", .string("x")),
            ("accepted", "type", nil), ("accepted", "labels", Self.object("a", .integer(1))),
            ("output", "seq", .integer(-1)), ("output", "command", nil), ("output", "text", nil),
            ("output", "text", .integer(1)), ("output-base64", "base64", .string("A")),
            ("output", "task", .string("a\nb")), ("result", "outcome", .string("success")), ("result", "outcome", nil),
            ("result", "attempts", .integer(-1)), ("result", "timing", nil),
            ("result", "timing", Self.object("queued", .integer(-1))),
            ("result", "commands", .array([Self.object("command", .string("x"))])), ("result", "session", .string("x")),
            ("result", "owner", .object(JSONObject())), ("result", "error", Self.object("code", .string("internal"))),
            ("result", "redelivered", .integer(1)), ("task", "index", .integer(-1)),
            ("task", "priority", .string("high")),
            ("finished", "missing", nil), ("finished", "succeeded", .integer(-1)), ("finished", "expired", nil),
            ("accepted", "duplicate", .string("yes")), ("progress-ended", "index", nil),
            ("progress-ended", "outcome", .string("lost")), ("progress-accepted", "deadline", nil),
            ("progress-finished", "job", nil), ("progress-mark", "id", .string("")),
            ("progress-mark", "type", .string("market")), ("control-cancel", "job", nil),
            ("control-cancel", "type", .string("kill")), ("control-cancel-devices", "devices", .array([])),
            ("control-close", "devices", nil), ("control-close", "devices", .array([.string("")])),
            ("control-drain", "worker", .integer(1)), ("event-session-opened", "session", nil),
            ("event-session-opened", "elapsed", .integer(-1)), ("event-session-closed", "reason", nil),
            ("event-session-lost", "code", .string("")), ("event-unreachable", "failures", .integer(0)),
            ("event-recovered", "device", nil), ("event-recovered", "time", .string("now")),
            ("event-recovered", "type", .string("device.gone")), ("event-hostkey", "message", nil),
            ("event-credential", "pause", nil), ("event-credential", "worker", .integer(1)),
            ("event-inventory-changed", "added", .integer(-1)), ("event-inventory-changed", "names", nil),
            ("event-inventory-refused", "code", nil), ("event-inventory-refused", "worker", nil),
        ]
        let examples = Dictionary(uniqueKeysWithValues: try Repository.exampleRecords().map { ($0.name, $0.bytes) })
        var instances: [SchemaValidator.Instance] = []
        for change in changes {
            let example = try #require(examples["\(change.example).json"])
            guard case .object(var object) = try JSONReader.read(example) else { continue }
            object[change.member] = change.value
            let bytes = JSONValue.object(object).encoded
            let type = String(change.example.prefix(while: \.isLetter))
            instances.append(.init(type, bytes))
            #expect(throws: JobsError.self, "the decoder takes \(String(decoding: bytes, as: UTF8.self))") {
                switch type {
                case "task": _ = try DeviceTask(decoding: bytes)
                case "progress": _ = try JobProgress(decoding: bytes)
                case "event": _ = try Event(decoding: bytes)
                case "control": _ = try Control(decoding: bytes)
                default: _ = try Reply(decoding: bytes)
                }
            }
        }
        #expect(instances.count == changes.count)
        for (instance, problems) in zip(instances, try await SchemaValidator.problems(in: instances)) {
            #expect(!problems.isEmpty, "the schema takes \(instance.record)")
        }
    }

    private static func object(_ name: String, _ value: JSONValue) -> JSONValue {
        .object(JSONObject([.init(name, value)]))
    }

    @Test("schema and decoder take the same unusual jobs")
    func taken() async throws {
        let instances = BadJobs.takenByBoth.map { SchemaValidator.Instance("job", Array($0.utf8)) }
        for (text, problems) in zip(BadJobs.takenByBoth, try await SchemaValidator.problems(in: instances)) {
            #expect(problems.isEmpty, "the schema refuses \(text): \(problems)")
            #expect(throws: Never.self, "the decoder refuses \(text)") { try Job(decoding: Array(text.utf8)) }
        }
    }

    @Test("the decoder takes nothing that the schema refuses")
    func decoderIsNoLaxer() async throws {
        var generator = SeededGenerator()
        let examples = try Repository.exampleRecords().filter { $0.name.hasPrefix("job") }.map {
            try JSONReader.read($0.bytes)
        }
        var instances: [SchemaValidator.Instance] = []
        for _ in 0..<4000 {
            let bytes = generator.mutated(generator.pick(examples)).encoded
            if (try? Job(decoding: bytes)) != nil { instances.append(.init("job", bytes)) }
        }
        #expect(instances.count > 50)
        for (instance, problems) in zip(instances, try await SchemaValidator.problems(in: instances)) {
            #expect(problems.isEmpty, "\(instance.record): \(problems), seed \(generator.seed)")
        }
    }

    @Test("the decoder refuses what a schema can't express", arguments: BadJobs.refusedByDecoder)
    func decoderOnly(text: String) {
        #expect(throws: JobsError.self) { try Job(decoding: Array(text.utf8)) }
    }
}

enum BadJobs {
    private static func job(_ members: String) -> String {
        #"{"targets":["r1"],"operation":{"type":"probe"},\#(members)}"#
    }
    private static func run(_ commands: String) -> String {
        #"{"targets":["r1"],"operation":{"type":"run","commands":\#(commands)}}"#
    }
    private static func targets(_ targets: String) -> String {
        #"{"targets":\#(targets),"operation":{"type":"probe"}}"#
    }

    private static let operations: [String] = [
        #""type":"sequence","name":"""#, #""type":"sequence","name":7"#, #""type":"sequence","name":"a","commands":[]"#,
        #""type":"configure","lines":[]"#, #""type":"configure","lines":["a"],"text":"a""#,
        #""type":"configure","lines":["a\nb"]"#, #""type":"configure","text":"""#,
        #""type":"configure","text":"a\u0000""#,
        #""type":"configure","lines":["a"],"commit":"now""#, #""type":"configure","lines":["a"],"commit":"confirm""#,
        #""type":"configure","lines":["a"],"commit":{}"#, #""type":"configure","lines":["a"],"commit":{"within":"0s"}"#,
        #""type":"configure","lines":["a"],"save":"always""#, #""type":"configure","lines":["a"],"answers":[]"#,
        #""type":"configure","lines":["a"],"commit":{"within":"5m","confirm":false},"save":"on_success""#,
        #""type":"configure","lines":["a"],"commit":"dry_run","save":"on_success""#,
        #""type":"configure","commit":"confirm","save":"on_success""#, #""type":"configure","commit":"permanently""#,
        #""type":"upload","source":{"inline":"AA=="}"#, #""type":"upload","remote_path":"a""#,
        #""type":"upload","source":{},"remote_path":"a""#,
        #""type":"upload","source":{"inline":"A"},"remote_path":"a""#,
        #""type":"upload","source":{"inline":"","file":"a"},"remote_path":"a""#,
        #""type":"upload","source":{"file":""},"remote_path":"a""#,
        #""type":"upload","source":{"file":"a","sha256":"A"},"remote_path":"a""#,
        #""type":"upload","source":{"url":"https://h/f"},"remote_path":"a""#,
        #""type":"upload","source":{"url":"ftp://h/f","sha256":"\#(sha)"},"remote_path":"a""#,
        #""type":"upload","source":{"url":"file:///etc/passwd","sha256":"\#(sha)"},"remote_path":"a""#,
        #""type":"upload","source":{"url":"https://u:p@h/f","sha256":"\#(sha)"},"remote_path":"a""#,
        #""type":"upload","source":{"url":"https://h/a b","sha256":"\#(sha)"},"remote_path":"a""#,
        #""type":"upload","source":{"inline":""},"remote_path":"a","verify":"no""#,
        #""type":"upload","source":{"inline":"","password":"x"},"remote_path":"a""#,
        #""type":"download","remote_file":"a","destination":"file""#,
        #""type":"download","remote_file":"a","destination":{}"#,
        #""type":"download","remote_file":"a","destination":{"file":"a","url":"https://h/f"}"#,
        #""type":"download","remote_file":"a","destination":{"url":"h/f"}"#, #""type":"download","remote_file":"a\nb""#,
        #""type":"backup","destination":{"url":"https://h/f"}"#, #""type":"backup","destination":{"file":null}"#,
        #""type":"backup","destination":7"#,
        #""type":"diff","against":{}"#, #""type":"diff","against":"text""#,
        #""type":"diff","against":{"text":"a","file":"b"}"#,
        #""type":"diff","against":{"text":"a"},"ignore":"a""#, #""type":"diff","against":{"text":"a"},"command":7"#,
        #""type":"check","assertions":[]"#, #""type":"check","assertions":[{"command":"a"}]"#,
        #""type":"check","assertions":[{"contains":"a"}]"#,
        #""type":"check","assertions":[{"command":"a","contains":"a","matches":"a"}]"#,
        #""type":"check","assertions":[{"command":"a","contains":""}]"#,
        #""type":"steps","steps":[]"#, #""type":"steps","steps":[{"type":"close"}]"#,
        #""type":"steps","steps":[{"type":"steps","steps":[{"type":"probe"}]}]"#,
        #""type":"steps","steps":[{"type":"probe"},{"type":"run"}]"#, #""type":"steps","steps":["probe"]"#,
    ]
    private static let sha = String(repeating: "0", count: 64)

    static let refusedByBoth: [String] =
        [
            "[]", "null", "1", #""job""#, "{}", #"{"targets":["r1"]}"#, #"{"operation":{"type":"probe"}}"#,
            #"{"targets":null,"operation":{"type":"probe"}}"#, #"{"targets":["r1"],"operation":null}"#,
        ]
        + [
            #""r1""#, "[]", "[1]", "[null]", #"[""]"#, #"["a\nb"]"#, #"["a\u0000"]"#, #"["admin:pw@host:22"]"#,
            #"[["a"]]"#,
        ].map(targets)
        + [#"["\#(String(repeating: "x", count: 301))"]"#].map(targets)
        + [#"[\#(Array(repeating: "\"r\"", count: 10_001).joined(separator: ","))]"#].map(targets)
        + [
            "null", "[]", #""show version""#, "[1]", "[null]", #"[""]"#, #"["  "]"#, #"["a\nb"]"#, #"["a\rb"]"#,
            #"["a\tb"]"#, #"["a\u0000"]"#,
            #"["a\u007f"]"#, #"["a\u009b1m"]"#, "[{}]", #"[{"command":""}]"#, #"[{"command":7}]"#,
            #"[{"command":"a\nb"}]"#,
            #"[{"command":"a","timeout":"soon"}]"#, #"[{"command":"a","timeout":""}]"#,
            #"[{"command":"a","timeout":"0s"}]"#,
            #"[{"command":"a","timeout":0}]"#, #"[{"command":"a","timeout":-1}]"#,
            #"[{"command":"a","timeout":"1.5s"}]"#,
            #"[{"command":"a","timeout":"1m1h"}]"#, #"[{"command":"a","timeout":604801}]"#,
            #"[{"command":"a","timeout":true}]"#,
            #"[{"command":"a","fail_when":"x"}]"#, #"[{"command":"a","answers":[]}]"#,
            #"[{"command":"a","expect":"x"}]"#,
            #"[{"command":"a","mode":""}]"#, #"[{"command":"a","fail_when":[""]}]"#,
            #"[{"command":"a","ends_session":"yes"}]"#,
            #"[{"command":"a","answers":[{"expect":"x"}]}]"#, #"[{"command":"a","answers":[{"answer":"x"}]}]"#,
            #"[{"command":"a","answers":[{"expect":"x","answer":"a\nb"}]}]"#,
            #"[{"command":"a","answers":[{"expect":"x","answer":7}]}]"#,
            #"[{"command":"a","answers":[{"expect":"x","answer":{"credential":"root"}}]}]"#,
            #"[{"command":"a","answers":[{"expect":"x","answer":{"password":"x","credential":"login"}}]}]"#,
            #"[{"command":"a","answers":[{"expect":"x","answer":"y","enter":1}]}]"#,
            #"[{"command":"a","password":"x"}]"#,
            "[\(Array(repeating: "\"x\"", count: 1001).joined(separator: ","))]",
            #"["\#(String(repeating: "x", count: 65_537))"]"#,
        ].map(run)
        + [
            #"{"targets":["r1"],"operation":{}}"#, #"{"targets":["r1"],"operation":"probe"}"#,
            #"{"targets":["r1"],"operation":{"type":"run"}}"#,
            #"{"targets":["r1"],"operation":{"type":7}}"#, #"{"targets":["r1"],"operation":{"type":"Probe"}}"#,
            #"{"targets":["r1"],"operation":{"type":"probe","secret":"x"}}"#,
        ]
        + ["sequence", "configure", "upload", "download", "diff", "check", "steps", ""].map {
            #"{"targets":["r1"],"operation":{"type":"\#($0)"}}"#
        }
        + operations.map { #"{"targets":["r1"],"operation":{\#($0)}}"# }
        + [
            #""version":0"#, #""version":2"#, #""version":1.5"#, #""version":"1""#, #""version":true"#,
            #""id":"""#, #""id":7"#, #""id":"a\nb""#, #""id":"a\u0000""#, #""id":"\u2028""#,
            #""id":"\#(String(repeating: "x", count: 201))""#,
            #""reply_to":"""#, #""reply_to":"a b""#, #""reply_to":".""#, #""reply_to":"..""#, #""reply_to":"é""#,
            #""reply_to":["a"]"#,
            #""reply_to":"\#(String(repeating: "x", count: 250))""#,
            #""stream":"true""#, #""stream":1"#,
            #""deadline":"soon""#, #""deadline":0"#, #""deadline":-5"#, #""deadline":"2026-11-22""#,
            #""deadline":"2026-11-22T10:00:00""#,
            #""deadline":1795341600000"#, #""deadline":{}"#, #""deadline":"-5m""#,
            #""priority":"urgent""#, #""priority":1"#, #""effect":"write""#, #""effect":"READ""#, #""effect":"""#,
            #""effect":false"#,
            #""credential":"""#, #""credential":7"#, #""credential":{"sealed":"x y"}"#,
            #""credential":{"password":"x"}"#,
            #""credential":{"sealed":""}"#, #""credential":{"sealed":null}"#, #""credential":{"sealed":7}"#,
            #""credential":{"sealed":"x","password":"x"}"#, #""credential":["a"]"#,
            #""credential":{"sealed":"\#(String(repeating: "x", count: 32_769))"}"#,
            #""credential":{}"#,
            #""platform":"""#, #""platform":["a"]"#, #""platform":"\#(String(repeating: "x", count: 129))""#,
            #""labels":[]"#, #""labels":{"a":1}"#, #""labels":{"a":null}"#, #""labels":{"":"a"}"#,
            #""labels":{"a\n":"b"}"#,
            #""labels":{"a":"\#(String(repeating: "x", count: 1025))"}"#,
            #""labels":{\#((0..<65).map { "\"\($0)\":\"\"" }.joined(separator: ","))}"#,
            #""echo_headers":"a""#, #""echo_headers":[1]"#, #""echo_headers":[""]"#,
            #""echo_headers":[\#((0..<33).map { "\"\($0)\"" }.joined(separator: ","))]"#,
            #""password":"x""#, #""passphrase":"x""#, #""secret":"x""#, #""enable_secret":"x""#,
            #""enable_password":"x""#, #""private_key":"x""#,
            #""passwd":1"#,
        ].map(job)

    static let takenByBoth: [String] = [
        job(#""credential":{"sealed":"1.0a.b-_.c","later":1}"#), job(#""credential":null"#),
        job(#""unknown_field":{"a":[1,2]}"#), job(#""version":1.0"#), job(#""password":null"#),
        job(#""deadline":0.001"#), job(#""deadline":"168h""#),
        job(#""deadline":"2026-11-22T10:00:00.5+05:30""#), job(#""id":"Größe 7 / \"x\"""#), job(#""labels":{}"#),
        job(#""echo_headers":[]"#),
        job(#""labels":{"a":"line\nbreak"}"#), run(#"[" show version "]"#),
        run(#"[{"command":"a","timeout":1e1,"later":1}]"#),
        #"{"targets":["r1"],"operation":{"type":"probe","commands":[]}}"#,
        run(#"[{"command":"a","mode":null,"answers":null,"fail_when":null,"ends_session":null}]"#),
        run(#"[{"command":"a","answers":[{"expect":"x","answer":"\r","enter":false},{"expect":"y","answer":""}]}]"#),
        #"{"targets":["r1"],"operation":{"type":"close"}}"#, #"{"targets":["r1"],"operation":{"type":"backup"}}"#,
        #"{"targets":["r1"],"operation":{"type":"backup","destination":"inline"}}"#,
        #"{"targets":["r1"],"operation":{"type":"configure","lines":["a"],"text":null,"commit":null,"save":null}}"#,
        #"{"targets":["r1"],"operation":{"type":"configure","commit":"confirm"}}"#,
        #"{"targets":["r1"],"operation":{"type":"upload","source":{"inline":"","file":null},"remote_path":"a","verify":null}}"#,
        targets(#"["tag:a:b@c","all","[2001:db8::7]:22","user@[2001:db8::7]:22"]"#),
    ]

    /// Bytes instead of characters, sums of parts, days of a month, spelling of secrets, repeated names.
    static let refusedByDecoder: [String] = [
        job(#""id":"\#(String(repeating: "é", count: 101))""#), job(#""deadline":"167h61m""#),
        job(#""deadline":"999999h""#),
        job(#""deadline":"2026-02-30T10:00:00Z""#), job(#""Pass-Word":"x""#), job(#""id":"a","id":"b""#),
        job(#""reply_to":"a\n""#),
        #"{"targets":["r1"],"targets":["r2"],"operation":{"type":"probe"}}"#,
    ]
}
