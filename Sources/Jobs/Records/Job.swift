/// A job as a user writes it. Only `targets` and `operation` are required. Schema: `schemas/job.schema.json`.
package struct Job: Sendable, Hashable {
    /// Given by the user, or `nil`: then it is derived from topic, partition and offset of the record.
    package var id: String?
    package var targets: [String]
    package var operation: Operation
    package var replyTo: String?
    /// Send output while it comes, as `output` records.
    package var stream: Bool
    package var deadline: Deadline?
    package var effect: Effect?
    package var priority: Priority
    /// `nil`: what the inventory says.
    package var credential: JobCredential?
    package var platform: String?
    package var labels: [String: String]
    /// Names of record headers to copy to every reply.
    package var echoHeaders: [String]

    package init(
        id: String? = nil,
        targets: [String],
        operation: Operation,
        replyTo: String? = nil,
        stream: Bool = false,
        deadline: Deadline? = nil,
        effect: Effect? = nil,
        priority: Priority = .bulk,
        credential: JobCredential? = nil,
        platform: String? = nil,
        labels: [String: String] = [:],
        echoHeaders: [String] = []
    ) {
        self.id = id
        self.targets = targets
        self.operation = operation
        self.replyTo = replyTo
        self.stream = stream
        self.deadline = deadline
        self.effect = effect
        self.priority = priority
        self.credential = credential
        self.platform = platform
        self.labels = labels
        self.echoHeaders = echoHeaders
    }
}

/// Whether running an operation again does harm. Decides what happens after a crash and whether a retry is allowed.
package enum Effect: String, Sendable, Hashable, CaseIterable {
    /// Changes nothing; may be run again.
    case read
    /// Changes something, but twice is as good as once.
    case idempotent
    /// Never run again: if nobody can know whether it ran, the result is `unknown`.
    case change
}

/// Which tasks of a device come first.
package enum Priority: String, Sendable, Hashable, CaseIterable {
    /// Before all bulk tasks that wait for the same device, in order among themselves.
    case interactive
    /// In the order of submission.
    case bulk
}

/// Until when a job is worth doing. Waiting counts.
package enum Deadline: Sendable, Hashable {
    /// From the record's timestamp.
    case after(Duration)
    /// Milliseconds since 1970.
    case at(milliseconds: Int64)
}
