import Jobs
import Testing

@testable import Worker

@Suite("Accepted jobs, remembered")
struct AcceptedJobsTests {
    private func job(_ id: String, tasks: Int = 1) -> JobProgress.AcceptedJob {
        .init(job: id, tasks: tasks, devices: tasks, submitted: 0, deadline: 0, replyTo: "r")
    }

    @Test("an id is known for the window, from when it was first accepted; then it begins anew")
    func window() {
        var jobs = AcceptedJobs(window: .seconds(10), maximum: 100)
        jobs.take(self.job("j", tasks: 1), at: 1_000, now: 1_000)
        jobs.take(self.job("j", tasks: 2), at: 9_000, now: 9_000)
        #expect(jobs.job("j", now: 10_999)?.tasks == 1)
        #expect(jobs.job("j", now: 11_000) == nil)
        jobs.take(self.job("j", tasks: 3), at: 12_000, now: 12_000)
        #expect(jobs.job("j", now: 12_000)?.tasks == 3 && jobs.count == 1)
        #expect(jobs.job("k", now: 0) == nil)
    }

    @Test("what is older than the window isn't taken, nor kept; a time in the future counts as now")
    func forgetting() {
        var jobs = AcceptedJobs(window: .seconds(10), maximum: 100)
        jobs.take(self.job("old"), at: 0, now: 10_000)
        #expect(jobs.count == 0)
        jobs.take(self.job("a"), at: .max, now: 10_000)
        #expect(jobs.job("a", now: 10_000) != nil)
        for number in 0..<50 { jobs.take(self.job("\(number)"), at: 15_000, now: 15_000) }
        jobs.take(self.job("late"), at: 40_000, now: 40_000)
        #expect(jobs.job("late", now: 40_000) != nil && jobs.job("3", now: 40_000) == nil)
    }

    @Test("what a requester added to a job isn't kept with its id")
    func bare() {
        var jobs = AcceptedJobs(window: .seconds(10), maximum: 3)
        var job = self.job("j")
        job.labels = ["a": "b"]
        job.echo = [EchoedHeader("c", [1])]
        jobs.take(job, at: 0, now: 0)
        #expect(jobs.job("j", now: 0) == self.job("j"))
    }

    @Test("past the maximum the oldest is forgotten; a window of zero remembers nothing")
    func bounds() {
        var jobs = AcceptedJobs(window: .seconds(10), maximum: 3)
        for id in ["a", "b", "c", "d"] { jobs.take(self.job(id), at: 0, now: 0) }
        #expect(jobs.count == 3 && jobs.job("a", now: 0) == nil && jobs.job("d", now: 0) != nil)
        var none = AcceptedJobs(window: .zero, maximum: 3)
        none.take(self.job("a"), at: 0, now: 0)
        #expect(none.count == 0)
    }
}
