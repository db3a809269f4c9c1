import Jobs
import Kafka

/// A record that nobody can act on, kept for people: key, value and headers as consumed, with the reason and the origin in headers. Of a record that was
/// refused for a secret in plain text only the origin is kept: dead letters live longer than jobs, and are read by more people.
enum DeadLetter {
    /// A value larger than this is left out (its origin is in the headers), so that the reason fits beside it under the broker's
    /// default `message.max.bytes`.
    static let maximumValueBytes = 900_000

    static func record(
        for record: KafkaRecord, topic: String, code: String, reason: String, holdsSecret: Bool = false
    ) -> ProducerRecord {
        let fits = !holdsSecret && (record.value?.count ?? 0) + (record.key?.count ?? 0) <= Self.maximumValueBytes
        return ProducerRecord(
            topic: topic,
            key: fits ? record.key : nil,
            value: fits ? record.value : nil,
            headers: (fits ? record.headers : []) + [KafkaHeader("tether-value-kept", fits ? "true" : "false")]
                + Self.reason(code, reason) + Self.origin(record.topicPartition, record.offset)
                + (record.timestamp.map { [KafkaHeader(HeaderName.deadLetterTimestamp, String($0))] } ?? [])
        )
    }

    /// A reply that its topic doesn't take. Its origin is the task that it answers.
    static func undeliverable(
        _ reply: ProducerRecord, topic: String, task: TopicPartition, offset: Int64, reason: String
    ) -> ProducerRecord {
        let fits = (reply.value?.count ?? 0) <= Self.maximumValueBytes
        return ProducerRecord(
            topic: topic,
            key: reply.key,
            // Perhaps it was refused for its size.
            value: fits ? reply.value : nil,
            headers: reply.headers + Self.reason("reply.undeliverable", "\(reply.topic): \(reason)")
                + Self.origin(task, offset)
        )
    }

    private static func reason(_ code: String, _ reason: String) -> [KafkaHeader] {
        [KafkaHeader(HeaderName.deadLetterCode, code), KafkaHeader(HeaderName.deadLetterMessage, reason)]
    }

    private static func origin(_ partition: TopicPartition, _ offset: Int64) -> [KafkaHeader] {
        [
            KafkaHeader(HeaderName.deadLetterTopic, partition.topic),
            KafkaHeader(HeaderName.deadLetterPartition, String(partition.partition)),
            KafkaHeader(HeaderName.deadLetterOffset, String(offset)),
        ]
    }
}
