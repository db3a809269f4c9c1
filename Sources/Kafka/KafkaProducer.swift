import Logging
import NIOConcurrencyHelpers

/// An idempotent (and, with a `transactionalID`, transactional) producer.
///
/// Safe to use from any thread. librdkafka's queue is bounded (`queue.buffering.max.*`): past it `send` says `kafka.queue_full`.
/// It has a thread of its own for delivery reports; ``close(flushTimeout:)`` ends it.
package final class KafkaProducer: Sendable {
    let client: ProducerClient
    private let partitionCounts = NIOLockedValueBox<[String: PartitionCount]>([:])

    private struct PartitionCount: Sendable {
        var count: Int32
        var asked: ContinuousClock.Instant
    }

    /// - Throws: `kafka.invalid_config`. Doesn't wait for a broker.
    package init(
        _ configuration: KafkaConfiguration,
        transactionalID: String? = nil,
        logger: Logger
    ) throws(KafkaError) {
        self.client = try ProducerClient(configuration, transactionalID: transactionalID, logger: logger)
    }

    /// What librdkafka has counted, as of the last interval; `nil` without ``KafkaConfiguration/statisticsInterval``.
    package var statistics: KafkaStatistics? { self.client.context.statistics.latest }

    deinit {
        // Forgotten, not closed: nobody waits for the records any more, but the thread and the sockets must go.
        self.client.beginClosing(Deadline(after: .zero))
    }

    /// Queues a record. Never blocks. `completion` is called once, on the producer's own thread, with the partition and offset
    /// when the record is acknowledged by all in-sync replicas, or with the reason why it never will be; it must not block.
    ///
    /// The first record of a transactional producer to a topic may take a second, which librdkafka spends waiting to look at its new topics; ask for
    /// ``partitionCount(of:timeout:)`` before to avoid that.
    ///
    /// - Throws: `kafka.queue_full` (retriable), `kafka.msg_size_too_large`, `kafka.closed`, or the fatal error that ended this producer. `completion` isn't called then.
    package func send(
        _ record: ProducerRecord,
        completion: (@Sendable (Result<(partition: Int32, offset: Int64), KafkaError>) -> Void)? = nil
    ) throws(KafkaError) {
        try self.client.send(record, completion: completion)
    }

    /// Sends a record and waits for its acknowledgement. Waits for room while the queue is full.
    ///
    /// - Throws: as ``send(_:completion:)`` and as its completion; `kafka.cancelled` at once when the task is cancelled, though a
    ///   record that is queued already may still be delivered.
    @discardableResult
    package func send(acknowledged record: ProducerRecord) async throws(KafkaError) -> (partition: Int32, offset: Int64)
    {
        while true {
            if Task.isCancelled { throw .cancelled }
            let departures = self.client.room.departures
            let answer = Answer<(partition: Int32, offset: Int64)>()
            do throws(KafkaError) {
                try self.client.send(record) { answer.resolve($0) }
            } catch {
                guard error.code == "kafka.queue_full" else { throw error }
                try await self.client.room.wait(since: departures)
                continue
            }
            return try await answer.wait(start: {}, cancelled: { answer.cancel() })
        }
    }

    /// The number of partitions of a topic.
    ///
    /// - Parameter maximumAge: how old a cached answer may be; no more than half a minute.
    /// - Parameter isFresh: asks a broker whatever is cached.
    /// - Throws: `kafka.unknown_topic_or_part`, `kafka.timed_out`, `kafka.transport`. Blocks at most `timeout`.
    package func partitionCount(
        of topic: String, isFresh: Bool = false, maximumAge: Duration = .seconds(30), timeout: Duration = .seconds(10)
    ) throws(KafkaError) -> Int32 {
        let now = ContinuousClock.now
        let known = self.partitionCounts.withLockedValue { $0[topic] }
        if !isFresh, let known, now - known.asked < maximumAge { return known.count }
        let count = try TopicMetadata.partitionCount(of: topic, self.client.handle, timeout: timeout)
        self.partitionCounts.withLockedValue { counts in
            // Names come from job requests too: what has gone stale must not pile up.
            if counts.count >= 1_000 { counts = counts.filter { now - $0.value.asked < .seconds(30) } }
            if counts.count < 10_000 {
                counts[topic] = PartitionCount(count: count, asked: now)
            }
        }
        return count
    }

    /// Waits until nothing is queued or in flight. Blocks.
    /// - Throws: `kafka.timed_out`, `kafka.closed`.
    package func flush(timeout: Duration) throws(KafkaError) {
        try self.client.flush(timeout: timeout)
    }

    /// Flushes within the timeout, then releases everything. Idempotent. Records that could not be sent get their `completion` with an error.
    package func close(flushTimeout: Duration = .seconds(5)) async {
        await self.client.close(flushTimeout: flushTimeout)
    }
}
