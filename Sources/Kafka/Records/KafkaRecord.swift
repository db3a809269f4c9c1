/// A topic's partition.
package struct TopicPartition: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32

    package init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }
    package var description: String { "\(self.topic)-\(self.partition)" }
}

package struct KafkaHeader: Sendable, Hashable {
    package var name: String
    /// `nil` is a header with a null value.
    package var value: [UInt8]?

    package init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }
    package init(_ name: String, _ value: String) {
        self.init(name, Array(value.utf8))
    }
}

/// A record as consumed.
package struct KafkaRecord: Sendable, Hashable {
    package var topicPartition: TopicPartition
    package var offset: Int64
    /// Milliseconds since 1970 (create or append time, as the topic is configured); `nil` when the record has none.
    package var timestamp: Int64?
    package var key: [UInt8]?
    /// `nil` is a null value (a tombstone), not an error.
    package var value: [UInt8]?
    package var headers: [KafkaHeader]

    package init(
        topicPartition: TopicPartition,
        offset: Int64,
        timestamp: Int64?,
        key: [UInt8]?,
        value: [UInt8]?,
        headers: [KafkaHeader] = []
    ) {
        self.topicPartition = topicPartition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// A record to be produced.
package struct ProducerRecord: Sendable, Hashable {
    package var topic: String
    /// `nil` leaves the choice to the partitioner (murmur2 of the key, as Java's default).
    package var partition: Int32?
    package var key: [UInt8]?
    package var value: [UInt8]?
    package var headers: [KafkaHeader]

    package init(
        topic: String,
        partition: Int32? = nil,
        key: [UInt8]?,
        value: [UInt8]?,
        headers: [KafkaHeader] = []
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
    }
}

extension ProducerRecord {
    /// How large a record may be with librdkafka's own setting (`message.max.bytes`); brokers take a little more by default (`max.message.bytes`).
    package static let maximumSize = 1_000_000

    /// What counts against that limit, at most: with the overhead of version 2 of the message format.
    package var size: Int {
        self.headers.reduce((self.key?.count ?? 0) + (self.value?.count ?? 0) + 100) { $0 + $1.size }
    }
}

extension KafkaHeader {
    package var size: Int { self.name.utf8.count + (self.value?.count ?? 0) + 10 }
}

/// An offset to commit, or as committed, with its metadata string.
package struct CommittedOffset: Sendable, Hashable {
    package var topicPartition: TopicPartition
    /// The next offset to consume. `nil` (only when read): nothing has been committed.
    package var offset: Int64?
    /// At most 4,096 bytes: the broker's default limit (`offset.metadata.max.bytes`).
    package var metadata: String

    package init(_ topicPartition: TopicPartition, offset: Int64?, metadata: String = "") {
        self.topicPartition = topicPartition
        self.offset = offset
        self.metadata = metadata
    }
}
