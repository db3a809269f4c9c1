import DequeModule
import Jobs
import Kafka
import NIOConcurrencyHelpers

/// The records that wait for the next transaction, in order. Bounded in bytes: past that, whoever has more waits, and its lane with it.
final class Outbox: Sendable {
    /// Records that belong together, and the task that they end.
    struct Entry: Sendable {
        var records: [ProducerRecord]
        var settlement: Executor.Settlement?

        init(_ records: [ProducerRecord], settling task: Executor.Settlement? = nil) {
            self.records = records
            self.settlement = task
        }

        var bytes: Int { self.records.reduce(0) { $0 + ($1.value?.count ?? 0) + 256 } }
    }

    private struct State: Sendable {
        var entries: Deque<Entry> = []
        var bytes = 0
    }

    static let maximumBytes = 32 * 1024 * 1024
    /// Of one transaction.
    static let maximumEntries = 5_000

    private let state = NIOLockedValueBox(State())
    private let filled: @Sendable () -> Void

    /// - Parameter filled: called when there is something to write.
    init(filled: @escaping @Sendable () -> Void) {
        self.filled = filled
    }

    var isEmpty: Bool { self.state.withLockedValue { $0.entries.isEmpty } }

    /// False when there is no room.
    func tryAdd(_ entry: Entry) -> Bool {
        let isAdded = self.state.withLockedValue { state in
            guard state.bytes < Self.maximumBytes else { return false }
            state.bytes += entry.bytes
            state.entries.append(entry)
            return true
        }
        self.filled()
        return isAdded
    }

    /// Waits for room. Also when cancelled: a result that exists is published.
    func add(_ entry: Entry) async {
        while !self.tryAdd(entry) { await ReplyPublisher.rest() }
    }

    func take() -> [Entry] {
        let (taken, isMore) = self.state.withLockedValue { state in
            let taken = Array(state.entries.prefix(Self.maximumEntries))
            state.entries.removeFirst(taken.count)
            state.bytes -= taken.reduce(0) { $0 + $1.bytes }
            return (taken, !state.entries.isEmpty)
        }
        if isMore { self.filled() }
        return taken
    }

    /// Entries of a transaction that was not committed: first in the next. What can never be written becomes a dead letter.
    func putBack(_ entries: [Entry], _ failures: RecordFailures, deadLetters: String) {
        self.state.withLockedValue { state in
            for (index, entry) in entries.enumerated().reversed() {
                var entry = entry
                if let error = failures[index] {
                    let task = entry.settlement
                    entry.records = entry.records.enumerated().compactMap { index, record in
                        // What follows the first is the collector's, and stays.
                        if index > 0 { return record }
                        guard record.topic != deadLetters else {
                            return error.isOfRecord ? DeadLetter.withoutContent(record) : nil
                        }
                        return DeadLetter.undeliverable(
                            record, topic: deadLetters, task: task?.partition ?? TopicPartition(record.topic, -1),
                            offset: task?.offset ?? -1, reason: error.message)
                    }
                }
                state.bytes += entry.bytes
                state.entries.prepend(entry)
            }
        }
    }

    /// Writes entries and offsets in one transaction. Blocks.
    func write(
        _ entries: [Entry],
        _ offsets: [CommittedOffset],
        _ producer: KafkaProducer,
        _ topics: ReplyTopics,
        _ failures: RecordFailures,
        _ consumer: KafkaConsumer
    ) throws(KafkaError) {
        for (index, entry) in entries.enumerated() {
            guard let topic = entry.records.first?.topic else { continue }
            // Topics can be deleted while a task runs; one of them must not stop the others' results.
            guard try topics.partitionCount(of: topic) == nil else { continue }
            failures.note(
                index, KafkaError(code: "kafka.unknown_topic_or_part", number: 3, message: "there is no such topic"))
            throw KafkaError(
                code: "kafka.unknown_topic_or_part", number: 3, message: "The reply topic `\(topic)` is gone.",
                isRetriable: true)
        }
        try producer.transact { () throws(KafkaError) in
            for (index, entry) in entries.enumerated() {
                for record in entry.records {
                    do throws(KafkaError) {
                        try producer.sendWhenRoom(record) {
                            if case .failure(let error) = $0 { failures.note(index, error) }
                        }
                    } catch {
                        failures.note(index, error)
                        throw error
                    }
                }
            }
            try producer.sendOffsets(offsets, of: consumer)
        }
    }
}
