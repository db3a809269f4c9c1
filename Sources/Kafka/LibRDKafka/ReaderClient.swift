import CRDKafka
import Logging
import NIOConcurrencyHelpers

/// Reads partitions through librdkafka's groupless consumer: it never talks to a group coordinator, so it needs no right to any group.
///
/// All methods run on the reader's one thread, except ``wake()``.
final class ReaderClient: @unchecked Sendable {
    // @unchecked: everything that changes is only touched by calls on the reader's `SerialThread`, one after the other.
    private let handle: ClientHandle
    private let topic: String
    private let logger: Logger
    private var topicHandle: OpaquePointer?
    private var started: Int32 = 0
    /// Partitions that have been read to their end at least once.
    private var ended: Set<Int32> = []
    private var lastLookForPartitions = ContinuousClock.now
    /// Ends the reader: told again with every call.
    private var fatal: KafkaError?
    /// Met behind records that were handed over first: told with the next call.
    private var next: KafkaError?

    /// How often the reader looks whether the topic has got more partitions.
    private static let partitionCheck = Duration.seconds(30)

    init(_ configuration: KafkaConfiguration, topic: String, logger: Logger) throws(KafkaError) {
        self.topic = topic
        self.logger = logger
        self.handle = try ClientHandle(
            RD_KAFKA_CONSUMER,
            ClientSettings(configuration, .reader),
            ClientContext(
                logger: logger,
                configuration: configuration,
                failed: { error in logger.warning("\(error)") }
            ),
            queue: .own
        )
    }

    func wake() {
        self.handle.wake()
    }

    // MARK: Starting

    /// Starts all partitions; `end` is resolved to offsets before anything is fetched, so what comes later is seen.
    func start(_ start: KafkaReader.Start, timeout: Duration) throws(KafkaError) {
        let deadline = Deadline(after: timeout)
        let count = try TopicMetadata.partitionCount(of: self.topic, self.handle, timeout: timeout)
        var offsets: [Int64] = []
        for partition in 0..<count {
            switch start {
            case .beginning: offsets.append(Int64(RD_KAFKA_OFFSET_BEGINNING))
            case .offset(let offset): offsets.append(max(0, offset))
            case .end:
                offsets.append(try self.end(of: partition, deadline))
            case .since(let time):
                // Asked for first: what is written between the two questions is then not missed.
                let end = try self.end(of: partition, deadline)
                let first = try deadline.retry(attempt: .seconds(5)) { remaining throws(KafkaError) in
                    try self.firstOffset(of: partition, since: time, timeout: remaining)
                }
                offsets.append(first ?? end)
            }
        }
        try self.startPartitions(offsets)
    }

    var hasReachedEnd: Bool { self.ended.count >= Int(self.started) }

    private func end(of partition: Int32, _ deadline: Deadline) throws(KafkaError) -> Int64 {
        try deadline.retry(attempt: .seconds(5)) { remaining throws(KafkaError) in
            try self.end(of: partition, timeout: remaining)
        }
    }

