import Kafka
import Testing

@testable import Worker

@Suite("First owners of new partitions")
struct HandoverTests {
    private static let start = ContinuousClock.now
    private let handover = Handover(until: start + .seconds(60))

    private func commit(_ partition: Int32, says count: Int32?) -> CommittedOffset {
        var metadata = LedgerMetadata()
        metadata.partitions = count
        return CommittedOffset(TopicPartition("tasks", partition), offset: 7, metadata: metadata.text)
    }

    private func free(_ held: [Int32], _ commits: [CommittedOffset]?, after seconds: Int = 0) -> [Int32] {
        self.handover.free(
            of: Set(held.map { TopicPartition("tasks", $0) }), commits, at: Self.start + .seconds(seconds)
        ).partitions.map(\.partition).sorted()
    }

    @Test("they begin when every other owner goes by a number of partitions that has room for them")
    func waiting() {
        #expect(self.free([8, 9], [self.commit(0, says: 8), self.commit(1, says: 10)]).isEmpty)
        #expect(self.free([8, 9], [self.commit(0, says: 9), self.commit(1, says: 10)]) == [8])
        #expect(self.free([8, 9], [self.commit(0, says: 10), self.commit(1, says: 12)]) == [8, 9])
    }

    @Test("a fleet that starts for the first time, or after an upgrade, waits for nobody")
    func nobody() {
        #expect(self.free([0, 1, 2], []) == [0, 1, 2])
        let silent = [self.commit(0, says: nil), CommittedOffset(TopicPartition("tasks", 1), offset: nil)]
        #expect(self.free([2, 3], silent) == [2, 3])
        #expect(self.free([2], [CommittedOffset(TopicPartition("tasks", 0), offset: 4, metadata: "by hand")]) == [2])
        // Two members begin at once, and one is quicker.
        #expect(self.free([4, 5], [self.commit(0, says: 8)]) == [4, 5])
    }

    @Test("unreadable commits are no permission; after the limit there is nothing left to wait for")
    func limit() {
        #expect(self.free([8], nil, after: 59).isEmpty)
        #expect(self.free([8], nil, after: 60) == [8])
        #expect(self.free([8], [self.commit(0, says: 8)], after: 59).isEmpty)
        let late = self.handover.free(
            of: [TopicPartition("tasks", 8)], [self.commit(0, says: 8)], at: Self.start + .seconds(60))
        #expect(late.partitions.count == 1 && late.isOverdue)
    }
}
