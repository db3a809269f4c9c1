extension JobProgress {
    /// Reads and checks a progress record. Pure: any thread.
    /// - Throws: `job.undecodable`, `job.invalid`, or `job.unsupported` (a `type` that this version doesn't know).
    package init(decoding bytes: [UInt8]) throws(JobsError) {
        self = try RecordDecoding.decode(bytes, jobField: "job") { fields throws(FieldError) in
            switch try fields.required("type", { value throws(FieldError) in try Fields.anyText(value) }) {
            case "accepted": return .accepted(try AcceptedJob(fields))
            case "ended":
                return .ended(
                    EndedTask(
                        job: try fields.requiredText("job", .derivedID),
                        index: try fields.requiredInteger("index", 0...Int.max),
                        outcome: try fields.requiredChoice("outcome")))
            case "finished": return .finished(job: try fields.requiredText("job", .derivedID))
            case "mark": return .mark(id: try fields.requiredText("id", .derivedID))
            case let other:
                let known = Wording.alternatives(["accepted", "ended", "finished", "mark"])
                throw FieldError("expected \(known), found \(Wording.quoted(other))", kind: .unsupported, at: "type")
            }
        }
    }

    /// Appends the record's JSON to `buffer`.
    package func encode(into buffer: inout [UInt8]) {
        JSONWriter.append(to: &buffer) { writer in
            writer.object { writer in
                writer.field("version", RecordDecoding.version)
                writer.field("type", self.type)
                switch self {
                case .accepted(let job): job.write(to: &writer)
                case .ended(let task):
                    writer.field("job", task.job)
                    writer.field("index", task.index)
                    writer.field("outcome", task.outcome.rawValue)
                case .finished(let job): writer.field("job", job)
                case .mark(let id): writer.field("id", id)
                }
            }
        }
    }
}

extension JobProgress.AcceptedJob {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            job: try fields.requiredText("job", .derivedID),
            tasks: try fields.requiredInteger("tasks", 0...Int.max),
            devices: try fields.requiredInteger("devices", 0...Int.max),
            submitted: try fields.requiredInteger("submitted", Int64.min...Int64.max),
            deadline: try fields.requiredInteger("deadline", Int64.min...Int64.max),
            replyTo: try fields.requiredText("reply_to", .topic),
            replyPartition: try fields.integer("reply_partition", 0...Int32.max),
            echo: try fields.echo(),
            labels: try fields.labels()
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("job", self.job)
        writer.field("tasks", self.tasks)
        writer.field("devices", self.devices)
        writer.field("submitted", self.submitted)
        writer.field("deadline", self.deadline)
        writer.field("reply_to", self.replyTo)
        if let partition = self.replyPartition { writer.field("reply_partition", partition) }
        writer.echo(self.echo)
        writer.labels(self.labels)
    }
}

extension Fields {
    func echo() throws(FieldError) -> [EchoedHeader] {
        try self.list("echo", of: "headers") { value throws(FieldError) in
            let header = try Fields(value, "an object with \"name\" and \"value\"")
            return EchoedHeader(try header.requiredText("name", .headerName), try header.base64("value"))
        } ?? []
    }
}

extension JSONWriter {
    /// Nothing when there are none.
    mutating func echo(_ headers: [EchoedHeader]) {
        guard !headers.isEmpty else { return }
        self.name("echo")
        self.array(headers) { writer, header in
            writer.object { writer in
                writer.field("name", header.name)
                writer.name("value")
                if let value = header.value { writer.base64(value) } else { writer.null() }
            }
        }
    }
}
