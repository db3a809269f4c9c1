// Transactions. These block: call them from a thread of your own (a consumer's thread, for one), never from an event loop or the global pool.
// One at a time, as in librdkafka: a transaction belongs to the one who began it.

extension KafkaProducer {
    /// Registers the transactional id; fences older producers of the same id. Call once before the first transaction. Retries retriable errors until the timeout.
    package func initializeTransactions(timeout: Duration = .seconds(60)) throws(KafkaError) {
        try self.client.initializeTransactions(timeout: timeout)
    }

    package func beginTransaction() throws(KafkaError) {
        try self.client.beginTransaction()
    }

    /// Adds offsets to the transaction under the consumer's current group metadata (KIP-447).
    ///
    /// - Throws: `kafka.illegal_generation` (abort) when one of the partitions isn't assigned to the consumer any more.
    package func sendOffsets(
        _ offsets: [CommittedOffset],
        of consumer: KafkaConsumer,
        timeout: Duration = .seconds(60)
    ) throws(KafkaError) {
        try self.client.sendOffsets(offsets, of: consumer.client, timeout: timeout)
    }

    /// Flushes and commits. Retries while retriable, within the timeout.
    ///
    /// - Throws: with ``KafkaError/requiresAbort``: nothing was committed; abort, then begin anew. Retriable (`kafka.timed_out`): the outcome isn't known
    ///   yet; call it again. Fatal (`kafka.fenced`): open a new producer.
    package func commitTransaction(timeout: Duration = .seconds(60)) throws(KafkaError) {
        try self.client.commitTransaction(timeout: timeout)
    }

    package func abortTransaction(timeout: Duration = .seconds(60)) throws(KafkaError) {
        try self.client.abortTransaction(timeout: timeout)
    }
}
