import Jobs
import Testing

@testable import TetherCLI

/// Replies as a worker makes them.
enum Sample {
    static func accepted(_ tasks: Int, duplicate: Bool = false) -> Reply {
        .accepted(Accepted(job: "job", tasks: tasks, devices: tasks, unknown: [], duplicate: duplicate))
    }

    static func result(
        _ device: String, _ outcome: Outcome = .succeeded, code: String? = nil, message: String = "no",
        commands: [CommandOutcome] = [], detail: OperationDetail? = nil, redelivered: Bool = false
    ) -> Reply {
        .result(
            DeviceResult(
                job: "job", task: "job/\(device)", device: device, outcome: outcome,
                error: code.map { ErrorDescription(code: $0, message: message, retriable: false) }, commands: commands,
                detail: detail, redelivered: redelivered))
    }

    static func command(_ text: String, _ output: String?, bytes: Int? = nil, sha256: String? = nil) -> CommandOutcome {
        CommandOutcome(
            command: text, outcome: .succeeded, output: output.map { Array($0.utf8) },
            outputBytes: bytes ?? output?.utf8.count ?? 0, outputSHA256: sha256)
    }

    static func output(_ device: String, _ sequence: Int, _ text: String, command: Int = 0, attempt: Int = 1) -> Reply {
        .output(
            Output(
                job: "job", task: "job/\(device)", device: device, sequence: sequence, command: command,
                attempt: attempt,
                bytes: Array(text.utf8)))
    }

    static func finished(_ tasks: Int, missing: Int = 0) -> Reply {
        .finished(
            Finished(
                job: "job", tasks: tasks, outcomes: OutcomeCounts([.succeeded: tasks - missing]), missing: missing,
                elapsed: .seconds(1)))
    }

    static func rejected(_ code: String, _ message: String = "no") -> Reply {
        .rejected(Rejected(job: "job", error: ErrorDescription(code: code, message: message, retriable: false)))
    }
}

@Suite("What has become of a job")
struct JobTallyTests {
    private func tally(_ replies: Reply...) -> JobTally {
        var tally = JobTally(job: "job")
        for reply in replies { tally.take(reply) }
        return tally
    }

    @Test("a job is unheard of until its first record")
    func unheard() {
        var tally = JobTally(job: "job")
        #expect(tally.isUnheard)
        tally.take(Sample.accepted(2))
        #expect(!tally.isUnheard)
        var other = JobTally(job: "job")
        other.take(Sample.result("a"))
        #expect(!other.isUnheard)
    }

    @Test("is over with the last result, a rejection, a duplicate's answer, or the collector's word")
    func ends() {
        #expect(!self.tally().isOver)
        #expect(!self.tally(Sample.accepted(2), Sample.result("a")).isOver)
        #expect(self.tally(Sample.accepted(2), Sample.result("a"), Sample.result("b")).isOver)
        #expect(self.tally(Sample.result("a"), Sample.result("b"), Sample.accepted(2)).isOver)
        #expect(self.tally(Sample.rejected("job.invalid")).isOver)
        #expect(self.tally(Sample.accepted(2, duplicate: true)).isOver)
        #expect(self.tally(Sample.accepted(2), Sample.result("a"), Sample.finished(2, missing: 1)).isOver)
        // Somebody used the id again while this one watched the first.
        #expect(!self.tally(Sample.accepted(2), Sample.accepted(2, duplicate: true)).isOver)
    }

    @Test("a result that comes twice counts once")
    func redelivered() {
        var tally = self.tally(Sample.accepted(2))
        let first = tally.take(Sample.result("a"))
        let second = tally.take(Sample.result("a", .unknown, redelivered: true))
        #expect(first)
        #expect(!second)
        #expect(tally.done == 1)
        #expect(tally.outcomes[.unknown] == 0)
    }

    @Test("the exit status is the worst there is to tell")
    func status() {
        #expect(self.tally(Sample.accepted(1), Sample.result("a")).status == .success)
        #expect(self.tally(Sample.accepted(0)).status == .success)
        #expect(self.tally(Sample.accepted(1), Sample.result("a", .failed)).status == .failed)
        #expect(self.tally(Sample.accepted(1), Sample.result("a", .expired)).status == .failed)
        #expect(self.tally(Sample.accepted(2), Sample.result("a", .failed)).status == .timedOut)
        #expect(
            self.tally(Sample.accepted(3), Sample.result("a", .failed), Sample.result("b", .unknown)).status
                == .unknownOutcome)
        #expect(self.tally().status == .timedOut)
        #expect(self.tally(Sample.rejected("job.too_large")).status == .refused)
        #expect(self.tally(Sample.accepted(1, duplicate: true)).status == .refused)
    }

    @Test("the headline has the counts of what there is")
    func headline() {
        func headline(_ replies: Reply...) -> String {
            var tally = JobTally(job: "job")
            for reply in replies { tally.take(reply) }
            return tally.headline(elapsed: .milliseconds(410))
        }
        #expect(headline(Sample.accepted(1), Sample.result("a")) == "job job: 1 succeeded in 410.0 ms")
        #expect(
            headline(Sample.accepted(4), Sample.result("a"), Sample.result("b", .failed))
                == "job job: 1 succeeded, 1 failed, 2 missing of 4 in 410.0 ms")
        #expect(headline().contains("is a worker running?"))
        #expect(headline(Sample.rejected("job.too_large", "too much")) == "job: rejected: job.too_large: too much")
        #expect(headline(Sample.accepted(1, duplicate: true)).contains("tether watch job"))
    }

    @Test("what didn't succeed is counted by outcome and code, with the first devices' names, the most frequent first")
    func troubles() {
        var tally = JobTally(job: "job")
        for number in 1...6 { tally.take(Sample.result("dev-\(number)", .failed, code: "connect.timeout")) }
        tally.take(Sample.result("x", .unknown, code: "worker.crashed"))
        tally.take(Sample.result("y", .failed, code: "command.rejected"))
        tally.take(Sample.result("z"))
        #expect(
            tally.troubleTable.text(width: nil) == """
                OUTCOME  CODE              DEVICES  FIRST
                failed   connect.timeout         6  dev-1, dev-2, dev-3, dev-4, …
                failed   command.rejected        1  y
                unknown  worker.crashed          1  x

                """)
        #expect(JobTally(job: "job").troubleTable.isEmpty)
    }
}
