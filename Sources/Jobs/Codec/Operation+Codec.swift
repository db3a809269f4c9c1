extension Operation {
    static let maximumCommands = 1000
    static let maximumSteps = 100
    static let maximumAssertions = 1000
    static let maximumPatterns = 100
    /// Of a configuration's or a baseline's text.
    static let maximumTextBytes = 700_000
    /// Of an inline file, as base64: a task must fit under the broker's limit.
    static let maximumInlineCharacters = 700_000

    /// The `type`s that this version runs.
    private static let known = [
        "run", "sequence", "configure", "upload", "download", "backup", "diff", "check", "probe", "close", "steps",
    ]

    init(_ value: JSONValue) throws(FieldError) {
        try self.init(value, isStep: false)
    }

    private init(_ value: JSONValue, isStep: Bool) throws(FieldError) {
        let fields = try Fields(value, "an object such as {\"type\": \"run\", \"commands\": […]}")
        try PlainTextSecrets.refuse(in: fields)
        let type = try fields.required("type") { value throws(FieldError) in try Fields.anyText(value) }
        switch type {
        case "run": self = .run(try Self.commands(fields))
        case "sequence":
            let name = try fields.requiredText("name", .name)
            self = .sequence(Sequence(name, commands: fields.value("commands") == nil ? [] : try Self.commands(fields)))
        case "configure": self = .configure(try Configure(fields))
        case "upload": self = .upload(try Upload(fields))
        case "download":
            self = .download(
                Download(
                    try fields.requiredText("remote_file", .devicePath), to: try fields.destination(takesURL: true),
                    verifies: try fields.bool("verify", default: true)))
        case "backup": self = .backup(Backup(to: try fields.destination(takesURL: false)))
        case "diff": self = .diff(try Diff(fields))
        case "check":
            self = .check(
                try fields.requiredList("assertions", of: "assertions", count: 1...Self.maximumAssertions) {
                    value throws(FieldError) in try Assertion(value)
                })
        case "probe": self = .probe
        case "close" where !isStep: self = .close
        case "steps" where !isStep:
            self = .steps(
                try fields.requiredList("steps", of: "steps", count: 1...Self.maximumSteps) {
                    value throws(FieldError) in try Operation(value, isStep: true)
                })
        case "close", "steps":
            throw FieldError("\(Wording.quoted(type)) can't be one of several steps", kind: .unsupported, at: "type")
        default:
            let suggestion = Wording.suggestion(for: type, among: Self.known)
            throw FieldError(
                "this worker doesn't know the operation \(Wording.quoted(type)); it knows \(Self.known.joined(separator: ", "))\(suggestion)",
                kind: .unsupported, at: "type")
        }
    }

    private static func commands(_ fields: Fields) throws(FieldError) -> [Command] {
        try fields.requiredList("commands", of: "commands", count: 1...Self.maximumCommands) {
            value throws(FieldError) in try Command(value)
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.name("operation")
        self.writeValue(to: &writer)
    }

    private func writeValue(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", self.type)
            switch self {
            case .run(let commands): writer.commands(commands)
            case .sequence(let sequence):
                writer.field("name", sequence.name)
                if !sequence.commands.isEmpty { writer.commands(sequence.commands) }
            case .configure(let configure): configure.write(to: &writer)
            case .upload(let upload): upload.write(to: &writer)
            case .download(let download):
                writer.field("remote_file", download.remoteFile)
                writer.destination(download.destination)
                if !download.verifies { writer.field("verify", bool: false) }
            case .backup(let backup): writer.destination(backup.destination)
            case .diff(let diff): diff.write(to: &writer)
            case .check(let assertions):
                writer.name("assertions")
                writer.array(assertions) { writer, assertion in assertion.write(to: &writer) }
            case .probe, .close: break
            case .steps(let steps):
                writer.name("steps")
                writer.array(steps) { writer, step in step.writeValue(to: &writer) }
            }
        }
    }
}

extension Operation.Configure {
    init(_ fields: Fields) throws(FieldError) {
        let commit =
            try fields.optional("commit") { value throws(FieldError) in try Commit(value) } ?? .permanently
        let lines = try fields.list("lines", of: "lines", count: 1...10_000) { value throws(FieldError) in
            try Fields.text(value, .command)
        }
        let text = try fields.text("text", .document)
        switch (lines, text, commit) {
        case (let lines?, nil, let commit) where commit != .confirm: self.init(.list(lines), commit: commit)
        case (nil, let text?, let commit) where commit != .confirm: self.init(.text(text), commit: commit)
        case (nil, nil, .confirm): self.init(.none, commit: .confirm)
        case (_, _, .confirm):
            throw FieldError("\"confirm\" makes permanent what was committed before; it takes no lines", at: "commit")
        default: throw FieldError("expected either \"lines\" or \"text\"")
        }
        self.saving = try fields.choice("save") ?? .never
        self.timeout = try fields.timeout()
        self.answers = try fields.answers()
        guard self.saving == .onSuccess else { return }
        switch commit {
        case .permanently, .within(_, confirms: true): break
        case .within(_, confirms: false), .dryRun, .confirm:
            throw FieldError("only lines that are permanent when the operation ends can be saved", at: "save")
        }
    }

