import Kafka
import Testing

@testable import Worker

@Suite("A partition, as its owner sees it")
struct OwnedPartitionTests {
    private let limits = Executor.WindowLimits(span: 100, bytes: 1_000)

    private func partition(taken offsets: Range<Int64>) -> Executor.Partition {
        var partition = Executor.Partition(
            ledger: PartitionLedger(committed: 0, metadata: nil, logEnd: 0), grant: 1, isHeld: false)
        for offset in offsets { _ = partition.ledger.admit(offset) }
        return partition
    }

    private func settlement(_ offset: Int64, bytes: Int = 0) -> Executor.Settlement {
        .init(partition: TopicPartition("tasks", 0), offset: offset, grant: 1, bytes: bytes)
    }

    /// A commit says so of its whole partition; what is published after it would be published again by the next owner, unmarked.
    @Test("while something runs that may still publish, no commit says that the partition was released in order")
    func releasedInOrder() {
        var partition = self.partition(taken: 0..<2)
        partition.isDraining = true
        #expect(!partition.isReleasedInOrder)
        partition.unacknowledged = 1
        partition.isQuiet = true
        #expect(!partition.isReleasedInOrder)
        partition.unacknowledged = 0
        #expect(partition.isReleasedInOrder)
        partition.ledger.begin(1)
        #expect(!partition.isReleasedInOrder)
    }

    @Test("the bytes of unfinished tasks count once, and make a partition full as its span does")
    func fullByBytes() {
        var partition = self.partition(taken: 0..<3)
        partition.heldBytes = 1_000
        #expect(partition.isFull(self.limits) && !partition.hasRoom(self.limits))
        partition.finish(self.settlement(1, bytes: 400))
        partition.finish(self.settlement(1, bytes: 400))
        #expect(partition.heldBytes == 600)
        #expect(!partition.isFull(self.limits) && !partition.hasRoom(self.limits))
        partition.finish(self.settlement(0, bytes: 200))
        #expect(partition.hasRoom(self.limits))
    }

    @Test("a partition with a record beyond its window is full until the window has moved on")
    func fullByDistance() {
        var partition = self.partition(taken: 0..<1)
        partition.beyondWindow = [
            KafkaRecord(topicPartition: TopicPartition("tasks", 0), offset: 9_000, timestamp: nil, key: nil, value: nil)
        ]
        #expect(partition.isFull(self.limits) && !partition.hasRoom(self.limits))
        partition.finish(self.settlement(0))
        #expect(partition.hasRoom(self.limits))
    }
}
