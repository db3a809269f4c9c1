import Jobs
import Testing

@testable import Worker

@Suite("Cancellations")
struct CancellationTests {
    private func task(_ job: String, _ device: String) -> DeviceTask {
        DeviceTask(
            id: "\(job)/\(device)", job: job, device: device, operation: .probe, effect: .read, deadline: 0,
            submitted: 0,
            replyTo: "r")
    }

    @Test("a job is cancelled whole or for some devices; more devices add up, and whole covers all")
    func scope() {
        var cancellations = Cancellations(lifetime: .seconds(100))
        #expect(!cancellations.covers(self.task("j", "a")))
        cancellations.take(.init(job: "j", devices: ["a"]), at: 0, now: 0)
        cancellations.take(.init(job: "j", devices: ["b"]), at: 0, now: 0)
        #expect(cancellations.covers(self.task("j", "a")) && cancellations.covers(self.task("j", "b")))
        #expect(!cancellations.covers(self.task("j", "c")) && !cancellations.covers(self.task("k", "a")))
        cancellations.take(.init(job: "j"), at: 0, now: 0)
        cancellations.take(.init(job: "j", devices: ["a"]), at: 0, now: 0)
        #expect(cancellations.covers(self.task("j", "c")))
    }

    @Test("what is older than the longest deadline is forgotten, and a time in the future counts as now")
    func lifetime() {
        var cancellations = Cancellations(lifetime: .seconds(100))
        cancellations.take(.init(job: "old"), at: 1_000, now: 101_000)
        #expect(cancellations.count == 0)
        cancellations.take(.init(job: "future"), at: .max, now: 101_000)
        cancellations.take(.init(job: "past"), at: .min, now: 50_000)
        #expect(cancellations.count == 2)
        cancellations.take(.init(job: "later"), at: 201_000, now: 201_000)
        #expect(cancellations.count == 1 && cancellations.covers(self.task("later", "a")))
    }

    @Test("past the limit the oldest is forgotten")
    func limit() {
        var cancellations = Cancellations(lifetime: .seconds(100))
        for number in 0...Cancellations.maximumJobs { cancellations.take(.init(job: "\(number)"), at: 0, now: 0) }
        #expect(cancellations.count == Cancellations.maximumJobs)
        #expect(!cancellations.covers(self.task("0", "a")) && cancellations.covers(self.task("1", "a")))
    }
}
