import Logging

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

/// A member of a consumer group (cooperative-sticky, static membership when `instanceID` is given) with a thread of its own.
///
/// Offsets are only ever committed explicitly, with metadata. Other methods than `run` may be called from any thread.
package final class KafkaConsumer: Sendable {
    package struct Group: Sendable, Hashable {
        package var id: String
        /// `group.instance.id` (KIP-345): a restart within the session time-out moves nothing.
        package var instanceID: String?
        /// `session.timeout.ms`.
        package var sessionTimeout: Duration
        /// Records handed over in one call at most.
        package var maximumBatch: Int

        package init(id: String, instanceID: String? = nil, sessionTimeout: Duration = .seconds(45), maximumBatch: Int = 500) {
            self.id = id
            self.instanceID = instanceID
            self.sessionTimeout = sessionTimeout
            self.maximumBatch = maximumBatch
        }
    }

    package init(
        _ configuration: KafkaConfiguration,
        group: Group,
        topics: [String],
        delegate: any KafkaConsumerDelegate,
        logger: Logger
    ) throws(KafkaError) { fatalError("stub") }

    /// Subscribes and consumes until `stop` is called or the task is cancelled; then revokes what is assigned (the delegate drains), and closes.
    /// A static member doesn't leave the group on close (librdkafka's behaviour with `group.instance.id`), so its partitions wait for it.
    /// - Throws: the fatal error that ended the consumer (`kafka.fenced_instance_id`, …).
    package func run() async throws(KafkaError) { fatalError("stub") }

    /// Ends `run` in order. Returns at once.
    package func stop() { fatalError("stub") }

    /// Commits offsets and waits for the coordinator's acknowledgement. Works while the consumer's thread is busy in a delegate call.
    /// - Throws: `kafka.illegal_generation`, `kafka.unknown_member_id`, `kafka.fenced_instance_id`, `kafka.rebalance_in_progress`, `kafka.offset_metadata_too_large` (checked
    ///   here, at 4,096 bytes), … The first error of any partition.
    package func commit(_ offsets: [CommittedOffset]) async throws(KafkaError) { fatalError("stub") }
    /// The same, blocking: for delegate calls.
    package func commitBlocking(_ offsets: [CommittedOffset]) throws(KafkaError) { fatalError("stub") }

    /// Stops and restarts fetching of single partitions. Records already handed over are not taken back.
    package func pause(_ partitions: [TopicPartition]) throws(KafkaError) { fatalError("stub") }
    package func resume(_ partitions: [TopicPartition]) throws(KafkaError) { fatalError("stub") }

    /// Goes back (or forward) to these offsets. For delegate calls only; partitions must be assigned.
    package func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError) { fatalError("stub") }
    /// Asks the broker for the end (next offset to be written) of each partition's log. Blocks.
    package func logEnds(of partitions: [TopicPartition], timeout: Duration = .seconds(10)) throws(KafkaError) -> [TopicPartition: Int64] { fatalError("stub") }

    /// The partitions owned at this moment.
    package var assignment: Set<TopicPartition> { fatalError("stub") }
    /// The low and high watermark as last seen by fetches (no request).
    package func watermarks(of partition: TopicPartition) -> (low: Int64, high: Int64)? { fatalError("stub") }
}
