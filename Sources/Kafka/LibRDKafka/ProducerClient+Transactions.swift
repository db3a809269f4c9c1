import CRDKafka

extension ProducerClient {
    func flush(timeout: Duration) throws(KafkaError) {
        try self.handle.use { client throws(KafkaError) in
            let code = rd_kafka_flush(client, timeout.timeoutMilliseconds)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw .of(code, client, "Flushing the producer") }
        }
    }

    func initializeTransactions(timeout: Duration) throws(KafkaError) {
        try self.retry("Registering the transactional id", timeout) { client, milliseconds in
            rd_kafka_init_transactions(client, milliseconds)
        }
    }

    func beginTransaction() throws(KafkaError) {
        try self.retry("Beginning a transaction", .zero) { client, _ in rd_kafka_begin_transaction(client) }
    }

    func sendOffsets(_ offsets: [CommittedOffset], of consumer: ConsumerClient, timeout: Duration) throws(KafkaError) {
        try CommitLane.check(offsets)
        guard !offsets.isEmpty else { return }
        let metadata = try consumer.groupMetadata(for: offsets.map(\.topicPartition))
        let list = PartitionList(offsets)
        try self.retry("Adding offsets to the transaction", timeout) { client, milliseconds in
            list.lend { offsets in
                metadata.lend { rd_kafka_send_offsets_to_transaction(client, offsets, $0, milliseconds) }
            }
        }
    }

    func commitTransaction(timeout: Duration) throws(KafkaError) {
        try self.retry("Committing the transaction", timeout) { client, milliseconds in
            rd_kafka_commit_transaction(client, milliseconds)
        }
    }

    func abortTransaction(timeout: Duration) throws(KafkaError) {
        try self.retry("Aborting the transaction", timeout) { client, milliseconds in
            rd_kafka_abort_transaction(client, milliseconds)
        }
    }

    /// Calls until it succeeds, fails for good, or the time is up. librdkafka resumes an operation that timed out when it is called again.
    private func retry(
        _ action: String,
        _ timeout: Duration,
        _ body: (OpaquePointer, Int32) -> OpaquePointer?
    ) throws(KafkaError) {
        let deadline = Deadline(after: timeout)
        while true {
            let failure = try self.handle.use { client throws(KafkaError) -> KafkaError? in
                guard let error = body(client, deadline.remaining.timeoutMilliseconds) else { return nil }
                let failure = KafkaError(consuming: error, action)
                guard failure.code == "kafka.fatal" else { return failure }
                return KafkaError.fatal(of: client, action) ?? failure
            }
            guard let failure else { return }
            guard failure.isRetriable, !failure.isFatal, !failure.requiresAbort, !deadline.hasPassed else {
                throw failure
            }
            self.pause(min(.milliseconds(100), deadline.remaining))
        }
    }
}

/// A member's identity and generation, for offsets in a transaction (KIP-447).
///
/// Confined to the function that asks for it.
final class GroupMetadata {
    private let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    /// Lends it to a call; see ``PartitionList/lend(_:)``.
    func lend<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        defer { withExtendedLifetime(self) {} }
        return body(self.pointer)
    }

    deinit {
        rd_kafka_consumer_group_metadata_destroy(self.pointer)
    }
}
