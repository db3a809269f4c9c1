import CRDKafka

/// Turns librdkafka's messages into records. Copies; the message can be freed afterwards.
///
/// Confined to one thread, and to one batch: it remembers the last topic's name by its handle, since records come in runs of the same
/// topic, and a handle may be reused once the library has dropped a topic.
struct RecordDecoder {
    private var topic: (handle: OpaquePointer, name: String)?

    mutating func partition(of message: rd_kafka_message_t) -> TopicPartition {
        guard let handle = message.rkt else { return TopicPartition("", message.partition) }
        if let topic = self.topic, topic.handle == handle { return TopicPartition(topic.name, message.partition) }
        let name = String(cString: rd_kafka_topic_name(handle))
        self.topic = (handle, name)
        return TopicPartition(name, message.partition)
    }

    mutating func record(_ pointer: UnsafeMutablePointer<rd_kafka_message_t>) -> KafkaRecord {
        let message = pointer.pointee
        var timestampType = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let timestamp = rd_kafka_message_timestamp(pointer, &timestampType)
        return KafkaRecord(
            topicPartition: self.partition(of: message),
            offset: message.offset,
            timestamp: timestampType == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp < 0 ? nil : timestamp,
            key: Self.bytes(message.key, message.key_len),
            value: Self.bytes(message.payload, message.len),
            headers: Self.headers(pointer)
        )
    }

    /// The library tells null from empty by the pointer.
    private static func bytes(_ start: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
        start.map { Array(UnsafeRawBufferPointer(start: $0, count: count)) }
    }

    /// Headers that can't be parsed are left out: a record with broken headers is still a record.
    private static func headers(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> [KafkaHeader] {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
        let count = rd_kafka_header_cnt(list)
        var headers: [KafkaHeader] = []
        headers.reserveCapacity(count)
        for index in 0..<count {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            guard rd_kafka_header_get_all(list, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name
            else { break }
            headers.append(KafkaHeader(String(cString: name), Self.bytes(value, size)))
        }
        return headers
    }
}
