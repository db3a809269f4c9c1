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

    /// Runs `body` in a transaction, and commits it. If either fails, nothing of it stands.
    ///
    /// While the outcome of a commit isn't known, it is asked for again: the caller learns what happened, not that somebody was slow.
    /// - Throws: what `body` throws, or why nothing was committed; fatal when this producer can't be used any more, or when the outcome could not be learnt
    ///   within `limit`: whoever registers the transactional id next settles it.
    package func transact(
        limit: Duration = .seconds(120),
        _ body: () throws(KafkaError) -> Void
    ) throws(KafkaError) {
        let deadline = Deadline(after: limit)
        try self.beginTransaction()
        do throws(KafkaError) {
            try body()
            try Self.insist(deadline) { () throws(KafkaError) in
                try self.commitTransaction(timeout: min(.seconds(30), deadline.remaining))
            }
        } catch {
            if error.isFatal { throw error }
            // librdkafka 2.0.2 loses count when it aborts while it is still adding partitions to the transaction: it would not add them to the next one, whose
            // records then stay hidden for ever (KIP-890 tells what brokers make of that). When the records are delivered, or given up, it has added them.
            try? self.flush(timeout: min(.seconds(5), deadline.remaining))
            try Self.insist(deadline) { () throws(KafkaError) in
                // An attempt may be stuck for good, and the next one succeed: well within the transaction's own time-out.
                try self.abortTransaction(timeout: min(.seconds(5), max(.seconds(1), deadline.remaining)))
            }
            throw error
        }
    }

    /// Queues a record; while the queue is full, waits for room (the producer's own thread makes it). Blocks.
    package func sendWhenRoom(
        _ record: ProducerRecord,
        within limit: Duration = .seconds(60),
        completion: (@Sendable (Result<(partition: Int32, offset: Int64), KafkaError>) -> Void)? = nil
    ) throws(KafkaError) {
        let deadline = Deadline(after: limit)
        while true {
            do throws(KafkaError) {
                return try self.send(record, completion: completion)
            } catch {
                guard error.code == "kafka.queue_full", !deadline.hasPassed else { throw error }
                try self.flush(timeout: min(.seconds(30), deadline.remaining))
            }
        }
    }

    private static func insist(
        _ deadline: Deadline,
        _ body: () throws(KafkaError) -> Void
    ) throws(KafkaError) {
        while true {
            do throws(KafkaError) {
                return try body()
            } catch {
                if error.isFatal || error.requiresAbort || !error.isRetriable { throw error }
                guard deadline.hasPassed else { continue }
                throw KafkaError(
                    code: error.code, number: error.number, message: error.message, isRetriable: true, isFatal: true)
            }
        }
    }
}
