import Jobs
import Kafka
import NIOConcurrencyHelpers
import NIOPosix
import Testing

@testable import Worker

@Suite("A device's lane")
struct LaneGroupTests {
    private func task(_ offset: Int64) -> AssignedTask {
        AssignedTask(
            task: DeviceTask(
                id: "\(offset)", job: "j", device: "d", operation: .probe, effect: .read, deadline: 600_000,
                submitted: 0, replyTo: "r"),
            partition: TopicPartition("t", 0), offset: offset, grant: 1, mayHaveRun: false, taken: .now, now: 0,
            maximumDeadline: .seconds(600))
    }

    @Test("a task that is put back runs again before those that came after it", .timeLimit(.minutes(1)))
    func putBack() async throws {
        let (runs, ran) = AsyncStream.makeStream(of: Int64.self)
        let hasRun = NIOLockedValueBox<Set<Int64>>([])
        let lanes = NIOLockedValueBox<LaneGroup?>(nil)
        let group = LaneGroup(
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            services: LaneGroup.Services(
                run: { assigned, _ in
                    ran.yield(assigned.offset)
                    return .abandoned(retracted: true)
                },
                end: { assigned, _ in
                    let isFirst = hasRun.withLockedValue { $0.insert(assigned.offset).inserted }
                    if isFirst { await lanes.withLockedValue { $0 }?.putBack(assigned) }
                },
                close: { _ in }))
        lanes.withLockedValue { $0 = group }
        await group.enqueue([self.task(1), self.task(2), self.task(3)])
        var order: [Int64] = []
        for await offset in runs.prefix(6) { order.append(offset) }
        #expect(order == [1, 1, 2, 2, 3, 3])
        lanes.withLockedValue { $0 = nil }
    }
}
