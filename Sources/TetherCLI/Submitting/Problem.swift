/// Something wrong with a job file, and where.
struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
    enum Severity: String, Sendable { case error, warning }

    /// A path, or `standard input`, or `command line`.
    var file: String
    /// Counted from 1.
    var line: Int?
    /// An error code of the contract, where one fits: what a worker would say.
    var code: String?
    var severity = Severity.error
    /// Begins with the field's path where it is about one.
    var message: String

    init(
        file: String, line: Int? = nil, code: String? = nil, severity: Severity = .error, message: String
    ) {
        self.file = file
        self.line = line
        self.code = code
        self.severity = severity
        self.message = message
    }

    /// `job.yaml:12: operation.commands[1].timeout: …`, as compilers put it and editors jump to it.
    var description: String {
        "\(self.file)\(self.line.map { ":\($0)" } ?? ""): \(self.severity == .warning ? "warning: " : "")\(self.message)"
    }
}
