/// A record of the progress topic, keyed by job: what the collector counts by, and what it needs to begin anew from the log alone.
/// Schema: `schemas/progress.schema.json`.
package enum JobProgress: Sendable, Hashable {
    /// A job's tasks are on the task topic. Written in the same transaction as they are, so it stands before all that follows from them.
    case accepted(AcceptedJob)
    /// A task has ended. Written after its result.
    case ended(EndedTask)
    /// The job's `finished` reply is written. In the same transaction, so that there is never a second one.
    case finished(job: String)
    /// Everything that stood before it when it was written can be read now. For the reader that wrote it; means nothing to others.
    case mark(id: String)

    /// A job, as far as the collector and a router that meets its id again need to know it.
    package struct AcceptedJob: Sendable, Hashable {
        package var job: String
        /// As in ``Accepted``.
        package var tasks: Int
        /// As in ``Accepted``. The other tasks were refused at once, and their results written.
        package var devices: Int
        /// When the job record was written, in milliseconds since 1970.
        package var submitted: Int64
        /// Milliseconds since 1970.
        package var deadline: Int64
        package var replyTo: String
        package var replyPartition: Int32?
        package var echo: [EchoedHeader]
        package var labels: [String: String]

        package init(
            job: String, tasks: Int, devices: Int, submitted: Int64, deadline: Int64, replyTo: String,
            replyPartition: Int32? = nil, echo: [EchoedHeader] = [], labels: [String: String] = [:]
        ) {
            self.job = job
            self.tasks = tasks
            self.devices = devices
            self.submitted = submitted
            self.deadline = deadline
            self.replyTo = replyTo
            self.replyPartition = replyPartition
            self.echo = echo
            self.labels = labels
        }
    }

    package struct EndedTask: Sendable, Hashable {
        package var job: String
        /// ``DeviceTask/index``.
        package var index: Int
        package var outcome: Outcome

        package init(job: String, index: Int, outcome: Outcome) {
            self.job = job
            self.index = index
            self.outcome = outcome
        }
    }

    package var type: String {
        switch self {
        case .accepted: "accepted"
        case .ended: "ended"
        case .finished: "finished"
        case .mark: "mark"
        }
    }
}
