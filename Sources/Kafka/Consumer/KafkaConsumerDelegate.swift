/// What a ``KafkaConsumer`` tells its owner. Every method is called on the consumer's own thread, one at a time, and may block
/// (heartbeats go on meanwhile), but never longer than `max.poll.interval.ms`.
package protocol KafkaConsumerDelegate: AnyObject, Sendable {
    /// Partitions were granted; `partitions` holds what was committed for each, with metadata. Consumption starts at the committed offset
    /// (or by `auto.offset.reset`) when this returns.
    func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int)

    /// Partitions are about to be given up: drain them. Commits still work here. They are released when this returns.
    func consumer(_ consumer: KafkaConsumer, revoking partitions: [TopicPartition], rebalance: Int)

    /// Partitions are gone already, another member may own them: stop at once, commit and publish nothing.
    func consumer(_ consumer: KafkaConsumer, lost partitions: [TopicPartition], rebalance: Int)

    /// Records, in order within each partition; never empty. Only of partitions that are assigned now.
    func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord])

    /// Called after each poll (at least every 100 ms), also when there was nothing.
    func consumerPolled(_ consumer: KafkaConsumer)

    /// Something went wrong that the consumer lives with (broker down, fetch error). For logs and health.
    func consumer(_ consumer: KafkaConsumer, failed error: KafkaError)
}
