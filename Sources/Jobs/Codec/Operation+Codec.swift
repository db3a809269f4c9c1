extension Operation {
    static let maximumCommands = 1000

    /// The `type`s that this version runs.
    private static let known = ["run", "probe"]

    init(_ value: JSONValue) throws(FieldError) {
        let fields = try Fields(value, "an object such as {\"type\": \"run\", \"commands\": […]}")
        try PlainTextSecrets.refuse(in: fields)
        let type = try fields.required("type") { value throws(FieldError) in try Fields.anyText(value) }
        switch type {
        case "run":
            self = .run(
                try fields.requiredList("commands", of: "commands", count: 1...Self.maximumCommands) {
                    value throws(FieldError) in
                    try Command(value)
                })
        case "probe":
            self = .probe
        default:
            let suggestion = Wording.suggestion(for: type, among: Self.known)
            throw FieldError(
                "this worker doesn't know the operation \(Wording.quoted(type)); it knows \(Self.known.joined(separator: " and "))\(suggestion)",
                kind: .unsupported, at: "type")
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.name("operation")
        writer.object { writer in
            switch self {
            case .run(let commands):
                writer.field("type", "run")
                writer.name("commands")
                writer.array(commands) { writer, command in command.write(to: &writer) }
            case .probe:
                writer.field("type", "probe")
            }
        }
    }
}

extension Command {
    /// Fields that change what a command means. A worker that doesn't have them must not run the command without them: ignoring
    /// `fail_when`, for one, would call a failure a success.
    private static let reserved = ["mode", "expect", "answers", "fail_when"]

    init(_ value: JSONValue) throws(FieldError) {
        switch value {
        case .string(let text):
            try TextRule.command.check(text)
            self.init(text)
        case .object(let object):
            let fields = Fields(object)
            try PlainTextSecrets.refuse(in: fields)
            for name in Self.reserved where fields.value(name) != nil {
                throw FieldError("this worker doesn't support the field", kind: .unsupported, at: name)
            }
            self.init(
                try fields.requiredText("command", .command),
                timeout: try fields.optional("timeout") { value throws(FieldError) in
                    try DurationText.bounded(value, expected: "a duration such as \"30s\" or \"2m\"")
                })
        default:
            throw FieldError("expected a command as a string or as an object with \"command\", found \(value.kind)")
        }
    }

    func write(to writer: inout JSONWriter) {
        guard let timeout = self.timeout else { return writer.string(self.text) }
        writer.object { writer in
            writer.field("command", self.text)
            writer.name("timeout")
            writer.duration(timeout)
        }
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
