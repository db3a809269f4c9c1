import Jobs
import Testing

@testable import Worker

@Suite("The collector's ledger")
struct JobLedgerTests {
    private struct Entry {
        var offset: Int64
        var timestamp: Int64
        var record: JobProgress?
    }

    private static func accepted(
        _ job: String, tasks: Int, devices: Int? = nil, deadline: Int64 = 60_000
    ) -> JobProgress {
        .accepted(
            .init(
                job: job, tasks: tasks, devices: devices ?? tasks, submitted: 1_000, deadline: deadline,
                replyTo: "replies"))
    }

    private static func ended(_ job: String, _ index: Int, _ outcome: Outcome = .succeeded) -> JobProgress {
        .ended(.init(job: job, index: index, outcome: outcome))
    }

    /// A ledger that has read its mark at offset 0 and these records after it.
    private static func ledger(_ records: [JobProgress?]) -> JobLedger {
        var ledger = JobLedger(committed: nil, mark: "m", now: 0)
        ledger.take(.mark(id: "m"), offset: 0, timestamp: 0)
        for (index, record) in records.enumerated() {
            ledger.take(record, offset: Int64(index + 1), timestamp: Int64(index + 2) * 1_000)
        }
        return ledger
    }

    private func due(_ ledger: JobLedger, now: Int64 = 10_000, grace: Int64 = 1_000) -> [JobLedger.Ending] {
        ledger.due(now: now, grace: grace, maximum: 100)
    }

