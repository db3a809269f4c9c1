/// What a job logs in with, instead of what the inventory says.
package enum JobCredential: Sendable, Hashable, ExpressibleByStringLiteral {
    /// An entry of the worker's credential store.
    case named(String)
    /// Encrypted to the workers' public key: `tether seal` makes it. Tasks carry it as it came.
    case sealed(String)

    package init(stringLiteral name: String) {
        self = .named(name)
    }

    init(_ value: JSONValue) throws(FieldError) {
        guard case .object(let object) = value else {
            self = .named(try Fields.text(value, .name))
            return
        }
        let fields = Fields(object)
        try PlainTextSecrets.refuse(in: fields)
        guard fields.value("sealed") != nil else {
            throw FieldError(
                "expected the name of an entry of the worker's credential store, or {\"sealed\": …}, found another object"
            )
        }
        self = .sealed(try fields.requiredText("sealed", .sealed))
    }

    func write(to writer: inout JSONWriter) {
        switch self {
        case .named(let name): writer.string(name)
        case .sealed(let text): writer.object { $0.field("sealed", text) }
        }
    }
}

extension JSONWriter {
    mutating func credential(_ credential: JobCredential?) {
        guard let credential else { return }
        self.name("credential")
        credential.write(to: &self)
    }
}
