extension OperationDetail {
    /// - Returns: `nil` when the record has none of the members.
    init?(_ fields: Fields, isStep: Bool = false) throws(FieldError) {
        func read<Value>(
            _ name: String, _ body: (Fields) throws(FieldError) -> Value
        ) throws(FieldError) -> Value? {
            try fields.optional(name) { value throws(FieldError) in try body(try Fields(value, "an object")) }
        }
        if let detail = try read("configure", { fields throws(FieldError) in try ConfigureDetail(fields) }) {
            self = .configure(detail)
        } else if let detail = try read("upload", { fields throws(FieldError) in try TransferDetail(fields) }) {
            self = .upload(detail)
        } else if let detail = try read("download", { fields throws(FieldError) in try TransferDetail(fields) }) {
            self = .download(detail)
        } else if let detail = try read("backup", { fields throws(FieldError) in try BackupDetail(fields) }) {
            self = .backup(detail)
        } else if let detail = try read("diff", { fields throws(FieldError) in try DiffDetail(fields) }) {
            self = .diff(detail)
        } else if let detail = try read("check", { fields throws(FieldError) in try CheckDetail(fields) }) {
            self = .check(detail)
        } else if !isStep,
            let steps = try fields.list(
                "steps", of: "steps", { value throws(FieldError) in try StepOutcome(Fields(value, "an object")) })
        {
            self = .steps(steps)
        } else {
            return nil
        }
    }

    func write(to writer: inout JSONWriter) {
        switch self {
        case .configure(let detail):
            writer.name("configure")
            writer.object { detail.write(to: &$0) }
        case .upload(let detail):
            writer.name("upload")
            writer.object { detail.write(to: &$0) }
        case .download(let detail):
            writer.name("download")
            writer.object { detail.write(to: &$0) }
        case .backup(let detail):
            writer.name("backup")
            writer.object { detail.write(to: &$0) }
        case .diff(let detail):
            writer.name("diff")
            writer.object { detail.write(to: &$0) }
        case .check(let detail):
            writer.name("check")
            writer.object { detail.write(to: &$0) }
        case .steps(let steps):
            writer.name("steps")
            writer.array(steps) { writer, step in writer.object { step.write(to: &$0) } }
        }
    }
}

extension ConfigureDetail {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            state: try fields.requiredChoice("state"),
            lines: try fields.requiredInteger("lines", 0...Int.max),
            diff: try fields.anyText("diff"),
            failedLine: try fields.optional("failed_line") { value throws(FieldError) in
                let fields = try Fields(value, "an object")
                return FailedLine(
                    index: try fields.requiredInteger("index", 0...Int.max),
                    line: try fields.required("line") { value throws(FieldError) in try Fields.anyText(value) })
            },
            isSaved: try fields.bool("saved")
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("state", self.state.rawValue)
        writer.field("lines", self.lines)
        writer.field("diff", self.diff)
        if let failed = self.failedLine {
            writer.name("failed_line")
            writer.object { writer in
                writer.field("index", failed.index)
                writer.field("line", failed.line)
            }
        }
        writer.flag("saved", self.isSaved)
    }
}

extension TransferDetail {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            remotePath: try fields.required("remote_path") { value throws(FieldError) in try Fields.anyText(value) },
            size: try fields.requiredInteger("size", 0...Int64.max),
            sha256: try fields.requiredText("sha256", .sha256),
            isAtomic: try fields.bool("atomic"),
            verification: try fields.required("verification") { value throws(FieldError) in
                let fields = try Fields(value, "an object")
                guard let algorithm = try fields.text("algorithm", .name) else {
                    return .size(
                        reason: try fields.required("only_size") { value throws(FieldError) in
                            try Fields.anyText(value)
                        })
                }
                return .hash(algorithm: algorithm, digits: try fields.requiredText("digits", .name))
            },
            file: try fields.anyText("file"),
            wasPut: try fields.bool("put"),
            command: try fields.integer("command", 0...Int.max)
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("remote_path", self.remotePath)
        writer.field("size", self.size)
        writer.field("sha256", self.sha256)
        writer.flag("atomic", self.isAtomic)
        writer.name("verification")
        writer.object { writer in
            switch self.verification {
            case .hash(let algorithm, let digits):
                writer.field("algorithm", algorithm)
                writer.field("digits", digits)
            case .size(let reason): writer.field("only_size", reason)
            }
        }
        writer.field("file", self.file)
        writer.flag("put", self.wasPut)
        if let command = self.command { writer.field("command", command) }
    }
}

extension BackupDetail {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            platform: try fields.requiredText("platform", .name),
            takenAt: try fields.required("taken_at") { value throws(FieldError) in
                guard let time = RFC3339.parse(try Fields.anyText(value)) else {
                    throw FieldError("expected a time such as \"2026-11-22T10:00:00Z\"")
                }
                return time
            },
            size: try fields.requiredInteger("size", 0...Int64.max),
            sha256: try fields.requiredText("sha256", .sha256),
            file: try fields.anyText("file")
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("platform", self.platform)
        writer.field("taken_at", RFC3339.format(milliseconds: self.takenAt))
        writer.field("size", self.size)
        writer.field("sha256", self.sha256)
        writer.field("file", self.file)
    }
}

extension DiffDetail {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            unified: try fields.anyText("unified") ?? "",
            isCut: try fields.bool("cut"),
            removed: try fields.requiredInteger("removed", 0...Int.max),
            added: try fields.requiredInteger("added", 0...Int.max)
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("changed", bool: self.removed > 0 || self.added > 0)
        writer.field("removed", self.removed)
        writer.field("added", self.added)
        if !self.unified.isEmpty { writer.field("unified", self.unified) }
        writer.flag("cut", self.isCut)
    }
}

extension CheckDetail {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            try fields.requiredList("findings", of: "findings") { value throws(FieldError) in
                let fields = try Fields(value, "an object")
                return Finding(
                    name: try fields.anyText("name"),
                    command: try fields.required("command") { value throws(FieldError) in try Fields.anyText(value) },
                    failure: try fields.anyText("failure"))
            })
    }

    func write(to writer: inout JSONWriter) {
        writer.field("passed", bool: self.findings.allSatisfy { $0.failure == nil })
        writer.name("findings")
        writer.array(self.findings) { writer, finding in
            writer.object { writer in
                writer.field("name", finding.name)
                writer.field("command", finding.command)
                writer.field("passed", bool: finding.failure == nil)
                writer.field("failure", finding.failure)
            }
        }
    }
}

extension StepOutcome {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            type: try fields.requiredText("type", .name),
            outcome: try fields.requiredChoice("outcome"),
            error: try fields.optional("error") { value throws(FieldError) in try ErrorDescription(value) },
            firstCommand: try fields.requiredInteger("first_command", 0...Int.max),
            commandCount: try fields.requiredInteger("commands", 0...Int.max),
            detail: try OperationDetail(fields, isStep: true)
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.field("type", self.type)
        writer.field("outcome", self.outcome.rawValue)
        self.error?.write(to: &writer)
        writer.field("first_command", self.firstCommand)
        writer.field("commands", self.commandCount)
        self.detail?.write(to: &writer)
    }
}