    @Test("a job is due when its last task has ended, and not before; the time is that of its last record")
    func complete() {
        var ledger = Self.ledger([Self.accepted("j", tasks: 3), Self.ended("j", 0), Self.ended("j", 2, .failed)])
        #expect(self.due(ledger).isEmpty)
        ledger.take(Self.ended("j", 1, .expired), offset: 4, timestamp: 9_500)
        let endings = self.due(ledger)
        #expect(endings.map(\.job.job) == ["j"])
        #expect(
            endings.first?.finished
                == Finished(
                    job: "j", tasks: 3, outcomes: OutcomeCounts([.succeeded: 1, .failed: 1, .expired: 1]),
                    elapsed: .milliseconds(8_500)))
        // Until the reply is written it stays due; then it is gone.
        #expect(self.due(ledger).count == 1)
        ledger.settle("j")
        #expect(self.due(ledger).isEmpty && ledger.openCount == 0)
    }

    @Test("twenty thousand jobs that end at once are settled in no time")
    func many() {
        let jobs = (0..<20_000).map { "job-\($0)" }
        var ledger = Self.ledger(jobs.flatMap { [Self.accepted($0, tasks: 1), Self.ended($0, 0)] })
        let elapsed = ContinuousClock().measure {
            while ledger.openCount > 0 {
                let endings = ledger.due(now: 10_000, grace: 1_000, maximum: 1_000)
                #expect(endings.count == 1_000)
                for ending in endings { ledger.settle(ending.job.job) }
            }
        }
        #expect(elapsed < .seconds(5))
    }

    @Test("a task that ended twice counts once, with the outcome that came first")
    func duplicates() {
        let ledger = Self.ledger([
            Self.accepted("j", tasks: 2), Self.ended("j", 0, .unknown), Self.ended("j", 0), Self.ended("j", 0),
        ])
        #expect(self.due(ledger).isEmpty)
        var complete = ledger
        complete.take(Self.ended("j", 1), offset: 9, timestamp: 9)
        complete.take(Self.ended("j", 1, .failed), offset: 10, timestamp: 10)
        #expect(self.due(complete).first?.finished.outcomes == OutcomeCounts([.unknown: 1, .succeeded: 1]))
        #expect(self.due(complete).count == 1)
    }

    @Test("refused targets count as rejected; a job that has no others is due at once")
    func refused() {
        let ledger = Self.ledger([
            Self.accepted("none", tasks: 2, devices: 0), Self.accepted("j", tasks: 2, devices: 1),
        ])
        #expect(self.due(ledger).map(\.finished.job) == ["none"])
        #expect(self.due(ledger).first?.finished.outcomes == OutcomeCounts([.rejected: 2]))
    }

    @Test("what belongs to no open job, or has an index that its job doesn't have, is ignored")
    func strangers() {
        let ledger = Self.ledger([
            Self.ended("nobody", 0), nil, .finished(job: "nobody"), .mark(id: "another"), Self.accepted("j", tasks: 1),
            Self.ended("j", 1), Self.ended("j", 7),
        ])
        #expect(ledger.openCount == 1)
        #expect(self.due(ledger).isEmpty)
    }

    @Test("nothing is due before the mark of the takeover has been read, nor is anything committed")
    func takeover() {
        var ledger = JobLedger(committed: 5, mark: "m", now: 0)
        ledger.take(Self.accepted("done", tasks: 1), offset: 5, timestamp: 0)
        ledger.take(Self.ended("done", 0), offset: 6, timestamp: 0)
        #expect(self.due(ledger).isEmpty && ledger.commit(settling: []) == nil)
        // The earlier owner has written its reply.
        ledger.take(.finished(job: "done"), offset: 7, timestamp: 0)
        ledger.take(.mark(id: "n"), offset: 8, timestamp: 0)
        #expect(!ledger.isCurrent)
        ledger.take(.mark(id: "m"), offset: 9, timestamp: 0)
        #expect(ledger.isCurrent && self.due(ledger).isEmpty)
        #expect(ledger.commit(settling: []) == 10)
    }

    @Test("the offset to commit is the first record of the oldest unfinished job")
    func offsets() {
        var ledger = Self.ledger([
            Self.accepted("a", tasks: 1), Self.accepted("b", tasks: 1), Self.ended("b", 0),
            Self.accepted("c", tasks: 1),
        ])
        #expect(ledger.commit(settling: []) == 1)
        ledger.committed(1)
        #expect(ledger.commit(settling: []) == nil)
        // What is settled takes an offset along, although it is the same: a collector that was replaced can't commit it.
        #expect(ledger.commit(settling: self.due(ledger)) == 1)
        ledger.settle("b")
        #expect(ledger.commit(settling: []) == nil)
        ledger.take(Self.ended("a", 0), offset: 5, timestamp: 0)
        let endings = self.due(ledger)
        #expect(endings.map(\.job.job) == ["a"])
        #expect(ledger.commit(settling: endings) == 4)
        ledger.settle("a")
        #expect(ledger.commit(settling: []) == 4)
        ledger.settle("c")
        #expect(ledger.commit(settling: []) == 6)
    }

    @Test("a job whose tasks nobody reports is finished after deadline and grace, but not right after a takeover")
    func missing() throws {
        var ledger = JobLedger(committed: nil, mark: "m", now: 100_000)
        ledger.take(.mark(id: "m"), offset: 0, timestamp: 0)
        ledger.take(Self.accepted("j", tasks: 3, deadline: 60_000), offset: 1, timestamp: 2_000)
        ledger.take(Self.ended("j", 1), offset: 2, timestamp: 3_000)
        #expect(self.due(ledger, now: 100_999).isEmpty)
        let ending = try #require(self.due(ledger, now: 101_000).first)
        #expect(ending.finished.missing == 2)
        #expect(ending.finished.outcomes == OutcomeCounts([.succeeded: 1]))
        #expect(ending.finished.elapsed == .seconds(100))
        #expect(self.due(ledger, now: 60_999, grace: 0).count == 0)
        // Numbers from outside never overflow.
        ledger.take(Self.accepted("k", tasks: 1, deadline: .min), offset: 3, timestamp: 0)
        ledger.take(Self.accepted("l", tasks: 1, deadline: .max), offset: 4, timestamp: .min)
        #expect(self.due(ledger, now: 200_000).map(\.finished.job) == ["j", "k"])
    }

    @Test("a collector that dies anywhere leaves a log from which the next one finishes every job once")
    func deaths() {
        for seed in 0..<200 as Range<UInt64> { Self.live(seed) }
    }

    /// A log as it comes about, the collector's own records among the others, and collectors that are replaced at random.
    private static func live(_ seed: UInt64) {
        var generator = Steps(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
        var log: [JobProgress] = []
        var pending: [JobProgress] = []
        for job in 0..<6 {
            let tasks = Int.random(in: 0...5, using: &generator)
            pending.append(Self.accepted("job-\(job)", tasks: tasks))
            pending += (0..<tasks).flatMap { index in
                Array(repeating: Self.ended("job-\(job)", index), count: .random(in: 1...2, using: &generator))
            }
        }
        var committed: Int64?
        var finished: [String] = []
        var ledger = JobLedger(committed: nil, mark: "none", now: 0)
        var position = 0
        for step in 0..<5_000 where finished.count < 6 || !pending.isEmpty || step < 300 {
            switch Int.random(in: 0..<40, using: &generator) {
            case 0:
                ledger = JobLedger(committed: committed, mark: "mark-\(step)", now: 0)
                position = Int(committed ?? 0)
                log.append(.mark(id: "mark-\(step)"))
            case 1...9 where !pending.isEmpty:
                log.append(pending.removeFirst())
            default:
                if position < log.count {
                    ledger.take(log[position], offset: Int64(position), timestamp: 0)
                    position += 1
                }
                let endings = ledger.due(now: 1, grace: 1_000, maximum: .random(in: 1...3, using: &generator))
                // Often the transaction isn't committed.
                guard Bool.random(using: &generator) else { continue }
                if let offset = ledger.commit(settling: endings) {
                    committed = offset
                    ledger.committed(offset)
                }
                for ending in endings {
                    finished.append(ending.job.job)
                    log.append(.finished(job: ending.job.job))
                    ledger.settle(ending.job.job)
                }
            }
        }
        #expect(finished.sorted() == (0..<6).map { "job-\($0)" }, "seed \(seed): \(log)")
    }
}

/// Xorshift.
private struct Steps: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state ^= self.state << 13
        self.state ^= self.state >> 7
        self.state ^= self.state << 17
        return self.state
    }
}
