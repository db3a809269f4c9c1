extension Job {
    static let maximumTargets = 10_000
    static let maximumEchoHeaders = 32

    /// Reads and checks a job. Pure: any thread.
    /// - Throws: `job.undecodable`, `job.invalid` or `job.unsupported`, with the job's id and reply topic as far as they could be read.
    package init(decoding bytes: [UInt8]) throws(JobsError) {
        self = try RecordDecoding.decode(bytes, jobField: "id") { fields throws(FieldError) in try Job(fields) }
    }

    private init(_ fields: Fields) throws(FieldError) {
        try PlainTextSecrets.refuse(in: fields)
        self.init(
            id: try fields.text("id", .jobID),
            targets: try fields.requiredList("targets", of: "targets", count: 1...Self.maximumTargets) {
                value throws(FieldError) in
                let target = try Fields.text(value, .target)
                try PlainTextSecrets.refuse(inTarget: target)
                return target
            },
            operation: try fields.required("operation") { value throws(FieldError) in try Operation(value) },
            replyTo: try fields.text("reply_to", .topic),
            stream: try fields.bool("stream"),
            deadline: try fields.optional("deadline") { value throws(FieldError) in try Deadline(value) },
            effect: try fields.choice("effect"),
            priority: try fields.choice("priority") ?? .bulk,
            credential: try fields.optional("credential") { value throws(FieldError) in try JobCredential(value) },
            platform: try fields.text("platform", .name),
            labels: try fields.labels(),
            echoHeaders: try fields.list("echo_headers", of: "header names", count: 0...Self.maximumEchoHeaders) {
                value throws(FieldError) in try Fields.text(value, .headerName)
            } ?? []
        )
    }

    /// Appends the record's JSON to `buffer`.
    package func encode(into buffer: inout [UInt8]) {
        JSONWriter.append(to: &buffer) { writer in
            writer.object { writer in
                writer.field("version", RecordDecoding.version)
                writer.field("id", self.id)
                writer.name("targets")
                writer.array(self.targets) { writer, target in writer.string(target) }
                self.operation.write(to: &writer)
                writer.field("reply_to", self.replyTo)
                writer.flag("stream", self.stream)
                if let deadline = self.deadline {
                    writer.name("deadline")
                    deadline.write(to: &writer)
                }
                writer.field("effect", self.effect?.rawValue)
                if self.priority != .bulk { writer.field("priority", self.priority.rawValue) }
                writer.credential(self.credential)
                writer.field("platform", self.platform)
                writer.labels(self.labels)
                if !self.echoHeaders.isEmpty {
                    writer.name("echo_headers")
                    writer.array(self.echoHeaders) { writer, name in writer.string(name) }
                }
            }
        }
    }
}

extension Deadline {
    init(_ value: JSONValue) throws(FieldError) {
        if case .string(let text) = value, let milliseconds = RFC3339.parse(text) {
            self = .at(milliseconds: milliseconds)
        } else {
            self = .after(
                try DurationText.bounded(
                    value, expected: "a duration such as \"30s\" or \"10m\", or a time such as \"2026-11-22T10:00:00Z\""
                ))
        }
    }

    func write(to writer: inout JSONWriter) {
        switch self {
        case .after(let duration): writer.duration(duration)
        case .at(let milliseconds): writer.string(RFC3339.format(milliseconds: milliseconds))
        }
    }
}
