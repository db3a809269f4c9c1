import CRDKafka
import Logging
import NIOConcurrencyHelpers

/// A group member's instance, and what may be asked of it from any thread. ``ConsumerLoop`` polls it.
final class ConsumerClient: Sendable {
    let handle: ClientHandle
    let group: KafkaConsumer.Group
    let topics: [String]
    let logger: Logger
    /// What is owned now. The consumer's thread changes it; see ``CommitLane`` for what else the lock orders.
    let assignment = NIOLockedValueBox(Assignment())
    /// Set once by the consumer's thread before it polls.
    let callbacks: ConsumerCallbacks
    let rejoins: RejoinWatch
    let statistics: StatisticsBox

    private struct State: Sendable {
        var isStopping = false
        var lane: CommitLane?
    }
    private let state = Monitor(State())

    init(
        _ configuration: KafkaConfiguration,
        group: KafkaConsumer.Group,
        topics: [String],
        logger: Logger
    ) throws(KafkaError) {
        guard !group.id.isEmpty, !topics.isEmpty else {
            throw .invalidConfiguration("A consumer needs a group id and at least one topic.")
        }
        self.group = group
        self.topics = topics
        self.logger = logger
        let callbacks = ConsumerCallbacks()
        self.callbacks = callbacks
        let rejoins = RejoinWatch(limit: group.sessionTimeout)
        self.rejoins = rejoins
        let context = ClientContext(
            logger: logger,
            configuration: configuration,
            failed: { callbacks.failed($0) },
            rebalance: { code, client, partitions in callbacks.rebalance(code, client, partitions) },
            rejoins: rejoins
        )
        self.statistics = context.statistics
        self.handle = try ClientHandle(
            RD_KAFKA_CONSUMER,
            ClientSettings(configuration, .consumer(group)),
            context,
            queue: .consumer
        )
    }

    // MARK: Stopping

    /// Whether librdkafka has ever asked the group's coordinator to let this member join.
    var hasJoined: Bool { self.rejoins.hasJoined }

    var isStopping: Bool { self.state.withLock { $0.isStopping } }

    func stop() {
        self.state.update { $0.isStopping = true }
        self.handle.wake()
    }

    /// Waits on the consumer's thread, shorter when the consumer is to stop.
    func pause(_ timeout: Duration) {
        _ = self.state.wait(atMost: timeout) { $0.isStopping ? () : nil }
    }

    // MARK: Committing

    func startCommits() throws(KafkaError) {
        let lane = try CommitLane(self.handle, group: self.group.id, self.assignment, self.rejoins)
        self.state.update { $0.lane = lane }
    }

    func stopCommits() {
        self.state.withLock { $0.lane }?.stop()
    }

    /// How long a commit may take: after a session time-out without the coordinator the membership is gone anyway.
    private var commitTimeout: Duration { self.group.sessionTimeout + .seconds(5) }

    /// Queues a commit; `completion` is called once.
    func commit(
        _ offsets: [CommittedOffset],
        completion: @escaping @Sendable (Result<Void, KafkaError>) -> Void
    ) {
        do throws(KafkaError) {
            try CommitLane.check(offsets)
            guard !offsets.isEmpty else { return completion(.success(())) }
            guard let lane = self.state.withLock({ $0.lane }) else {
                throw .notAssigned(offsets[0].topicPartition, "Committing offsets of group `\(self.group.id)`")
            }
            lane.submit(offsets, deadline: .now.advanced(by: self.commitTimeout), completion: completion)
        } catch {
            completion(.failure(error))
        }
    }

    /// The id that the group's coordinator has given this member; empty between an eviction and the next join. Waits for librdkafka's main thread.
    static func memberID(_ client: OpaquePointer) -> String? {
        guard let text = rd_kafka_memberid(client) else { return nil }
        defer { rd_kafka_mem_free(client, text) }
        return String(cString: text)
    }

    /// The member's identity and generation, if all these partitions are its own.
    func groupMetadata(for partitions: [TopicPartition]) throws(KafkaError) -> GroupMetadata {
        let action = "Adding offsets of group `\(self.group.id)` to the transaction"
        return try self.handle.use { client throws(KafkaError) in
            // Under the lock, so that the generation read is the one that the partitions were granted in.
            let (foreign, metadata) = self.assignment.withLockedValue { assignment in
                let metadata = rd_kafka_consumer_group_metadata(client)
                // After that: an id never comes back, so what was read before is this member's too.
                return (assignment.firstForeign(partitions, to: Self.memberID(client)), metadata)
            }
            let owned = metadata.map { GroupMetadata(owning: $0) }
            if let foreign { throw .notAssigned(foreign, action) }
            guard let owned else { throw KafkaError(RD_KAFKA_RESP_ERR__STATE, action) }
            return owned
        }
    }

