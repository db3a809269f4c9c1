/// A field that is not what the contract says. Made without a path; each level that it passes on its way out adds its own part, so that
/// a record without mistakes pays nothing for paths.
struct FieldError: Error {
    enum Kind {
        case invalid
        case unsupported
        /// A secret in plain text, where none may be.
        case secret
    }

    var kind: Kind
    /// `operation.commands[1].timeout`; empty for the record itself.
    var path: String
    var problem: String

    init(_ problem: String, kind: Kind = .invalid, at path: String = "") {
        self.kind = kind
        self.path = path
        self.problem = problem
    }

    /// The same error, seen from the object or array that has the value at `part`.
    func inside(_ part: String) -> FieldError {
        let separator = self.path.isEmpty || self.path.first == "[" ? "" : "."
        return FieldError(self.problem, kind: self.kind, at: part + separator + self.path)
    }

    func inside(_ index: Int) -> FieldError { self.inside("[\(index)]") }

    var code: ErrorCode {
        switch self.kind {
        case .invalid, .secret: .jobInvalid
        case .unsupported: .jobUnsupported
        }
    }

    var message: String { self.path.isEmpty ? self.problem : "\(self.path): \(self.problem)" }
}
