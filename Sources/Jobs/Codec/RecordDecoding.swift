/// What all records have in common: they are JSON objects of version 1.
enum RecordDecoding {
    static let version = 1

    /// Reads a record by `read`; what goes wrong becomes an error that names the job and its reply topic as far as they could be read.
    /// - Parameter jobField: the field that holds the job's id.
    static func decode<Record>(
        _ bytes: [UInt8],
        jobField: String,
        _ read: (Fields) throws(FieldError) -> Record
    ) throws(JobsError) -> Record {
        let value: JSONValue
        do { value = try JSONReader.read(bytes) } catch {
            throw JobsError(code: ErrorCode.jobUndecodable.code, message: "not a usable JSON text: \(error)")
        }
        guard case .object(let object) = value else {
            throw JobsError(code: ErrorCode.jobUndecodable.code, message: "expected a JSON object, found \(value.kind)")
        }
        let fields = Fields(object)
        do {
            try Self.checkVersion(fields)
            return try read(fields)
        } catch {
            throw JobsError(
                code: error.code.code,
                message: error.message,
                jobID: (try? fields.text(jobField, jobField == "id" ? .jobID : .derivedID)) ?? nil,
                replyTo: (try? fields.text("reply_to", .topic)) ?? nil,
                holdsSecret: error.kind == .secret || PlainTextSecrets.mayStand(in: value)
            )
        }
    }

    private static func checkVersion(_ fields: Fields) throws(FieldError) {
        switch fields.value("version") {
        case nil, .integer(1), .number(1): return
        case .integer(let version): throw FieldError("expected 1, found \(version)", kind: .unsupported, at: "version")
        case .number(let version): throw FieldError("expected 1, found \(version)", kind: .unsupported, at: "version")
        case .some(let other): throw FieldError("expected the number 1, found \(other.kind)", at: "version")
        }
    }
}

extension JSONWriter {
    package mutating func field(_ name: StaticString, _ value: String) {
        self.name(name)
        self.string(value)
    }

    package mutating func field(_ name: StaticString, _ value: String?) {
        if let value { self.field(name, value) }
    }

    package mutating func field<Value: FixedWidthInteger>(_ name: StaticString, _ value: Value) {
        self.name(name)
        self.integer(value)
    }

    package mutating func field(_ name: StaticString, seconds value: Duration) {
        self.name(name)
        self.seconds(value)
    }

    /// Written only when true: every flag of the contract is false when absent.
    mutating func flag(_ name: StaticString, _ value: Bool) {
        guard value else { return }
        self.name(name)
        self.bool(value)
    }

    /// Bytes as text where they are valid UTF-8, else as base64 under another name.
    mutating func field(_ name: StaticString, orBase64 base64Name: StaticString, _ bytes: [UInt8]) {
        if bytes.withUnsafeBufferPointer({ JSONScan.validUTF8Prefix(of: $0) }) == bytes.count {
            self.name(name)
            self.string(utf8: bytes)
        } else {
            self.name(base64Name)
            self.base64(bytes)
        }
    }

    /// Labels in the order of their names, so that equal records have equal bytes; nothing when there are none.
    mutating func labels(_ labels: [String: String]) {
        guard !labels.isEmpty else { return }
        self.name("labels")
        self.object { writer in
            for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
                writer.name(escaping: name)
                writer.string(value)
            }
        }
    }
}

extension Fields {
    static let maximumLabels = 64
    static let maximumLabelBytes = 1024

    func labels() throws(FieldError) -> [String: String] {
        try self.optional("labels") { value throws(FieldError) in
            let labels = try Fields(value, "an object of strings").object.members
            guard labels.count <= Self.maximumLabels else {
                throw FieldError("expected at most \(Self.maximumLabels) labels, found \(labels.count)")
            }
            var result: [String: String] = [:]
            for label in labels {
                do throws(FieldError) {
                    try TextRule.labelName.check(label.name)
                    let text = try Fields.anyText(label.value)
                    guard text.utf8.count <= Self.maximumLabelBytes else {
                        throw FieldError("expected at most \(Self.maximumLabelBytes) bytes, found \(text.utf8.count)")
                    }
                    result[label.name] = text
                } catch {
                    throw error.inside("[\(Wording.quoted(label.name))]")
                }
            }
            return result
        } ?? [:]
    }
}
