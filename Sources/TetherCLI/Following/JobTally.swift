import Jobs

/// What has become of one job, as far as its replies tell. Pure: replies go in.
struct JobTally {
    let job: String
    /// Tasks of the job, as soon as that is known.
    private(set) var expected: Int?
    /// Tasks that have ended. A second terminal record of a task (`redelivered`) doesn't count.
    private var ended: Set<String> = []
    private(set) var outcomes = OutcomeCounts()
    private(set) var troubles: [Trouble: Troubled] = [:]
    private(set) var rejection: ErrorDescription?
    private(set) var isDuplicate = false
    private(set) var finished: Finished?

    /// What didn't succeed is summed up by these two.
    struct Trouble: Hashable {
        var outcome: Outcome
        /// An error code; empty if there is none.
        var code: String
    }

    struct Troubled: Hashable {
        var count = 0
        /// The devices that it happened to first.
        var first: [String] = []
    }

    static let namedDevices = 4

    init(job: String) {
        self.job = job
    }

    var done: Int { self.ended.count }
    var notSucceeded: Int { self.done - self.outcomes[.succeeded] }
    /// Tasks that haven't ended, as far as is known.
    var missing: Int { max(0, (self.expected ?? 0) - self.done) }

    /// No record of the job has come.
    var isUnheard: Bool { self.expected == nil && self.ended.isEmpty && !self.isOver }

    /// Nothing more is to be expected.
    var isOver: Bool {
        self.rejection != nil || self.isDuplicate || self.finished != nil
            || (self.expected.map { self.done >= $0 } ?? false)
    }

    /// - Returns: `false` for a second terminal record of a task, which is not to be shown.
    @discardableResult
    mutating func take(_ reply: Reply) -> Bool {
        switch reply {
        case .accepted(let accepted):
            // The first one's results went out with the first one.
            if accepted.duplicate, self.expected == nil { self.isDuplicate = true }
            self.expected = accepted.tasks
        case .rejected(let rejected): self.rejection = rejected.error
        case .finished(let finished):
            self.finished = finished
            self.expected = self.expected ?? finished.tasks
        case .output: break
        case .result(let result):
            guard self.ended.insert(result.task).inserted else { return false }
            self.outcomes[result.outcome] += 1
            guard result.outcome != .succeeded else { break }
            let trouble = Trouble(outcome: result.outcome, code: result.error?.code ?? "")
            self.troubles[trouble, default: Troubled()].count += 1
            if self.troubles[trouble]?.first.count ?? 0 < Self.namedDevices {
                self.troubles[trouble]?.first.append(result.device)
            }
        }
        return true
    }

    /// The status that a command ends with which waited for the job, when nothing else ends it first.
    var status: ExitStatus {
        if self.rejection != nil || self.isDuplicate { return .refused }
        // The worse news first: what isn't known has to be looked into on the device.
        if self.outcomes[.unknown] > 0 { return .unknownOutcome }
        if self.missing > 0 || self.expected == nil { return .timedOut }
        return self.notSucceeded > 0 ? .failed : .success
    }

    // MARK: For people

    /// One line: `nightly: 47 succeeded, 2 failed of 50 in 0.41 s`.
    func headline(elapsed: Duration) -> String {
        if let rejection { return "\(self.job): rejected: \(rejection.code): \(rejection.message)" }
        if self.isDuplicate {
            return
                "\(self.job): this id was used before, and nothing new was begun. See what came of it with: tether watch \(self.job)"
        }
        let counts = Outcome.allCases.compactMap { outcome in
            self.outcomes[outcome] > 0 ? "\(self.outcomes[outcome]) \(outcome.rawValue)" : nil
        }
        var text = "job \(self.job): " + (counts.isEmpty ? "no results" : counts.joined(separator: ", "))
        if self.missing > 0 { text += ", \(self.missing) missing" }
        if let expected, expected != self.outcomes[.succeeded] { text += " of \(expected)" }
        text += " in \(Console.time(elapsed))"
        if self.expected == nil { text += " (the job was not accepted in time: is a worker running?)" }
        return text
    }

    /// What didn't succeed, by outcome and code, the most frequent first; empty if all did.
    var troubleTable: Table {
        var table = Table([
            .init("outcome"), .init("code"), .init("devices", .right), .init("first", shrinks: true),
        ])
        let sorted = self.troubles.sorted { left, right in
            (right.value.count, left.key.outcome.rawValue, left.key.code)
                < (left.value.count, right.key.outcome.rawValue, right.key.code)
        }
        for (trouble, devices) in sorted {
            let more = devices.count > devices.first.count ? ", …" : ""
            table.add([
                .init(trouble.outcome.rawValue, trouble.outcome.style), .init(trouble.code), "\(devices.count)",
                .init(devices.first.joined(separator: ", ") + more),
            ])
        }
        return table
    }
}

extension Outcome {
    var style: Style {
        switch self {
        case .succeeded: .good
        case .failed, .rejected: .bad
        case .unknown, .cancelled, .expired: .warning
        }
    }
}
