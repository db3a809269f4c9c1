extension DeviceResult {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            job: try fields.requiredText("job", .derivedID),
            task: try fields.requiredText("task", .derivedID),
            device: try fields.requiredText("device", .target),
            outcome: try fields.requiredChoice("outcome"),
            error: try fields.optional("error") { value throws(FieldError) in try ErrorDescription(value) },
            commands: try fields.list("commands", of: "command results") { value throws(FieldError) in
                try CommandOutcome(Fields(value, "an object"))
            } ?? [],
            detail: try OperationDetail(fields),
            attempts: try fields.requiredInteger("attempts", 0...Int.max),
            session: try fields.optional("session") { value throws(FieldError) in
                let session = try Fields(value, "an object")
                return SessionDescription(
                    id: try session.requiredText("id", .derivedID), reused: try session.bool("reused"))
            },
            owner: try fields.optional("owner") { value throws(FieldError) in
                let owner = try Fields(value, "an object")
                return Owner(
                    worker: try owner.requiredText("worker", .derivedID),
                    generation: try owner.requiredInteger("generation", Int.min...Int.max))
            },
            timing: try fields.required("timing") { value throws(FieldError) in
                let timing = try Fields(value, "an object")
                return Timing(
                    queued: try timing.seconds("queued"), waited: try timing.seconds("waited"),
                    executed: try timing.seconds("executed"))
            },
            redelivered: try fields.bool("redelivered"),
            labels: try fields.labels()
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("job", self.job)
        writer.field("task", self.task)
        writer.field("device", self.device)
        writer.field("outcome", self.outcome.rawValue)
        self.error?.write(to: &writer)
        writer.name("commands")
        writer.array(self.commands) { writer, command in command.write(to: &writer) }
        self.detail?.write(to: &writer)
        writer.field("attempts", self.attempts)
        if let session = self.session {
            writer.name("session")
            writer.object { writer in
                writer.field("id", session.id)
                writer.name("reused")
                writer.bool(session.reused)
            }
        }
        if let owner = self.owner {
            writer.name("owner")
            writer.object { writer in
                writer.field("worker", owner.worker)
                writer.field("generation", owner.generation)
            }
        }
        writer.name("timing")
        writer.object { writer in
            writer.field("queued", seconds: self.timing.queued)
            writer.field("waited", seconds: self.timing.waited)
            writer.field("executed", seconds: self.timing.executed)
        }
        writer.flag("redelivered", self.redelivered)
        writer.labels(self.labels)
    }
}

extension CommandOutcome {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            command: try fields.required("command") { value throws(FieldError) in try Fields.anyText(value) },
            outcome: try fields.requiredChoice("outcome"),
            output: try fields.bytes("output", orBase64: "output_base64"),
            outputBytes: try fields.requiredInteger("output_bytes", 0...Int.max),
            outputSHA256: try fields.text("output_sha256", .sha256),
            exitStatus: try fields.integer("exit_status", Int.min...Int.max),
            endedSession: try fields.bool("ended_session"),
            elapsed: try fields.seconds("elapsed"),
            error: try fields.optional("error") { value throws(FieldError) in try ErrorDescription(value) }
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("command", self.command)
            writer.field("outcome", self.outcome.rawValue)
            if let output = self.output { writer.field("output", orBase64: "output_base64", output) }
            writer.field("output_bytes", self.outputBytes)
            writer.field("output_sha256", self.outputSHA256)
            if let status = self.exitStatus { writer.field("exit_status", status) }
            writer.flag("ended_session", self.endedSession)
            writer.field("elapsed", seconds: self.elapsed)
            self.error?.write(to: &writer)
        }
    }
}

extension ErrorDescription {
    init(_ value: JSONValue) throws(FieldError) {
        let fields = try Fields(value, "an object")
        self.init(
            code: try fields.requiredText("code", .derivedID),
            message: try fields.required("message") { value throws(FieldError) in try Fields.anyText(value) },
            retriable: try fields.bool("retriable"),
            question: try fields.anyText("question")
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.name("error")
        writer.object { writer in
            writer.field("code", self.code)
            writer.field("message", self.message)
            writer.name("retriable")
            writer.bool(self.retriable)
            writer.field("question", self.question)
        }
    }
}
