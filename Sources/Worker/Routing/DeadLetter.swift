import Kafka

/// A record that nobody can act on, kept for people: key, value and headers as consumed, with the reason and the origin in headers.
enum DeadLetter {
    /// A value larger than this is left out (its origin is in the headers), so that the reason fits beside it under the broker's
    /// default `message.max.bytes`.
    static let maximumValueBytes = 900_000

    static func record(for record: KafkaRecord, topic: String, code: String, reason: String) -> ProducerRecord {
        let fits = (record.value?.count ?? 0) + (record.key?.count ?? 0) <= Self.maximumValueBytes
        return ProducerRecord(
            topic: topic,
            key: fits ? record.key : nil,
            value: fits ? record.value : nil,
            headers: (fits ? record.headers : []) + [
                KafkaHeader("tether-value-kept", fits ? "true" : "false"),
                KafkaHeader("tether-error-code", code),
                KafkaHeader("tether-error-message", reason),
                KafkaHeader("tether-origin-topic", record.topicPartition.topic),
                KafkaHeader("tether-origin-partition", String(record.topicPartition.partition)),
                KafkaHeader("tether-origin-offset", String(record.offset)),
            ]
        )
    }
}
