import Testing

@testable import Jobs

@Suite("What a job leaves open")
struct JobDefaultsTests {
    private func job(deadline: Deadline? = nil, effect: Effect? = nil, commands: [String] = ["show version"]) -> Job {
        Job(targets: ["r1"], operation: .run(commands.map { Command($0) }), deadline: deadline, effect: effect)
    }

    @Test(
        "a deadline counts from the record's timestamp and never exceeds the maximum",
        arguments: [
            (nil, 1_060_000), (.after(.seconds(5)), 1_005_000), (.after(.milliseconds(1)), 1_000_001),
            (.after(.seconds(601)), 1_600_000),
            (.at(milliseconds: 1_234_567), 1_234_567), (.at(milliseconds: 5), 5), (.at(milliseconds: .max), 1_600_000),
        ] as [(Deadline?, Int64)])
    func deadlines(deadline: Deadline?, expected: Int64) {
        let effective = self.job(deadline: deadline).effectiveDeadline(
            recordTimestamp: 1_000_000, default: .seconds(60), maximum: .seconds(600))
        #expect(effective == expected)
    }

    @Test("absurd timestamps and durations don't overflow")
    func saturation() {
        let job = self.job(deadline: .after(.seconds(Int64.max)))
        #expect(
            job.effectiveDeadline(recordTimestamp: .max, default: .seconds(1), maximum: .seconds(Int64.max)) == .max)
        #expect(job.effectiveDeadline(recordTimestamp: .max, default: .seconds(1), maximum: .seconds(1)) == .max)
        #expect(job.effectiveDeadline(recordTimestamp: .min, default: .seconds(1), maximum: .seconds(1)) == .min + 1000)
        #expect(
            self.job().effectiveDeadline(recordTimestamp: 0, default: .seconds(60), maximum: .seconds(10)) == 10_000)
    }

    @Test("ids are derived from where the record and the device are")
    func ids() {
        #expect(Job.derivedID(topic: "tether.jobs", partition: 4, offset: 1207) == "tether.jobs-4-1207")
        #expect(DeviceTask.id(job: "j", device: "r1") == "j/r1")
    }

    @Test("a run only reads when each of its commands does; the job's own word comes first")
    func effects() {
        let isReadOnly: (String) -> Bool = { $0.hasPrefix("show ") }
        #expect(self.job().effect(isReadOnly: isReadOnly) == .read)
        #expect(self.job(commands: ["show version", "reload"]).effect(isReadOnly: isReadOnly) == .change)
        #expect(self.job(effect: .change).effect(isReadOnly: isReadOnly) == .change)
        #expect(self.job(effect: .read, commands: ["reload"]).effect(isReadOnly: isReadOnly) == .read)
        #expect(Operation.probe.defaultEffect { _ in false } == .read)
    }
}
