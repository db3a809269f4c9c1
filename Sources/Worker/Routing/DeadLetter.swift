import Jobs
import Kafka

/// A record that nobody can act on, kept for people: key, value and headers as consumed, with the reason and the origin in headers. Of a record that was
/// refused for a secret in plain text only the origin is kept: dead letters live longer than jobs, and are read by more people.
enum DeadLetter {
    /// What is larger than this, headers included, is left out (its origin is in the headers), so that the reason fits beside it under the limit of a
    /// record.
    static let maximumContentBytes = 900_000

    static func record(
        for record: KafkaRecord, topic: String, code: String, reason: String, holdsSecret: Bool = false
    ) -> ProducerRecord {
        let content = ProducerRecord(topic: topic, key: record.key, value: record.value, headers: record.headers)
        let fits = !holdsSecret && content.size <= Self.maximumContentBytes
        return ProducerRecord(
            topic: topic,
            key: fits ? record.key : nil,
            value: fits ? record.value : nil,
            headers: (fits ? record.headers : []) + [KafkaHeader(HeaderName.deadLetterKept, fits ? "true" : "false")]
                + Self.reason(code, reason) + Self.origin(record.topicPartition, record.offset)
                + (record.timestamp.map { [KafkaHeader(HeaderName.deadLetterTimestamp, String($0))] } ?? [])
        )
    }

    /// A reply that its topic doesn't take. Its origin is the task that it answers.
    static func undeliverable(
        _ reply: ProducerRecord, topic: String, task: TopicPartition, offset: Int64, reason: String
    ) -> ProducerRecord {
        var content = reply
        // Perhaps it was refused for its size.
        if content.size > Self.maximumContentBytes { content.value = nil }
        if content.size > Self.maximumContentBytes { (content.key, content.headers) = (nil, []) }
        return ProducerRecord(
            topic: topic,
            key: content.key,
            value: content.value,
            headers: content.headers + Self.reason("reply.undeliverable", "\(reply.topic): \(reason)")
                + Self.origin(task, offset)
        )
    }

    /// What is left of a dead letter that its own topic doesn't take: reason and origin. `nil` when it is no more than that.
    static func withoutContent(_ letter: ProducerRecord) -> ProducerRecord? {
        var bare = ProducerRecord(topic: letter.topic, key: nil, value: nil)
        for name in HeaderName.ofDeadLetters {
            // Those of the content come first.
            if let header = letter.headers.last(where: { $0.name == name }) { bare.headers.append(header) }
        }
        if let kept = bare.headers.firstIndex(where: { $0.name == HeaderName.deadLetterKept }) {
            bare.headers[kept].value = Array("false".utf8)
        }
        return bare == letter ? nil : bare
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
