import DequeModule
import Jobs

/// The unfinished jobs of one partition of the progress topic: which of their tasks have ended, and with what outcome.
///
/// A value without I/O or clock. Everything in it comes from the log, from the committed offset on: that is the first record of the oldest
/// unfinished job, so a new owner reads again what it needs, and nothing has to be stored anywhere else. Jobs that were finished after that offset are read
/// again too; their `finished` records stand in the log, so nothing is acted on before a mark, written at the takeover, has been read.
struct JobLedger: Sendable {
    /// A `finished` reply that is due.
    struct Ending: Sendable, Hashable {
        var job: JobProgress.AcceptedJob
        var finished: Finished
        /// Of the job's first record.
        var offset: Int64
    }

    private struct OpenJob: Sendable {
        var accepted: JobProgress.AcceptedJob
        var offset: Int64
        var ended = TaskBitmap()
        var outcomes: OutcomeCounts
        /// Timestamp of the last task's end, in milliseconds since 1970.
        var lastEnd: Int64

        var isComplete: Bool { self.outcomes.total >= self.accepted.tasks }
    }

    private var open: [String: OpenJob] = [:]
    /// In the order of the log. Jobs that are finished are taken out when they come to the front.
    private var order: Deque<(offset: Int64, job: String)> = []
    /// Jobs all of whose tasks have ended.
    private var complete: Deque<String> = []
    private var position: Int64?
    private var mark: String?
    private let takenOver: Int64
    private var committed: Int64?

    /// - Parameters:
    ///   - committed: the offset that reading begins at, if one was committed.
    ///   - mark: id of the ``JobProgress/mark(id:)`` that was written when the partition was taken over.
    ///   - now: milliseconds since 1970.
    init(committed: Int64?, mark: String, now: Int64) {
        self.committed = committed
        self.mark = mark
        self.takenOver = now
    }

    var openCount: Int { self.open.count }
    /// What stood in the log at the takeover has been read.
    var isCurrent: Bool { self.mark == nil }

    /// Takes the next record of the log; `nil` for one that isn't a progress record.
    mutating func take(_ record: JobProgress?, offset: Int64, timestamp: Int64) {
        self.position = offset + 1
        switch record {
        case .accepted(let job):
            // A second job of the same name, while the first is unfinished, has the same tasks.
            guard self.open[job.job] == nil else { return }
            var outcomes = OutcomeCounts()
            outcomes[.rejected] = max(0, job.tasks - job.devices)
            let entry = OpenJob(accepted: job, offset: offset, outcomes: outcomes, lastEnd: timestamp)
            self.open[job.job] = entry
            self.order.append((offset, job.job))
            if entry.isComplete { self.complete.append(job.job) }
        case .ended(let task):
            // Of a job that isn't here: finished already.
            guard var entry = self.open[task.job], !entry.isComplete, task.index < entry.accepted.devices,
                // In place, so that the bitmap isn't copied.
                self.open[task.job]?.ended.insert(task.index) == true
            else { return }
            entry.outcomes[task.outcome] += 1
            self.open[task.job]?.outcomes = entry.outcomes
            self.open[task.job]?.lastEnd = timestamp
            if entry.isComplete { self.complete.append(task.job) }
        case .finished(let job): self.settle(job)
        case .mark(let id): if id == self.mark { self.mark = nil }
        case nil: break
        }
    }

    /// The `finished` replies that are due now, at most `maximum`; they stay due until ``settle(_:)``.
    ///
    /// - Parameters:
    ///   - grace: how long after its deadline, and after the takeover, a job is finished although tasks are missing. The workers that owe them may
    ///     have been away for as long as this one.
    func due(now: Int64, grace: Int64, maximum: Int) -> [Ending] {
        guard self.isCurrent else { return [] }
        var endings = self.complete.prefix(maximum).compactMap { self.open[$0] }.map { Self.ending(of: $0) }
        guard endings.count < maximum, now - self.takenOver >= grace else { return endings }
        let overdue = self.order.lazy.compactMap { self.open[$0.job] }
            .filter {
                !$0.isComplete && now >= max($0.accepted.deadline, 0) && now - max($0.accepted.deadline, 0) >= grace
            }
        endings += overdue.prefix(maximum - endings.count).map { Self.ending(of: $0, now: now) }
        return endings
    }

    /// The job's `finished` reply is written.
    mutating func settle(_ job: String) {
        guard self.open.removeValue(forKey: job) != nil else { return }
        // Mostly they are settled in their order.
        if self.complete.first == job { self.complete.removeFirst() } else { self.complete.removeAll { $0 == job } }
        while let first = self.order.first, self.open[first.job]?.offset != first.offset { self.order.removeFirst() }
    }

    /// What to commit: the first record of the oldest unfinished job, as it will be when `endings` are settled. `nil` when that has not changed and
    /// nothing is to be settled: what is settled goes with an offset always, since the coordinator's judgement of the offset is what keeps a replaced collector from
    /// settling anything.
    func commit(settling endings: [Ending]) -> Int64? {
        // Before that, jobs may be open here that are finished.
        guard self.isCurrent, let position = self.position else { return nil }
        let settled = Set(endings.map(\.offset))
        let first = self.order.first { self.open[$0.job]?.offset == $0.offset && !settled.contains($0.offset) }
        let offset = first?.offset ?? position
        return offset == self.committed && endings.isEmpty ? nil : offset
    }

    mutating func committed(_ offset: Int64) { self.committed = offset }

    private static func ending(of job: OpenJob, now: Int64? = nil) -> Ending {
        let end = max(job.lastEnd, now ?? .min)
        return Ending(
            job: job.accepted,
            finished: Finished(
                job: job.accepted.job,
                tasks: job.accepted.tasks,
                outcomes: job.outcomes,
                missing: max(0, job.accepted.tasks - job.outcomes.total),
                elapsed: .milliseconds(max(0, end - min(max(job.accepted.submitted, 0), end))),
                labels: job.accepted.labels
            ),
            offset: job.offset
        )
    }
}
