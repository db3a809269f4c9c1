/// A record on a reply topic; the key is the job id. `type` stands in the value and in a header of the same name.
package enum Reply: Sendable, Hashable {
    case accepted(Accepted)
    case output(Output)
    case result(DeviceResult)
    case rejected(Rejected)
    case finished(Finished)

    package var type: String {
        switch self {
        case .accepted: "accepted"
        case .output: "output"
        case .result: "result"
        case .rejected: "rejected"
        case .finished: "finished"
        }
    }
}

/// The job was understood, and its tasks are on the task topic. Schema: `schemas/accepted.schema.json`.
package struct Accepted: Sendable, Hashable {
    package var job: String
    /// Exactly this many `result` records will follow: known devices and unknown names together.
    package var tasks: Int
    /// How many of the tasks are for devices that the inventory or an ad-hoc address names.
    package var devices: Int
    /// Target names that stand for nothing; each gets a `result` of its own with `target.unknown`.
    package var unknown: [String]
    /// The job's id was used before: nothing new was begun, and the results are those of the first.
    package var duplicate: Bool
    package var labels: [String: String]

    package init(
        job: String, tasks: Int, devices: Int, unknown: [String], duplicate: Bool = false,
        labels: [String: String] = [:]
    ) {
        self.job = job
        self.tasks = tasks
        self.devices = devices
        self.unknown = unknown
        self.duplicate = duplicate
        self.labels = labels
    }
}

/// The last reply to a job: all of its tasks have ended. Schema: `schemas/finished.schema.json`.
package struct Finished: Sendable, Hashable {
    package var job: String
    /// As in ``Accepted``; the counts below add up to it.
    package var tasks: Int
    package var outcomes: OutcomeCounts
    /// Tasks whose end nobody reported, long after the job's deadline: their results are not to be expected any more.
    package var missing: Int
    /// From the job record's timestamp to the last task's end.
    package var elapsed: Duration
    package var labels: [String: String]

    package init(
        job: String, tasks: Int, outcomes: OutcomeCounts, missing: Int = 0, elapsed: Duration,
        labels: [String: String] = [:]
    ) {
        self.job = job
        self.tasks = tasks
        self.outcomes = outcomes
        self.missing = missing
        self.elapsed = elapsed
        self.labels = labels
    }
}

/// How many tasks came to which outcome.
package struct OutcomeCounts: Sendable, Hashable {
    private var counts = [Int](repeating: 0, count: Outcome.allCases.count)

    package init() {}

    package init(_ counts: [Outcome: Int]) {
        for (outcome, count) in counts { self[outcome] = count }
    }

    package subscript(outcome: Outcome) -> Int {
        get { self.counts[Self.index(outcome)] }
        set { self.counts[Self.index(outcome)] = newValue }
    }

    package var total: Int { self.counts.reduce(0, +) }

    private static func index(_ outcome: Outcome) -> Int {
        switch outcome {
        case .succeeded: 0
        case .failed: 1
        case .unknown: 2
        case .cancelled: 3
        case .expired: 4
        case .rejected: 5
        }
    }
}

/// The job as a whole was refused; nothing was done, and nothing else follows. Schema: `schemas/rejected.schema.json`.
package struct Rejected: Sendable, Hashable {
    package var job: String
    package var error: ErrorDescription
    package var labels: [String: String]

    package init(job: String, error: ErrorDescription, labels: [String: String] = [:]) {
        self.job = job
        self.error = error
        self.labels = labels
    }
}

/// A piece of a command's output. Schema: `schemas/output.schema.json`.
package struct Output: Sendable, Hashable {
    package var job: String
    package var task: String
    package var device: String
    /// Dense per task, from 0: a gap is a lost record.
    package var sequence: Int
    /// Index of the command in the operation.
    package var command: Int
    /// Which attempt at the task it belongs to, from 1: what an earlier attempt sent is void.
    package var attempt: Int
    /// The bytes as sent by the device: JSON `text` where they are valid UTF-8, `base64` otherwise.
    package var bytes: [UInt8]

    package init(
        job: String, task: String, device: String, sequence: Int, command: Int, attempt: Int = 1, bytes: [UInt8]
    ) {
        self.job = job
        self.task = task
        self.device = device
        self.sequence = sequence
        self.command = command
        self.attempt = attempt
        self.bytes = bytes
    }
}

