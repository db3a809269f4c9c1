import Jobs
import Kafka
import Lab
import Testing

@testable import Worker

@Suite struct ExpiryQueueTests {
    private static let start = ContinuousClock.now

    private static func task(_ offset: Int64, due seconds: Int64) -> AssignedTask {
        let task = DeviceTask(
            id: "j/\(offset)", job: "j", device: "device-\(offset)", operation: .probe, effect: .read,
            deadline: seconds * 1_000, submitted: 0, replyTo: "r")
        return AssignedTask(
            task: task, partition: TopicPartition("t", 0), offset: offset, grant: 1, mayHaveRun: false,
            taken: self.start,
            now: 0, maximumDeadline: .seconds(1_000_000))
    }

    @Test("deadlines come out in their order, and none before its time") func order() {
        var random = SplitMix(seed: 7)
        var queue = ExpiryQueue()
        let deadlines = (0..<500).map { _ in Int64.random(in: 1...1_000, using: &random) }
        for (offset, seconds) in deadlines.enumerated() { queue.insert(Self.task(Int64(offset), due: seconds)) }
        var taken: [Int64] = []
        for now in stride(from: Int64(0), through: 1_000, by: 7) + [1_000] {
            while let due = queue.popDue(at: Self.start + .seconds(now)) {
                let seconds = deadlines[Int(due.task.offset)]
                #expect(seconds <= now)
                #expect(due.device == "device-\(due.task.offset)")
                taken.append(seconds)
            }
            #expect(queue.next.map { $0 > Self.start + .seconds(now) } ?? true)
        }
        #expect(taken == deadlines.sorted())
        #expect(queue.count == 0)
    }

    @Test("what has ended is forgotten when it is most of what is held, and what lives is kept") func forgetting() {
        var queue = ExpiryQueue()
        var living: Set<AssignedTask.Identity> = []
        var largest = 0
        for offset in Int64(0)..<10_000 {
            let task = Self.task(offset, due: 600)
            queue.insert(task)
            // One in a hundred is still there at the end.
            if offset % 100 == 0 {
                living.insert(task.identity)
            } else if queue.noteEnded() {
                queue.keep(living)
            }
            largest = max(largest, queue.count)
        }
        #expect(largest <= 2 * 100 + 2 * 64)
        var left: Set<AssignedTask.Identity> = []
        while let due = queue.popDue(at: Self.start + .seconds(600)) { left.insert(due.task) }
        #expect(left.isSuperset(of: living))
    }
}
