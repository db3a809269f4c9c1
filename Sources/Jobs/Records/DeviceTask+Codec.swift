extension DeviceTask {
    /// Reads and checks a task. Pure: any thread.
    /// - Throws: `job.undecodable`, `job.invalid` or `job.unsupported`, with the job's id and reply topic as far as they could be read.
    package init(decoding bytes: [UInt8]) throws(JobsError) {
        self = try RecordDecoding.decode(bytes, jobField: "job") { fields throws(FieldError) in try DeviceTask(fields) }
    }

    private init(_ fields: Fields) throws(FieldError) {
        self.init(
            id: try fields.requiredText("id", .derivedID),
            job: try fields.requiredText("job", .derivedID),
            index: try fields.integer("index", 0...Int.max),
            source: try fields.text("source", .topic),
            device: try fields.requiredText("device", .target),
            address: try fields.text("address", .target),
            operation: try fields.required("operation") { value throws(FieldError) in try Operation(value) },
            effect: try fields.requiredChoice("effect"),
            deadline: try fields.requiredInteger("deadline", Int64.min...Int64.max),
            submitted: try fields.requiredInteger("submitted", Int64.min...Int64.max),
            replyTo: try fields.requiredText("reply_to", .topic),
            stream: try fields.bool("stream"),
            credential: try fields.optional("credential") { value throws(FieldError) in try JobCredential(value) },
            platform: try fields.text("platform", .name),
            labels: try fields.labels(),
            priority: try fields.choice("priority") ?? .bulk,
            replyPartition: try fields.integer("reply_partition", 0...Int32.max),
            echo: try fields.echo()
        )
    }

    /// Appends the record's JSON to `buffer`.
    package func encode(into buffer: inout [UInt8]) {
        JSONWriter.append(to: &buffer) { writer in
            writer.object { writer in
                writer.field("version", RecordDecoding.version)
                writer.field("id", self.id)
                writer.field("job", self.job)
                if let index = self.index { writer.field("index", index) }
                writer.field("source", self.source)
                writer.field("device", self.device)
                writer.field("address", self.address)
                self.operation.write(to: &writer)
                writer.field("effect", self.effect.rawValue)
                writer.field("deadline", self.deadline)
                writer.field("submitted", self.submitted)
                writer.field("reply_to", self.replyTo)
                writer.flag("stream", self.stream)
                writer.credential(self.credential)
                writer.field("platform", self.platform)
                writer.labels(self.labels)
                if self.priority != .bulk { writer.field("priority", self.priority.rawValue) }
                if let partition = self.replyPartition { writer.field("reply_partition", partition) }
                writer.echo(self.echo)
            }
        }
    }
}
