extension Reply {
    /// Reads and checks a reply. Pure: any thread.
    /// - Throws: `job.undecodable`, `job.invalid`, or `job.unsupported` (a `type` that this version doesn't know), with the job's id.
    package init(decoding bytes: [UInt8]) throws(JobsError) {
        self = try RecordDecoding.decode(bytes, jobField: "job") { fields throws(FieldError) in
            let known = ["accepted", "output", "result", "rejected", "finished"]
            switch try fields.required("type", { value throws(FieldError) in try Fields.anyText(value) }) {
            case "accepted": return .accepted(try Accepted(fields))
            case "output": return .output(try Output(fields))
            case "result": return .result(try DeviceResult(fields))
            case "rejected": return .rejected(try Rejected(fields))
            case "finished": return .finished(try Finished(fields))
            case let other:
                throw FieldError(
                    "expected \(Wording.alternatives(known)), found \(Wording.quoted(other))", kind: .unsupported,
                    at: "type")
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
                case .accepted(let accepted): accepted.write(to: &writer)
                case .output(let output): output.write(to: &writer)
                case .result(let result): result.write(to: &writer)
                case .rejected(let rejected): rejected.write(to: &writer)
                case .finished(let finished): finished.write(to: &writer)
                }
            }
        }
    }
}

extension Accepted {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            job: try fields.requiredText("job", .derivedID),
            tasks: try fields.requiredInteger("tasks", 0...Int.max),
            devices: try fields.requiredInteger("devices", 0...Int.max),
            unknown: try fields.list("unknown", of: "target names") { value throws(FieldError) in
                try Fields.anyText(value)
            } ?? [],
            duplicate: try fields.bool("duplicate"),
            labels: try fields.labels()
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("job", self.job)
        writer.field("tasks", self.tasks)
        writer.field("devices", self.devices)
        writer.name("unknown")
        writer.array(self.unknown) { writer, name in writer.string(name) }
        writer.flag("duplicate", self.duplicate)
        writer.labels(self.labels)
    }
}

extension Rejected {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            job: try fields.requiredText("job", .derivedID),
            error: try fields.required("error") { value throws(FieldError) in try ErrorDescription(value) },
            labels: try fields.labels()
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("job", self.job)
        self.error.write(to: &writer)
        writer.labels(self.labels)
    }
}

extension Finished {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            job: try fields.requiredText("job", .derivedID),
            tasks: try fields.requiredInteger("tasks", 0...Int.max),
            outcomes: try OutcomeCounts(fields),
            missing: try fields.requiredInteger("missing", 0...Int.max),
            elapsed: try fields.seconds("elapsed"),
            labels: try fields.labels()
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("job", self.job)
        writer.field("tasks", self.tasks)
        self.outcomes.write(to: &writer)
        writer.field("missing", self.missing)
        writer.field("elapsed", seconds: self.elapsed)
        writer.labels(self.labels)
    }
}

extension OutcomeCounts {
    init(_ fields: Fields) throws(FieldError) {
        self.init()
        for outcome in Outcome.allCases {
            self[outcome] = try fields.requiredInteger(outcome.rawValue, 0...Int.max)
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.field("succeeded", self[.succeeded])
        writer.field("failed", self[.failed])
        writer.field("unknown", self[.unknown])
        writer.field("cancelled", self[.cancelled])
        writer.field("expired", self[.expired])
        writer.field("rejected", self[.rejected])
    }
}

extension Output {
    init(_ fields: Fields) throws(FieldError) {
        guard let bytes = try fields.bytes("text", orBase64: "base64") else {
            throw FieldError("\"text\" or \"base64\" is required, but both are missing")
        }
        self.init(
            job: try fields.requiredText("job", .derivedID),
            task: try fields.requiredText("task", .derivedID),
            device: try fields.requiredText("device", .target),
            sequence: try fields.requiredInteger("seq", 0...Int.max),
            command: try fields.requiredInteger("command", 0...Int.max),
            attempt: try fields.integer("attempt", 1...Int.max) ?? 1,
            bytes: bytes
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("job", self.job)
        writer.field("task", self.task)
        writer.field("device", self.device)
        writer.field("seq", self.sequence)
        writer.field("command", self.command)
        writer.field("attempt", self.attempt)
        writer.field("text", orBase64: "base64", self.bytes)
    }

    /// Where to cut output that is sent in pieces: the count of `bytes`, less the up to three bytes at their end that begin a character
    /// whose rest is still to come. Pieces cut there stay text.
    package static func textBoundary(in bytes: [UInt8]) -> Int {
        bytes.withUnsafeBufferPointer { buffer in
            for length in 1...3 where length <= buffer.count {
                let lead = buffer[buffer.count - length]
                if lead & 0xC0 == 0x80 { continue }
                let expected = lead >= 0xF0 && lead <= 0xF4 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1
                return lead <= 0xF4 && expected > length ? buffer.count - length : buffer.count
            }
            return buffer.count
        }
    }
}

extension Fields {
    /// Bytes that stand under one name as text, or under another as base64.
    func bytes(_ name: String, orBase64 base64Name: String) throws(FieldError) -> [UInt8]? {
        if let text = try self.anyText(name) { return Array(text.utf8) }
        return try self.base64(base64Name)
    }
}
