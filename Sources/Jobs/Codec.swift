/// Why a record can't be used.
package struct JobsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// `job.undecodable` (not JSON, not an object, too deep, too large), `job.invalid` (a field is missing, wrong or out of range),
    /// `job.unsupported` (a version or an operation that this worker doesn't know).
    package let code: String
    /// Names the field as a path (`operation.commands[1].timeout`) and says what was expected.
    package let message: String
    /// The job id, when that much could be read: a job that names itself gets an answer.
    package let jobID: String?
    package let replyTo: String?

    package init(code: String, message: String, jobID: String? = nil, replyTo: String? = nil) {
        self.code = code
        self.message = message
        self.jobID = jobID
        self.replyTo = replyTo
    }

    package var description: String { "\(self.code): \(self.message)" }
}

extension Job {
    package init(decoding bytes: [UInt8]) throws(JobsError) { fatalError("stub") }
    /// Appends the record's JSON to `buffer`.
    package func encode(into buffer: inout [UInt8]) { fatalError("stub") }
}

extension DeviceTask {
    package init(decoding bytes: [UInt8]) throws(JobsError) { fatalError("stub") }
    package func encode(into buffer: inout [UInt8]) { fatalError("stub") }
}

extension Reply {
    package init(decoding bytes: [UInt8]) throws(JobsError) { fatalError("stub") }
    package func encode(into buffer: inout [UInt8]) { fatalError("stub") }
}