    /// `nil` when there is no such record.
    private func firstOffset(
        of partition: Int32, since time: Int64, timeout: Duration
    ) throws(KafkaError) -> Int64? {
        let name = TopicPartition(self.topic, partition)
        let action = "Asking for the first record of \(name) since a time"
        return try self.handle.use { client throws(KafkaError) in
            let list = PartitionList([CommittedOffset(name, offset: max(0, time))])
            let code = list.lend { rd_kafka_offsets_for_times(client, $0, timeout.timeoutMilliseconds) }
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw .of(code, client, action) }
            if let (_, code) = list.failures.first { throw .of(code, client, action) }
            return list.committedOffsets.first?.offset
        }
    }

    private func end(of partition: Int32, timeout: Duration) throws(KafkaError) -> Int64 {
        try self.handle.use { client throws(KafkaError) in
            var low: Int64 = 0
            var high: Int64 = 0
            let code = rd_kafka_query_watermark_offsets(
                client,
                self.topic,
                partition,
                &low,
                &high,
                timeout.timeoutMilliseconds
            )
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw .of(code, client, "Asking for the end of \(TopicPartition(self.topic, partition))")
            }
            return high
        }
    }

    /// Starts the partitions that follow those that were started before.
    private func startPartitions(_ offsets: [Int64]) throws(KafkaError) {
        try self.handle.withQueue { (client, queue) throws(KafkaError) in
            if self.topicHandle == nil { self.topicHandle = rd_kafka_topic_new(client, self.topic, nil) }
            guard let topicHandle = self.topicHandle else {
                throw .of(rd_kafka_last_error(), client, "Reading topic `\(self.topic)`")
            }
            for offset in offsets {
                guard rd_kafka_consume_start_queue(topicHandle, self.started, offset, queue) == 0 else {
                    throw .of(rd_kafka_last_error(), client, "Reading \(TopicPartition(self.topic, self.started))")
                }
                self.started += 1
            }
        }
    }

    /// A topic that grows is read whole, the new partitions from their beginning.
    private func lookForPartitions() {
        guard self.lastLookForPartitions.advanced(by: Self.partitionCheck) < .now else { return }
        self.lastLookForPartitions = .now
        do throws(KafkaError) {
            let count = try TopicMetadata.partitionCount(of: self.topic, self.handle, timeout: .seconds(1))
            guard count > self.started else { return }
            let added = Int(count - self.started)
            try self.startPartitions(Array(repeating: Int64(RD_KAFKA_OFFSET_BEGINNING), count: added))
        } catch {
            self.logger.debug("Looking for new partitions failed, which is tried again later: \(error)")
        }
    }

    // MARK: Reading

    /// Waits for the first record, and takes what else is there already.
    func read(maximum: Int, _ deadline: Deadline, untilEnd: Bool = false, isCancelled: () -> Bool) throws(KafkaError)
        -> [KafkaRecord]
    {
        if let error = self.next ?? self.fatal {
            self.next = nil
            throw error
        }
        self.lookForPartitions()
        var decoder = RecordDecoder()
        var records: [KafkaRecord] = []
        repeat {
            try self.handle.withQueue { (client, queue) throws(KafkaError) in
                // Errors of the connection wait on the main queue.
                rd_kafka_poll(client, 0)
                var wait = min(.milliseconds(250), deadline.remaining).timeoutMilliseconds
                while records.count < max(1, maximum), let message = rd_kafka_consume_queue(queue, wait) {
                    defer { rd_kafka_message_destroy(message) }
                    wait = 0
                    guard message.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else {
                        records.append(decoder.record(message))
                        continue
                    }
                    if message.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF {
                        self.ended.insert(message.pointee.partition)
                        continue
                    }
                    guard let error = self.failure(message.pointee, client) else { continue }
                    if records.isEmpty { throw error }
                    self.next = error
                    break
                }
            }
        } while records.isEmpty && !deadline.hasPassed && !isCancelled() && !(untilEnd && self.hasReachedEnd)
        return records
    }

    /// What reading on can't cure. The rest is logged.
    private func failure(_ message: rd_kafka_message_t, _ client: OpaquePointer) -> KafkaError? {
        let error = KafkaError.of(message.err, client, "Reading \(TopicPartition(self.topic, message.partition))")
        switch message.err {
        case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            if error.isFatal { self.fatal = error }
            return error
        default:
            self.logger.warning("\(error)")
            return nil
        }
    }

    /// Serves the errors of the connection while nobody reads.
    func serveErrors() {
        try? self.handle.use { client throws(KafkaError) in _ = rd_kafka_poll(client, 0) }
    }

    // MARK: Closing

    func close() {
        try? self.handle.use { _ throws(KafkaError) in
            guard let topicHandle = self.topicHandle else { return }
            for partition in 0..<self.started { rd_kafka_consume_stop(topicHandle, partition) }
            rd_kafka_topic_destroy(topicHandle)
            self.topicHandle = nil
            self.started = 0
        }
        self.handle.close()
    }
}
