import Testing

@testable import Jobs

@Suite("Reading jobs")
struct JobDecodingTests {
    /// A job with these members besides the required ones.
    private static func job(_ members: String) -> [UInt8] {
        Array(#"{"targets":["r1"],"operation":{"type":"probe"},\#(members)}"#.utf8)
    }

    @Test("all fields arrive")
    func complete() throws {
        let text = #"""
            {"version": 1, "id": "nightly", "targets": ["router1", "group:core", "admin@192.0.2.7:2222", "[2001:db8::7]:22"],
             "operation": {"type": "run", "commands": ["show version", {"command": "show interfaces", "timeout": "2m"}, {"command": "x", "timeout": 0.5}]},
             "reply_to": "my-team.results", "stream": true, "deadline": "10m", "effect": "idempotent", "credential": "netops",
             "platform": "cisco_iosxe", "labels": {"ticket": "CHG-1234"}, "echo_headers": ["a", "b"], "from_the_future": {"x": [1]}}
            """#
        let expected = Job(
            id: "nightly", targets: ["router1", "group:core", "admin@192.0.2.7:2222", "[2001:db8::7]:22"],
            operation: .run([
                Command("show version"), Command("show interfaces", timeout: .seconds(120)),
                Command("x", timeout: .milliseconds(500)),
            ]),
            replyTo: "my-team.results", stream: true, deadline: .after(.seconds(600)), effect: .idempotent,
            credential: "netops", platform: "cisco_iosxe",
            labels: ["ticket": "CHG-1234"], echoHeaders: ["a", "b"])
        #expect(try Job(decoding: Array(text.utf8)) == expected)
    }

    @Test("a null optional field counts as absent")
    func nulls() throws {
        let text = #"""
            {"version":null,"id":null,"targets":["r1"],"operation":{"type":"run","commands":[{"command":"x","timeout":null}]},"reply_to":null,"stream":null,
             "deadline":null,"effect":null,"credential":null,"platform":null,"labels":null,"echo_headers":null}
            """#
        #expect(try Job(decoding: Array(text.utf8)) == Job(targets: ["r1"], operation: .run([Command("x")])))
    }

    @Test(
        "deadlines are durations or points in time",
        arguments: [
            (#""10m""#, .after(.seconds(600))), ("90", .after(.seconds(90))), ("0.25", .after(.milliseconds(250))),
            (#""168h""#, .after(.seconds(604_800))),
            (#""2026-11-22T10:00:00+01:00""#, .at(milliseconds: 1_795_338_000_000)),
        ] as [(String, Deadline)])
    func deadlines(text: String, deadline: Deadline) throws {
        #expect(try Job(decoding: Self.job("\"deadline\":\(text)")).deadline == deadline)
    }

    @Test(
        "a mistake is named with its place and what would be right",
        arguments: [
            (
                #""effect":"raed""#,
                #"effect: expected "read", "idempotent" or "change", found "raed" (did you mean "read"?)"#
            ),
            (#""effect":"none at all""#, #"effect: expected "read", "idempotent" or "change", found "none at all""#),
            (#""effect":7"#, #"effect: expected "read", "idempotent" or "change", found a number"#),
            (
                #""deadline":"soon""#,
                #"deadline: expected a duration such as "30s" or "10m", or a time such as "2026-11-22T10:00:00Z", found "soon""#
            ),
            (
                #""deadline":"0s""#,
                #"deadline: expected a duration such as "30s" or "10m", or a time such as "2026-11-22T10:00:00Z", found "0s""#
            ),
            (#""deadline":"169h""#, #"deadline: expected at most 168h (7 days), found "169h""#),
            (#""id":7"#, "id: expected a job id as a string, found a number"),
            (#""id":"""#, "id: expected a job id, found an empty string"),
            (#""id":"a\nb""#, "id: control characters are not allowed in a job id, found U+000A"),
            (
                #""id":"\#(String(repeating: "é", count: 101))""#,
                "id: expected a job id of at most 200 bytes, found 202"
            ),
            (
                #""reply_to":"a b""#,
                #"reply_to: expected a Kafka topic name (letters, digits, ".", "_" and "-"), found "a b""#
            ),
            (
                #""reply_to":"..""#,
                #"reply_to: expected a Kafka topic name (letters, digits, ".", "_" and "-"), found "..""#
            ),
            (#""stream":"yes""#, "stream: expected true or false, found a string"),
            (#""labels":{"a":"b","c":1}"#, #"labels["c"]: expected a string, found a number"#),
            (#""labels":[]"#, "labels: expected an object of strings, found an array"),
            (#""echo_headers":["a",""]"#, "echo_headers[1]: expected a header name, found an empty string"),
            (#""version":"1""#, "version: expected the number 1, found a string"),
            (
                #""credential":{"name":"x"}"#,
                "credential: expected the name of an entry of the worker's credential store, or {\"sealed\": …}, found another object"
            ),
        ])
    func mistakes(members: String, message: String) {
        let error = #expect(throws: JobsError.self) { try Job(decoding: Self.job(members)) }
        #expect(error?.code == "job.invalid")
        #expect(error?.message == message)
    }

    @Test(
        "mistakes in targets and operations are named too",
        arguments: [
            ("{}", "job.invalid", "targets: required, but missing"),
            (#"{"target":["a"]}"#, "job.invalid", #"targets: required, but missing (found "target")"#),
            (#"{"targets":"r1"}"#, "job.invalid", "targets: expected an array of targets, found a string"),
            (#"{"targets":[]}"#, "job.invalid", "targets: expected 1 to 10000 targets, found 0"),
            (#"{"targets":["a",""]}"#, "job.invalid", "targets[1]: expected a target, found an empty string"),
            (#"{"targets":["a"]}"#, "job.invalid", "operation: required, but missing"),
            (
                #"{"targets":["a"],"operation":"probe"}"#, "job.invalid",
                #"operation: expected an object such as {"type": "run", "commands": […]}, found a string"#
            ),
            (#"{"targets":["a"],"operation":{}}"#, "job.invalid", "operation.type: required, but missing"),
            (
                #"{"targets":["a"],"operation":{"type":"reboot"}}"#, "job.unsupported",
                #"operation.type: this worker doesn't know the operation "reboot"; it knows run, sequence, configure, upload, download, backup, diff, check, probe, close, steps"#
            ),
            (
                #"{"targets":["a"],"operation":{"type":"prob"}}"#, "job.unsupported",
                #"operation.type: this worker doesn't know the operation "prob"; it knows run, sequence, configure, upload, download, backup, diff, check, probe, close, steps (did you mean "probe"?)"#
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run"}}"#, "job.invalid",
                "operation.commands: required, but missing"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":[]}}"#, "job.invalid",
                "operation.commands: expected 1 to 1000 commands, found 0"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":["x",{"command":"y","timeout":"soon"}]}}"#,
                "job.invalid",
                #"operation.commands[1].timeout: expected a duration such as "30s" or "2m", found "soon""#
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":["x\ny"]}}"#, "job.invalid",
                "operation.commands[0]: a command is a single line, found a line break (U+000A); give each line as a command of its own"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":[{"command":"x\u0000"}]}}"#, "job.invalid",
                "operation.commands[0].command: control characters are not allowed in a command, found U+0000"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":["\u0085"]}}"#, "job.invalid",
                "operation.commands[0]: control characters are not allowed in a command, found U+0085"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":["  "]}}"#, "job.invalid",
                "operation.commands[0]: expected a command, found only white space"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":[{"command":"x","fail_when":"error"}]}}"#,
                "job.invalid",
                "operation.commands[0].fail_when: expected an array of regular expressions, found a string"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":[{"command":"x","expect":"error"}]}}"#,
                "job.unsupported",
                #"operation.commands[0].expect: write it in "answers", beside its answer"#
            ),
            (
                #"{"targets":["a"],"operation":{"type":"upload","source":{"file":"a","url":"b"},"remote_path":"c"}}"#,
                "job.invalid",
                #"operation.source: expected exactly one of "inline", "file" or "url", found 2 of them"#
            ),
            (
                #"{"targets":["a"],"operation":{"type":"upload","source":{"url":"ftp://h/?hunter2","sha256":"c"},"remote_path":"c"}}"#,
                "job.invalid", "operation.source.url: expected an http or https address in ASCII without blanks"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"steps","steps":[{"type":"probe"},{"type":"close"}]}}"#,
                "job.unsupported", #"operation.steps[1].type: "close" can't be one of several steps"#
            ),
            (#"{"version":2,"targets":5}"#, "job.unsupported", "version: expected 1, found 2"),
            (#"[1]"#, "job.undecodable", "expected a JSON object, found an array"),
            (#"{"id":"a""#, "job.undecodable", #"not a usable JSON text: byte 9: expected "," or "}""#),
            ("", "job.undecodable", "not a usable JSON text: byte 0: expected a value, found the end of the record"),
        ])
    func structure(text: String, code: String, message: String) {
        let error = #expect(throws: JobsError.self) { try Job(decoding: Array(text.utf8)) }
        #expect(error?.code == code)
        #expect(error?.message == message)
    }

    @Test("a job that names itself and its reply topic does so in the error too, if those are right")
    func errorNamesTheJob() {
        let error = #expect(throws: JobsError.self) {
            try Job(decoding: Array(#"{"id":"j1","reply_to":"r","targets":0}"#.utf8))
        }
        #expect(error?.jobID == "j1")
        #expect(error?.replyTo == "r")
        let nameless = #expect(throws: JobsError.self) {
            try Job(decoding: Array(#"{"id":"a\nb","reply_to":"a b","targets":0}"#.utf8))
        }
        #expect(nameless?.jobID == nil)
        #expect(nameless?.replyTo == nil)
        let future = #expect(throws: JobsError.self) { try Job(decoding: Array(#"{"version":2,"id":"j1"}"#.utf8)) }
        #expect(future?.jobID == "j1")
    }

    @Test(
        "a plain-text secret is refused and not repeated",
        arguments: [
            (#""password":"hunter2""#, "password"), (#""Password":"hunter2""#, "Password"),
            (#""enable_secret":"hunter2""#, "enable_secret"),
            (#""private-key":"hunter2""#, "private-key"),
            (#""credential":{"password":"hunter2"}"#, "credential.password"),
            (#""credential":{"user":"a","passphrase":{"x":"hunter2"}}"#, "credential.passphrase"),
        ])
    func secrets(members: String, path: String) {
        let error = #expect(throws: JobsError.self) { try Job(decoding: Self.job(members)) }
        #expect(error?.code == "job.invalid")
        #expect(
            error?.message.hasPrefix("\(path): plain-text secrets are refused on the bus") == true,
            "\(String(describing: error))")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test(
        "a secret in an operation, a command or a target is refused and not repeated",
        arguments: [
            (#"{"targets":["admin:hunter2@r1:22"],"operation":{"type":"probe"}}"#, "targets[0]"),
            (#"{"targets":["a"],"operation":{"type":"probe","password":"hunter2"}}"#, "operation.password"),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":["x",{"command":"y","password":"hunter2"}]}}"#,
                "operation.commands[1].password"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"run","commands":[{"command":"y","answers":[{"expect":"p","password":"hunter2"}]}]}}"#,
                "operation.commands[0].answers[0].password"
            ),
            (
                #"{"targets":["a"],"operation":{"type":"steps","steps":[{"type":"upload","source":{"secret":"hunter2"}}]}}"#,
                "operation.steps[0].source.secret"
            ),
        ])
    func secretsInside(text: String, path: String) {
        let error = #expect(throws: JobsError.self) { try Job(decoding: Array(text.utf8)) }
        #expect(error?.code == "job.invalid")
        #expect(
            error?.message.hasPrefix("\(path): plain-text secrets are refused on the bus") == true,
            "\(String(describing: error))")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("a sealed credential is taken as it is; what is none is refused and not repeated")
    func sealed() throws {
        let job = try Job(decoding: Self.job(#""credential":{"sealed":"1.0123456789abcdef.aa.bb-_"}"#))
        #expect(job.credential == .sealed("1.0123456789abcdef.aa.bb-_"))
        for text in ["hunter2 hunter2", "hunter2+", "hunter2=", "hunter2\\n"] {
            let error = #expect(throws: JobsError.self) {
                try Job(decoding: Self.job(#""credential":{"sealed":"\#(text)"}"#))
            }
            #expect(error?.code == "job.invalid")
            #expect(error?.message == "credential.sealed: expected a sealed credential as `tether seal` prints it")
        }
    }

    @Test("the limits on counts hold at their edges")
    func counts() throws {
        func job(targets: Int, commands: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            Job(
                targets: Array(repeating: "r", count: targets),
                operation: .run(Array(repeating: Command("x"), count: commands))
            ).encode(into: &bytes)
            return bytes
        }
        #expect(try Job(decoding: job(targets: 10_000, commands: 1000)).targets.count == 10_000)
        #expect(throws: JobsError.self) { try Job(decoding: job(targets: 10_001, commands: 1)) }
        #expect(throws: JobsError.self) { try Job(decoding: job(targets: 1, commands: 1001)) }
        let labels = (0..<65).map { "\"\($0)\":\"\"" }
        _ = try Job(decoding: Self.job("\"labels\":{\(labels.dropLast().joined(separator: ","))}"))
        #expect(throws: JobsError.self) { try Job(decoding: Self.job("\"labels\":{\(labels.joined(separator: ","))}")) }
        _ = try Job(decoding: Self.job("\"labels\":{\"a\":\"\(String(repeating: "x", count: 1024))\"}"))
        #expect(throws: JobsError.self) {
            try Job(decoding: Self.job("\"labels\":{\"a\":\"\(String(repeating: "x", count: 1025))\"}"))
        }
    }

    @Test("a long or strange value doesn't flood a message")
    func messagesStayShort() {
        let long = String(repeating: "y", count: 100_000)
        for members in [#""effect":"\#(long)""#, #""deadline":"\#(long)""#, #""effect":"a\u001b[31mb""#] {
            let error = #expect(throws: JobsError.self) { try Job(decoding: Self.job(members)) }
            #expect((error?.message.utf8.count ?? .max) < 300)
            #expect(error?.message.contains("\u{1B}") == false)
        }
    }
}
