import Logging
import NIOConcurrencyHelpers

/// Reads partitions without a consumer group: for reply topics and topics that every worker reads whole.
///
/// Has a thread of its own for librdkafka's blocking calls; ``close()`` ends it.
package final class KafkaReader: Sendable {
    package enum Start: Sendable, Hashable {
        case beginning, end
        case offset(Int64)
        /// The first record of each partition that was written at this time or later, in milliseconds since 1970.
        case since(Int64)
    }

    private let client: ReaderClient
    private let thread: SerialThread

    /// Assigns all partitions of `topic` and resolves `end` to the present high watermarks before it returns, so that what is produced
    /// afterwards is seen. Reads committed records only (`isolation.level=read_committed`): `end` lies before an open transaction, so that is seen too
    /// if it is committed. Partitions that are added to the topic later are read from their beginning.
    ///
    /// - Throws: `kafka.invalid_config`, `kafka.unknown_topic_or_part`, `kafka.transport` when no broker answers within 30 s, …
    package init(
        _ configuration: KafkaConfiguration,
        topic: String,
        from start: Start,
        logger: Logger
    ) async throws(KafkaError) {
        let client = try ReaderClient(configuration, topic: topic, logger: logger)
        let thread = try SerialThread(name: "kafka-reader", idle: { client.serveErrors() })
        self.client = client
        self.thread = thread
        // If this throws, `deinit` closes what is open already.
        try await thread.run { () throws(KafkaError) in try client.start(start, timeout: .seconds(30)) }
    }

    deinit {
        // Forgotten, not closed: the thread and the sockets must go all the same.
        self.thread.finish { [client] in client.close() }
    }

    /// Waits up to `timeout` for records; an empty array when there were none. Cancellation ends the wait early.
    ///
    /// - Parameter untilEnd: wait no longer when everything that is there has been read (see ``hasReachedEnd()``).
    /// - Throws: what reading on can't cure: `kafka.unknown_topic_or_part`, `kafka.topic_authorization_failed`, `kafka.closed`, a fatal error.
    package func next(maximum: Int = 500, timeout: Duration, untilEnd: Bool = false) async throws(KafkaError)
        -> [KafkaRecord]
    {
        let isCancelled = NIOLockedValueBox(false)
        let client = self.client
        let deadline = Deadline(after: timeout)
        // Records that were taken from the queue are always returned: a cancelled caller loses none.
        return try await self.thread.runToEnd(
            cancelled: {
                isCancelled.withLockedValue { $0 = true }
                client.wake()
            }
        ) { () throws(KafkaError) in
            try client.read(
                maximum: maximum, deadline, untilEnd: untilEnd, isCancelled: { isCancelled.withLockedValue { $0 } })
        }
    }

    /// Whether every partition has been read to what was its end at some time after the start. Records that were written before the start have then
    /// been handed over, except those of a transaction that was still open.
    package func hasReachedEnd() async throws(KafkaError) -> Bool {
        let client = self.client
        return try await self.thread.run { () throws(KafkaError) in client.hasReachedEnd }
    }

    /// Ends the reader; its connections and threads are gone when this returns. Idempotent.
    package func close() async {
        let client = self.client
        try? await self.thread.runToEnd(cancelled: {}) { () throws(KafkaError) in client.close() }
        self.thread.stop()
    }
}