    func write(to writer: inout JSONWriter) {
        switch self.lines {
        case .none: break
        case .list(let lines):
            writer.name("lines")
            writer.array(lines) { writer, line in writer.string(line) }
        case .text(let text): writer.field("text", text)
        }
        switch self.commit {
        case .permanently: break
        case .dryRun: writer.field("commit", "dry_run")
        case .confirm: writer.field("commit", "confirm")
        case .within(let duration, let confirms):
            writer.name("commit")
            writer.object { writer in
                writer.name("within")
                writer.duration(duration)
                if !confirms { writer.field("confirm", bool: false) }
            }
        }
        if self.saving != .never { writer.field("save", self.saving.rawValue) }
        writer.timeout(self.timeout)
        writer.answers(self.answers)
    }
}

extension Operation.Configure.Commit {
    init(_ value: JSONValue) throws(FieldError) {
        switch value {
        case .string("permanently"): self = .permanently
        case .string("dry_run"): self = .dryRun
        case .string("confirm"): self = .confirm
        case .object(let object):
            let fields = Fields(object)
            try PlainTextSecrets.refuse(in: fields)
            self = .within(
                try fields.required("within") { value throws(FieldError) in
                    try DurationText.bounded(value, expected: "a duration such as \"5m\"")
                },
                confirms: try fields.bool("confirm", default: true))
        default:
            throw FieldError(
                "expected \"permanently\", \"dry_run\", \"confirm\" or an object such as {\"within\": \"5m\"}")
        }
    }
}

extension Operation.Upload {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            try fields.required("source") { value throws(FieldError) in try Source(value) },
            remotePath: try fields.requiredText("remote_path", .devicePath),
            verifies: try fields.bool("verify", default: true)
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.name("source")
        writer.object { writer in
            switch self.source {
            case .inline(let bytes):
                writer.name("inline")
                writer.base64(bytes)
            case .file(let path, let sha256):
                writer.field("file", path)
                writer.field("sha256", sha256)
            case .url(let url, let sha256):
                writer.field("url", url)
                writer.field("sha256", sha256)
            }
        }
        writer.field("remote_path", self.remotePath)
        if !self.verifies { writer.field("verify", bool: false) }
    }
}

extension Operation.Upload.Source {
    init(_ value: JSONValue) throws(FieldError) {
        let fields = try Fields(value, "an object with \"inline\", \"file\" or \"url\"")
        try PlainTextSecrets.refuse(in: fields)
        switch try fields.one(of: ["inline", "file", "url"]) {
        case "inline":
            let text = try fields.required("inline") { value throws(FieldError) in try Fields.anyText(value) }
            guard text.utf8.count <= Operation.maximumInlineCharacters else {
                throw FieldError(
                    "expected at most \(Operation.maximumInlineCharacters) characters, found \(text.utf8.count); use \"file\" or \"url\" for larger files",
                    at: "inline")
            }
            self = .inline(try fields.base64("inline") ?? [])
        case "file":
            self = .file(try fields.requiredText("file", .path), sha256: try fields.text("sha256", .sha256))
        default:
            self = .url(try fields.requiredText("url", .url), sha256: try fields.requiredText("sha256", .sha256))
        }
    }
}

extension Operation.Diff {
    init(_ fields: Fields) throws(FieldError) {
        self.init(
            against: try fields.required("against") { value throws(FieldError) in
                let fields = try Fields(value, "an object with \"text\" or \"file\"")
                try PlainTextSecrets.refuse(in: fields)
                return switch try fields.one(of: ["text", "file"]) {
                case "text": .text(try fields.requiredText("text", .document))
                default: .file(try fields.requiredText("file", .path))
                }
            },
            of: try fields.optional("command") { value throws(FieldError) in try Command(value) },
            ignoring: try fields.patterns("ignore")
        )
    }

    func write(to writer: inout JSONWriter) {
        writer.name("against")
        writer.object { writer in
            switch self.baseline {
            case .text(let text): writer.field("text", text)
            case .file(let path): writer.field("file", path)
            }
        }
        if let command = self.command {
            writer.name("command")
            command.write(to: &writer)
        }
        writer.patterns("ignore", self.ignoring)
    }
}

extension Fields {
    fileprivate func destination(takesURL: Bool) throws(FieldError) -> Operation.Destination {
        try self.optional("destination") { value throws(FieldError) in
            if case .string("inline") = value { return .inline }
            guard case .object(let object) = value else {
                throw FieldError(
                    "expected \"inline\" or an object with \(takesURL ? "\"file\" or \"url\"" : "\"file\"")")
            }
            let fields = Fields(object)
            try PlainTextSecrets.refuse(in: fields)
            guard takesURL else { return .file(try fields.requiredText("file", .path)) }
            return switch try fields.one(of: ["file", "url"]) {
            case "file": .file(try fields.requiredText("file", .path))
            default: .url(try fields.requiredText("url", .url))
            }
        } ?? .inline
    }
}

extension JSONWriter {
    fileprivate mutating func commands(_ commands: [Command]) {
        self.name("commands")
        self.array(commands) { writer, command in command.write(to: &writer) }
    }

    fileprivate mutating func destination(_ destination: Operation.Destination) {
        switch destination {
        case .inline: break
        case .file(let path):
            self.name("destination")
            self.object { $0.field("file", path) }
        case .url(let url):
            self.name("destination")
            self.object { $0.field("url", url) }
        }
    }
}