    // MARK: Fetching

    func setPaused(_ isPaused: Bool, _ partitions: [TopicPartition]) throws(KafkaError) {
        let action = isPaused ? "Pausing" : "Resuming"
        let (started, foreign) = self.assignment.withLockedValue { $0.setPaused(isPaused, partitions) }
        try self.setFetching(!isPaused, started, action)
        if let foreign {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
                "\(action) \(foreign)",
                detail: "it is not assigned to this member"
            )
        }
    }

    func setFetching(_ isFetching: Bool, _ partitions: [TopicPartition], _ action: String) throws(KafkaError) {
        guard !partitions.isEmpty else { return }
        try self.handle.use { client throws(KafkaError) in
            let list = PartitionList(partitions)
            let code = list.lend {
                isFetching ? rd_kafka_resume_partitions(client, $0) : rd_kafka_pause_partitions(client, $0)
            }
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw .of(code, client, action) }
            if let (partition, code) = list.failures.first { throw KafkaError(code, "\(action) \(partition)") }
        }
    }

    func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError) {
        guard !offsets.isEmpty else { return }
        try self.handle.use { client throws(KafkaError) in
            let list = PartitionList(offsets.map { CommittedOffset($0.key, offset: $0.value) })
            let error = list.lend { rd_kafka_seek_partitions(client, $0, 10_000) }
            if let error {
                defer { rd_kafka_error_destroy(error) }
                throw .of(rd_kafka_error_code(error), client, "Going back in the log")
            }
            if let (partition, code) = list.failures.first { throw KafkaError(code, "Going back in \(partition)") }
        }
        self.assignment.withLockedValue { $0.move(offsets.keys) }
    }

    func logRanges(
        of partitions: [TopicPartition], timeout: Duration
    ) throws(KafkaError) -> [TopicPartition: Range<Int64>] {
        let deadline = Deadline(after: timeout)
        return try self.handle.use { client throws(KafkaError) in
            var ranges: [TopicPartition: Range<Int64>] = [:]
            for partition in partitions {
                var low: Int64 = 0
                var high: Int64 = 0
                var code = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
                while true {
                    code = rd_kafka_query_watermark_offsets(
                        client, partition.topic, partition.partition, &low, &high,
                        deadline.remaining.timeoutMilliseconds)
                    guard code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, !deadline.hasPassed else { break }
                    // The member that assigned it has heard that the topic has grown, and this client hasn't.
                    _ = try? TopicMetadata.partitionCount(
                        of: partition.topic, self.handle, timeout: min(.seconds(5), deadline.remaining))
                    self.pause(.milliseconds(50))
                }
                if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw .of(code, client, "Asking for the end of \(partition)") }
                ranges[partition] = min(max(0, low), high)..<high
            }
            return ranges
        }
    }

    func committedOffsets(of partitions: [TopicPartition], timeout: Duration) throws(KafkaError) -> [CommittedOffset] {
        let action = "Fetching the committed offsets of group `\(self.group.id)`"
        return try self.handle.use { client throws(KafkaError) in
            let list = PartitionList(partitions)
            let code = list.lend { rd_kafka_committed(client, $0, timeout.timeoutMilliseconds) }
            if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw .of(code, client, action) }
            if let (partition, code) = list.failures.first { throw KafkaError(code, "\(action) for \(partition)") }
            return list.committedOffsets
        }
    }
}

/// Leads from librdkafka's callbacks to the loop that is polling.
final class ConsumerCallbacks: @unchecked Sendable {
    // @unchecked: `loop` is set by the consumer's thread before its first poll and cleared by it after its last; the callbacks
    // only run inside those polls, on the same thread.
    weak var loop: ConsumerLoop?

    func failed(_ error: KafkaError) {
        self.loop?.failed(error)
    }

    func rebalance(_ code: rd_kafka_resp_err_t, _ client: OpaquePointer, _ partitions: PartitionList) {
        guard let loop = self.loop else {
            // Librdkafka waits for an answer to every rebalance.
            rd_kafka_assign(client, nil)
            return
        }
        loop.rebalance(code, client, partitions)
    }
}