/// The one terminal record of a device in a job. Schema: `schemas/result.schema.json`.
package struct DeviceResult: Sendable, Hashable {
    package var job: String
    package var task: String
    package var device: String
    package var outcome: Outcome
    package var error: ErrorDescription?
    /// One entry for each command that was begun, in order; partial results of a failed task are kept.
    package var commands: [CommandOutcome]
    /// What is to be told besides the commands' output: which of them, depends on the operation.
    package var detail: OperationDetail?
    /// How often the device was tried, counting from 1; 0 when it never was.
    package var attempts: Int
    package var session: SessionDescription?
    package var owner: Owner?
    package var timing: Timing
    /// A terminal record for this task may have been published before (a worker died between publishing and noting it).
    package var redelivered: Bool
    package var labels: [String: String]

    package init(
        job: String,
        task: String,
        device: String,
        outcome: Outcome,
        error: ErrorDescription? = nil,
        commands: [CommandOutcome] = [],
        detail: OperationDetail? = nil,
        attempts: Int = 0,
        session: SessionDescription? = nil,
        owner: Owner? = nil,
        timing: Timing = Timing(),
        redelivered: Bool = false,
        labels: [String: String] = [:]
    ) {
        self.job = job
        self.task = task
        self.device = device
        self.outcome = outcome
        self.error = error
        self.commands = commands
        self.detail = detail
        self.attempts = attempts
        self.session = session
        self.owner = owner
        self.timing = timing
        self.redelivered = redelivered
        self.labels = labels
    }

    package struct SessionDescription: Sendable, Hashable {
        /// Unique for each SSH session ever opened.
        package var id: String
        /// Whether it was open before this task.
        package var reused: Bool

        package init(id: String, reused: Bool) {
            self.id = id
            self.reused = reused
        }
    }

    /// The worker that ran the task.
    package struct Owner: Sendable, Hashable {
        package var worker: String
        /// The worker's count of rebalances when it ran the task.
        package var generation: Int

        package init(worker: String, generation: Int) {
            self.worker = worker
            self.generation = generation
        }
    }

    /// Where the time went.
    package struct Timing: Sendable, Hashable {
        /// From the job record's timestamp until the owner took the task from Kafka.
        package var queued: Duration
        /// In the device's lane, and opening the session.
        package var waited: Duration
        /// Running commands.
        package var executed: Duration

        package init(queued: Duration = .zero, waited: Duration = .zero, executed: Duration = .zero) {
            self.queued = queued
            self.waited = waited
            self.executed = executed
        }
    }
}

/// What became of a task or a command.
package enum Outcome: String, Sendable, Hashable, CaseIterable {
    case succeeded, failed
    /// It may or may not have taken effect; nobody can know.
    case unknown
    case cancelled
    /// The deadline passed.
    case expired
    /// It was refused before anything was done.
    case rejected
}

/// One command's result.
package struct CommandOutcome: Sendable, Hashable {
    package var command: String
    package var outcome: Outcome
    /// Exactly what the device sent between the echo and the prompt. `nil` when it went out as `output` records only.
    package var output: [UInt8]?
    /// Bytes of output in all.
    package var outputBytes: Int
    /// SHA-256 of the output in lower-case hexadecimal; given when `output` isn't.
    package var outputSHA256: String?
    /// Exit status, where the platform has one (`linux`).
    package var exitStatus: Int?
    /// The device ended the session, as the command was declared to make it do.
    package var endedSession: Bool
    package var elapsed: Duration
    package var error: ErrorDescription?

    package init(
        command: String,
        outcome: Outcome,
        output: [UInt8]? = nil,
        outputBytes: Int = 0,
        outputSHA256: String? = nil,
        exitStatus: Int? = nil,
        endedSession: Bool = false,
        elapsed: Duration = .zero,
        error: ErrorDescription? = nil
    ) {
        self.command = command
        self.outcome = outcome
        self.output = output
        self.outputBytes = outputBytes
        self.outputSHA256 = outputSHA256
        self.exitStatus = exitStatus
        self.endedSession = endedSession
        self.elapsed = elapsed
        self.error = error
    }
}

/// An error as it stands in a record.
package struct ErrorDescription: Sendable, Hashable {
    /// A stable dotted code: see ``ErrorCode``.
    package var code: String
    /// A sentence that a person can act on. Never holds a secret.
    package var message: String
    /// Whether the same job may succeed when it is sent again.
    package var retriable: Bool
    /// The question that the device put and nobody had an answer for.
    package var question: String?

    package init(code: String, message: String, retriable: Bool, question: String? = nil) {
        self.question = question
        self.code = code
        self.message = message
        self.retriable = retriable
    }
}

extension Reply {
    /// The job that it answers.
    package var job: String {
        switch self {
        case .accepted(let accepted): accepted.job
        case .output(let output): output.job
        case .result(let result): result.job
        case .rejected(let rejected): rejected.job
        case .finished(let finished): finished.job
        }
    }

    /// The device that it is about; `nil` for those about a whole job.
    package var device: String? {
        switch self {
        case .output(let output): output.device
        case .result(let result): result.device
        case .accepted, .rejected, .finished: nil
        }
    }
}
