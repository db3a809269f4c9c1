import Jobs
import Kafka
import Testing

@testable import Worker

@Suite struct AssignedTaskTests {
    @Test(
        "no time in a record makes a worker overflow",
        arguments: [Int64.min, -1, 0, 1_700_000_000_000, .max], [Int64.min, -1, 0, 1_700_000_000_000, .max])
    func extremes(deadline: Int64, submitted: Int64) {
        let task = DeviceTask(
            id: "j/d", job: "j", device: "d", operation: .probe, effect: .read, deadline: deadline,
            submitted: submitted,
            replyTo: "r"
        )
        let taken = ContinuousClock.now
        let assigned = AssignedTask(
            task: task, partition: TopicPartition("t", 0), offset: 0, grant: 1, mayHaveRun: false, taken: taken,
            now: 1_600_000_000_000, maximumDeadline: .seconds(3_600)
        )
        #expect(assigned.deadline >= taken && assigned.deadline <= taken + .seconds(3_600))
        #expect(assigned.queued >= .zero)
    }
}
