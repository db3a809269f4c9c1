/// Why a record can't be used.
package struct JobsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// `job.undecodable` (not JSON, not an object, too deep, too large), `job.invalid` (a field is missing, wrong or out of range),
    /// `job.unsupported` (a version or an operation that this worker doesn't know).
    package let code: String
    /// Names the field as a path (`operation.commands[1].timeout`) and says what was expected. Never holds the value of a field that
    /// might be a secret.
    package let message: String
    /// The job id, when that much could be read: a job that names itself gets an answer.
    package let jobID: String?
    /// The record holds a secret in plain text: it must not be copied to where it would be kept for longer.
    package let holdsSecret: Bool
    /// Where the answer goes, when that much could be read.
    package let replyTo: String?

    package init(
        code: String, message: String, jobID: String? = nil, replyTo: String? = nil, holdsSecret: Bool = false
    ) {
        self.code = code
        self.message = message
        self.jobID = jobID
        self.replyTo = replyTo
        self.holdsSecret = holdsSecret
    }

    package var description: String { "\(self.code): \(self.message)" }
}
