import Kafka
import NIOConcurrencyHelpers

/// Which reply topics records can be written to, as far as is known.
///
/// A transaction fails as a whole. So one job whose replies can't be written (a topic that doesn't exist, or that this worker may not write to) must be told from a
/// broker that is away: the one is set aside, the other is waited for.
final class ReplyTopics: Sendable {
    /// How long a refusal is believed: rights can be given meanwhile.
    private static let memory = Duration.seconds(60)
    /// Names come from job records: they must not pile up.
    private static let maximumRefused = 10_000

    private let producer: KafkaProducer
    private let refused = NIOLockedValueBox<[String: ContinuousClock.Instant]>([:])

    init(producer: KafkaProducer) {
        self.producer = producer
    }

    /// `nil` when nothing can be written there: there is no such topic, or a record was refused lately.
    /// - Throws: when the brokers can't be asked. Blocks.
    func partitionCount(of topic: String) throws(KafkaError) -> Int32? {
        if let until = self.refused.withLockedValue({ $0[topic] }), until > .now { return nil }
        do {
            return try self.producer.partitionCount(of: topic)
        } catch {
            if error.isFatal || (error.isRetriable && error.code != "kafka.unknown_topic_or_part") { throw error }
            return nil
        }
    }

    /// Sends a record of a transaction, and notes who is to blame if it can't be written: its topic, or it alone. Blocks while the queue is full.
    func send(_ record: ProducerRecord, _ index: Int, _ failures: RecordFailures) throws(KafkaError) {
        do throws(KafkaError) {
            try self.producer.sendWhenRoom(record) { result in
                guard case .failure(let error) = result else { return }
                if error.isOfTopic { self.note(record.topic) }
                if error.isOfRecord { failures.note(index, error) }
            }
        } catch {
            if error.isOfRecord { failures.note(index, error) }
            throw error
        }
    }

    private func note(_ topic: String) {
        let now = ContinuousClock.now
        self.refused.withLockedValue { refused in
            if refused.count >= Self.maximumRefused { refused = refused.filter { $0.value > now } }
            if refused.count < Self.maximumRefused { refused[topic] = now + Self.memory }
        }
    }
}

extension KafkaError {
    /// Nothing can be written to the record's topic, or nothing by this worker.
    var isOfTopic: Bool {
        [
            "kafka.topic_authorization_failed", "kafka.unknown_topic_or_part", "kafka.unknown_topic",
            "kafka.unknown_partition", "kafka.topic_exception",
        ].contains(self.code)
    }

    /// The record is refused for what it is; others may be written to the same topic.
    var isOfRecord: Bool {
        [
            "kafka.msg_size_too_large", "kafka.record_list_too_large", "kafka.invalid_record", "kafka.policy_violation",
        ].contains(self.code)
    }

    /// Says something about the record, not about the moment: the same record would be refused again. What befalls a transaction, or its producer, says
    /// nothing about the records in it.
    var isLasting: Bool { !self.isRetriable && !self.isFatal && (self.isOfTopic || self.isOfRecord) }
}
