extension Command {
    init(_ value: JSONValue) throws(FieldError) {
        switch value {
        case .string(let text):
            try TextRule.command.check(text)
            self.init(text)
        case .object(let object): try self.init(Fields(object))
        default:
            throw FieldError("expected a command as a string or as an object with \"command\", found \(value.kind)")
        }
    }

    private init(_ fields: Fields) throws(FieldError) {
        try PlainTextSecrets.refuse(in: fields)
        if fields.value("expect") != nil {
            throw FieldError("write it in \"answers\", beside its answer", kind: .unsupported, at: "expect")
        }
        self.init(
            try fields.requiredText("command", .command),
            timeout: try fields.timeout(),
            mode: try fields.text("mode", .name),
            answers: try fields.answers(),
            failurePatterns: try fields.patterns("fail_when"),
            endsSession: try fields.bool("ends_session")
        )
    }

    func write(to writer: inout JSONWriter) {
        guard self.timeout != nil || !self.isPlain else { return writer.string(self.text) }
        writer.object { writer in self.writeFields(to: &writer) }
    }

    func writeFields(to writer: inout JSONWriter) {
        writer.field("command", self.text)
        writer.timeout(self.timeout)
        writer.field("mode", self.mode)
        writer.answers(self.answers)
        writer.patterns("fail_when", self.failurePatterns)
        writer.flag("ends_session", self.endsSession)
    }
}

extension Answer {
    init(_ value: JSONValue) throws(FieldError) {
        let fields = try Fields(value, "an object such as {\"expect\": \"confirm\", \"answer\": \"y\"}")
        try PlainTextSecrets.refuse(in: fields)
        self.init(
            try fields.required("answer") { value throws(FieldError) in
                guard case .object(let object) = value else { return .text(try Fields.text(value, .answer)) }
                let fields = Fields(object)
                try PlainTextSecrets.refuse(in: fields)
                return .credential(try fields.requiredChoice("credential"))
            },
            to: try fields.requiredText("expect", .pattern),
            pressesReturn: try fields.bool("enter", default: true),
            repeats: try fields.bool("repeat")
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("expect", self.question)
            switch self.reply {
            case .text(let text): writer.field("answer", text)
            case .credential(let part):
                writer.name("answer")
                writer.object { $0.field("credential", part.rawValue) }
            }
            if !self.pressesReturn { writer.field("enter", bool: false) }
            writer.flag("repeat", self.repeats)
        }
    }
}

extension Assertion {
    private static let conditions = ["contains", "not_contains", "matches", "not_matches", "equals"]

    init(_ value: JSONValue) throws(FieldError) {
        let fields = try Fields(value, "an object such as {\"command\": \"show clock\", \"contains\": \"UTC\"}")
        try PlainTextSecrets.refuse(in: fields)
        let kind = try fields.one(of: Self.conditions)
        let condition: Condition =
            switch kind {
            case "contains": .contains(try fields.requiredText(kind, .expectation))
            case "not_contains": .doesNotContain(try fields.requiredText(kind, .expectation))
            case "matches": .matches(try fields.requiredText(kind, .pattern))
            case "not_matches": .doesNotMatch(try fields.requiredText(kind, .pattern))
            default: .equals(try fields.requiredText(kind, .document))
            }
        self.init(
            try fields.required("command") { value throws(FieldError) in try Command(value) },
            condition, name: try fields.text("name", .labelName))
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", self.name)
            writer.name("command")
            self.command.write(to: &writer)
            switch self.condition {
            case .contains(let text): writer.field("contains", text)
            case .doesNotContain(let text): writer.field("not_contains", text)
            case .matches(let pattern): writer.field("matches", pattern)
            case .doesNotMatch(let pattern): writer.field("not_matches", pattern)
            case .equals(let text): writer.field("equals", text)
            }
        }
    }
}

extension Fields {
    /// The one of several members that is there.
    func one(of names: [String]) throws(FieldError) -> String {
        let found = names.filter { self.value($0) != nil }
        guard let name = found.first, found.count == 1 else {
            throw FieldError(
                "expected exactly one of \(Wording.alternatives(names)), found \(found.isEmpty ? "none" : "\(found.count) of them")"
            )
        }
        return name
    }

    func bool(_ name: String, default value: Bool) throws(FieldError) -> Bool {
        self.value(name) == nil ? value : try self.bool(name)
    }

    func timeout() throws(FieldError) -> Duration? {
        try self.optional("timeout") { value throws(FieldError) in
            try DurationText.bounded(value, expected: "a duration such as \"30s\" or \"2m\"")
        }
    }

    func answers() throws(FieldError) -> [Answer] {
        try self.list("answers", of: "answers", count: 1...100) { value throws(FieldError) in try Answer(value) } ?? []
    }

    func patterns(_ name: String) throws(FieldError) -> [String] {
        try self.list(name, of: "regular expressions", count: 1...Operation.maximumPatterns) {
            value throws(FieldError) in try Fields.text(value, .pattern)
        } ?? []
    }
}

extension JSONWriter {
    package mutating func field(_ name: StaticString, bool value: Bool) {
        self.name(name)
        self.bool(value)
    }

    mutating func timeout(_ timeout: Duration?) {
        guard let timeout else { return }
        self.name("timeout")
        self.duration(timeout)
    }

    mutating func answers(_ answers: [Answer]) {
        guard !answers.isEmpty else { return }
        self.name("answers")
        self.array(answers) { writer, answer in answer.write(to: &writer) }
    }

    mutating func patterns(_ name: StaticString, _ patterns: [String]) {
        guard !patterns.isEmpty else { return }
        self.name(name)
        self.array(patterns) { writer, pattern in writer.string(pattern) }
    }
}

extension DurationText {
    /// A duration of a job, as text or as a number of seconds, within bounds.
    static func bounded(_ value: JSONValue, expected: String) throws(FieldError) -> Duration {
        let duration: Duration?
        let found: String
        switch value {
        case .string(let text): (duration, found) = (Self.parse(text), Wording.quoted(text))
        case .integer(let number): (duration, found) = (Self.seconds(value), "\(number)")
        case .number(let number): (duration, found) = (Self.seconds(value), "\(number)")
        default: (duration, found) = (nil, value.kind)
        }
        guard let duration, duration >= Self.shortest else { throw FieldError("expected \(expected), found \(found)") }
        guard duration <= Self.longest else { throw FieldError("expected at most 168h (7 days), found \(found)") }
        return duration
    }
}
