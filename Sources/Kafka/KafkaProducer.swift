import Logging

/// An idempotent (and, with a `transactionalID`, transactional) producer.
///
/// Safe to use from any thread. librdkafka's queue is bounded (`queue.buffering.max.*`): past it `send` says `kafka.queue_full`.
package final class KafkaProducer: Sendable {
    package init(
        _ configuration: KafkaConfiguration,
        transactionalID: String? = nil,
        logger: Logger
    ) throws(KafkaError) { fatalError("stub") }

    /// Queues a record. Never blocks. `completion` is called once, on the producer's own thread, with the partition and offset
    /// when the record is acknowledged by all in-sync replicas, or with the reason why it never will be; it must not block.
    ///
    /// - Throws: `kafka.queue_full` (retriable), `kafka.msg_size_too_large`, or the fatal error that ended this producer. `completion` isn't called then.
    package func send(
        _ record: ProducerRecord,
        completion: (@Sendable (Result<(partition: Int32, offset: Int64), KafkaError>) -> Void)? = nil
    ) throws(KafkaError) { fatalError("stub") }

    /// Sends a record and waits for its acknowledgement. Waits for room while the queue is full.
    @discardableResult
    package func send(acknowledged record: ProducerRecord) async throws(KafkaError) -> (partition: Int32, offset: Int64) { fatalError("stub") }

    /// The number of partitions of a topic, cached for a short while.
    /// - Throws: `kafka.unknown_topic_or_part`, `kafka.timed_out`. Blocks at most `timeout`.
    package func partitionCount(of topic: String, timeout: Duration = .seconds(10)) throws(KafkaError) -> Int32 { fatalError("stub") }

    // Transactions. These block: call them from a thread of your own (a consumer's thread, for one), never from an event loop or the global pool.

    /// Registers the transactional id; fences older producers of the same id. Call once before the first transaction. Retries retriable errors until the timeout.
    package func initializeTransactions(timeout: Duration = .seconds(60)) throws(KafkaError) { fatalError("stub") }
    package func beginTransaction() throws(KafkaError) { fatalError("stub") }
    /// Adds offsets to the transaction under the consumer's current group metadata (KIP-447).
    package func sendOffsets(_ offsets: [CommittedOffset], of consumer: KafkaConsumer, timeout: Duration = .seconds(60)) throws(KafkaError) { fatalError("stub") }
    /// Flushes and commits. Retries while retriable, within the timeout.
    package func commitTransaction(timeout: Duration = .seconds(60)) throws(KafkaError) { fatalError("stub") }
    package func abortTransaction(timeout: Duration = .seconds(60)) throws(KafkaError) { fatalError("stub") }

    /// Waits until nothing is queued or in flight. Blocks.
    package func flush(timeout: Duration) throws(KafkaError) { fatalError("stub") }

    /// Flushes within the timeout, then releases everything. Idempotent. Records that could not be sent get their `completion` with an error.
    package func close(flushTimeout: Duration = .seconds(5)) async { fatalError("stub") }
}
