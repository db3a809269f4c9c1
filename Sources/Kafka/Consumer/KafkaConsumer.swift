import Logging
import NIOConcurrencyHelpers

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

        package init(
            id: String, instanceID: String? = nil, sessionTimeout: Duration = .seconds(45), maximumBatch: Int = 500
        ) {
            self.id = id
            self.instanceID = instanceID
            self.sessionTimeout = sessionTimeout
            self.maximumBatch = maximumBatch
        }
    }

    let client: ConsumerClient

    private enum Phase: Sendable {
        case idle(any KafkaConsumerDelegate)
        case started
    }
    private let phase: NIOLockedValueBox<Phase>

    /// - Parameter delegate: held until ``run()`` has ended.
    /// - Throws: `kafka.invalid_config`. Doesn't wait for a broker.
    package init(
        _ configuration: KafkaConfiguration,
        group: Group,
        topics: [String],
        delegate: any KafkaConsumerDelegate,
        logger: Logger
    ) throws(KafkaError) {
        self.client = try ConsumerClient(configuration, group: group, topics: topics, logger: logger)
        self.phase = NIOLockedValueBox(.idle(delegate))
    }

    /// Subscribes and consumes until `stop` is called or the task is cancelled; then revokes what is assigned (the delegate drains), and closes.
    /// A static member doesn't leave the group on close (librdkafka's behaviour with `group.instance.id`), so its partitions wait for it.
    ///
    /// Runs once. When it returns, the connections and threads of this consumer are gone, but for one that was stopped before its group had let it join:
    /// that one leaves when it has, unless the process ends first.
    /// - Throws: the fatal error that ended the consumer (`kafka.fenced_instance_id`, …).
    package func run() async throws(KafkaError) {
        let delegate = self.phase.withLockedValue { phase -> (any KafkaConsumerDelegate)? in
            guard case .idle(let delegate) = phase else { return nil }
            phase = .started
            return delegate
        }
        guard let delegate else {
            throw KafkaError(
                code: "kafka.state",
                number: -172,
                message: "This consumer has run already. Open a new one."
            )
        }
        let answer = Answer<Void>()
        try OwnThread.start(name: "kafka-consumer") {
            let loop = ConsumerLoop(self.client, self, delegate)
            answer.resolve(loop.run())
            loop.close()
        }
        try await answer.wait(start: {}, cancelled: { self.stop() })
    }

    /// Ends `run` in order. Returns at once.
    package func stop() {
        self.client.stop()
    }

    /// Commits offsets and waits for the coordinator's acknowledgement. Works while the consumer's thread is busy in a delegate call.
    ///
    /// One request is under way at a time, so that a repeated one never undoes a newer one; commits made meanwhile go out together in the next, the latest offset
    /// of each partition winning. Cancellation ends the wait, not the commit.
    /// - Throws: `kafka.illegal_generation` (also, without a request, for partitions that aren't assigned to this member), `kafka.unknown_member_id`,
    ///   `kafka.fenced_instance_id`, `kafka.rebalance_in_progress`, `kafka.offset_metadata_too_large` (checked here, at 4,096 bytes),
    ///   `kafka.timed_out` (it may still happen), … The first error of any partition.
    package func commit(_ offsets: [CommittedOffset]) async throws(KafkaError) {
        let answer = Answer<Void>()
        try await answer.wait(
            start: { self.client.commit(offsets) { answer.resolve($0) } },
            cancelled: { answer.cancel() }
        )
    }

    /// The same, blocking: for delegate calls.
    package func commitBlocking(_ offsets: [CommittedOffset]) throws(KafkaError) {
        let outcome = Monitor<Result<Void, KafkaError>?>(nil)
        self.client.commit(offsets) { result in outcome.update { $0 = result } }
        // The commit itself has a time-out; this never waits for longer than that.
        while true {
            if let result = outcome.wait(atMost: .seconds(60), until: { $0 }) { return try result.get() }
        }
    }

    /// Stops and restarts fetching of single partitions. Records already handed over are not taken back; called from another thread than the delegate's,
    /// a batch that was polled before may still follow.
    ///
    /// In the delegate's `assigned` it takes effect before the first record.
    /// - Throws: `kafka.unknown_partition` when one isn't assigned; the others are paused all the same.
    package func pause(_ partitions: [TopicPartition]) throws(KafkaError) {
        try self.client.setPaused(true, partitions)
    }

    package func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
        try self.client.setPaused(false, partitions)
    }

    /// Goes back (or forward) to these offsets: what was fetched and not yet handed over is dropped. For delegate calls; blocks shortly.
    /// - Throws: `kafka.unknown_partition`, `kafka.state` for a partition that isn't assigned, `kafka.timed_out`.
    package func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError) {
        try self.client.seek(offsets)
    }

    /// Asks the partitions' leaders for the lowest offset of each log, and for its end: the next offset to be written. Blocks.
    /// - Throws: `kafka.timed_out`, `kafka.unknown_topic_or_part`, …
    package func logRanges(
        of partitions: [TopicPartition],
        timeout: Duration = .seconds(10)
    ) throws(KafkaError) -> [TopicPartition: Range<Int64>] {
        try self.client.logRanges(of: partitions, timeout: timeout)
    }

    /// `group.id`
    package var groupID: String { self.client.group.id }

    /// What the group has committed, also of partitions that aren't assigned to this member. Blocks.
    /// - Throws: `kafka.timed_out`, `kafka.unstable_offset_commit`, …
    package func committedOffsets(
        of partitions: [TopicPartition], timeout: Duration = .seconds(5)
    ) throws(KafkaError) -> [CommittedOffset] {
        try self.client.committedOffsets(of: partitions, timeout: timeout)
    }

    /// The partitions owned at this moment.
    package var assignment: Set<TopicPartition> {
        self.client.assignment.withLockedValue { $0.partitions }
    }

    /// Whether the group has told this member what it owns, be it nothing.
    package var hasJoined: Bool { self.client.assignment.withLockedValue { $0.rebalances > 0 } }

    /// Since a broker last answered anything; `nil` before the first answer. Never longer than a few seconds while the brokers can be reached.
    package var sinceAnswer: Duration? { self.client.rejoins.sinceAnswer }

    /// What librdkafka has counted, as of the last interval; `nil` without ``KafkaConfiguration/statisticsInterval``.
    package var statistics: KafkaStatistics? { self.client.statistics.latest }
}
