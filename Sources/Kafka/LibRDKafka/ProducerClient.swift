import CRDKafka
import Glibc
import Logging

/// A producer instance and the thread that serves its delivery reports.
///
/// The reports come as events, not through a callback: then `rd_kafka_flush` and the transaction calls wait for this thread to serve them, instead
/// of running completions on the thread that flushes.
final class ProducerClient: Sendable {
    let handle: ClientHandle
    let room = QueueRoom()
    let context: ClientContext
    private let deliveries = Deliveries()

    private enum Phase: Sendable {
        case open
        case closing(Deadline)
        case closed
    }
    private struct State: Sendable {
        var phase = Phase.open
        var closers: [Answer<Void>] = []
    }
    private let state = Monitor(State())

    init(_ configuration: KafkaConfiguration, transactionalID: String?, logger: Logger) throws(KafkaError) {
        self.context = ClientContext(
            logger: logger,
            configuration: configuration,
            failed: { _ in }
        )
        self.handle = try ClientHandle(
            RD_KAFKA_PRODUCER,
            ClientSettings(configuration, .producer(transactionalID: transactionalID)),
            self.context,
            queue: .main
        )
        try OwnThread.start(name: "kafka-producer") { self.serve() }
    }

    // MARK: Sending

    /// Queues a record; see ``KafkaProducer/send(_:completion:)``.
    func send(_ record: ProducerRecord, completion: DeliveryCompletion?) throws(KafkaError) {
        let token = self.deliveries.register(completion)
        do throws(KafkaError) {
            try self.handle.use { client throws(KafkaError) in
                if case .closing = self.state.withLock({ $0.phase }) { throw .closed }
                let code = Self.produce(record, token: token, client)
                guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                    throw .of(code, client, "Sending a record to topic `\(record.topic)`")
                }
            }
        } catch {
            // Somebody else took the completion: the record was given up on closing, and its sender has been told.
            if completion != nil, self.deliveries.take(token) == nil { return }
            throw error
        }
    }

    private static func produce(_ record: ProducerRecord, token: UInt, _ client: OpaquePointer) -> rd_kafka_resp_err_t {
        var headers: OpaquePointer?
        if !record.headers.isEmpty {
            let list = rd_kafka_headers_new(record.headers.count)
            for header in record.headers {
                Self.withBytes(header.value) { bytes, count in
                    _ = rd_kafka_header_add(list, header.name, -1, bytes, count)
                }
            }
            headers = list
        }
        let code = Self.withBytes(record.key) { key, keyCount in
            Self.withBytes(record.value) { value, valueCount in
                crdkafka_produce(
                    client,
                    record.topic,
                    record.partition ?? RD_KAFKA_PARTITION_UA,
                    key,
                    keyCount,
                    value,
                    valueCount,
                    headers,
                    UnsafeMutableRawPointer(bitPattern: token)
                )
            }
        }
        if code != RD_KAFKA_RESP_ERR_NO_ERROR, let headers { rd_kafka_headers_destroy(headers) }
        return code
    }

    /// A null pointer for `nil` only: the library tells null from empty by it.
    private static func withBytes<Result>(_ bytes: [UInt8]?, _ body: (UnsafeRawPointer?, Int) -> Result) -> Result {
        guard let bytes else { return body(nil, 0) }
        guard !bytes.isEmpty else {
            var byte: UInt8 = 0
            return withUnsafeBytes(of: &byte) { body($0.baseAddress, 0) }
        }
        return bytes.withUnsafeBytes { body($0.baseAddress, $0.count) }
    }

    // MARK: The thread

    private func serve() {
        while true {
            let phase = self.state.withLock { $0.phase }
            guard case .closing(let deadline) = phase else {
                self.poll(atMost: .seconds(1))
                continue
            }
            if self.outstanding == 0 || deadline.hasPassed { break }
            // Lifts `linger.ms` for the time of the call; the reports are served below.
            try? self.handle.use { client throws(KafkaError) in _ = rd_kafka_flush(client, 1) }
            self.poll(atMost: .milliseconds(20))
        }
        self.giveUpRest()
        self.handle.close()
        // The library reports what it purged; this is for what it might have kept to itself.
        for completion in self.deliveries.takeAll() { completion(.failure(.closed)) }
        self.room.closed()
        let closers = self.state.update { state in
            state.phase = .closed
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resolve(.success(())) }
    }

    private var outstanding: Int32 {
        (try? self.handle.use { client throws(KafkaError) in rd_kafka_outq_len(client) }) ?? 0
    }

    private func giveUpRest() {
        guard self.outstanding > 0 else { return }
        try? self.handle.use { client throws(KafkaError) in
            _ = rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        }
        let deadline = Deadline(after: .seconds(5))
        while self.outstanding > 0, !deadline.hasPassed { self.poll(atMost: .milliseconds(20)) }
    }

    private func poll(atMost timeout: Duration) {
        let served = try? self.handle.withQueue { (client, queue) throws(KafkaError) -> Int in
            var served = 0
            var wait = timeout.timeoutMilliseconds
            while let event = rd_kafka_queue_poll(queue, wait) {
                self.handle(event, client)
                // Only now the records have left the queue.
                rd_kafka_event_destroy(event)
                served += 1
                if served == 64 { break }
                wait = 0
            }
            return served
        }
        if (served ?? 0) > 0 || self.outstanding == 0 { self.room.recordsLeft() }
    }

    private func handle(_ event: OpaquePointer, _ client: OpaquePointer) {
        switch rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_DR:
            while let message = rd_kafka_event_message_next(event) {
                let message = message.pointee
                guard let completion = self.deliveries.take(UInt(bitPattern: message._private)) else { continue }
                if message.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                    completion(.success((message.partition, message.offset)))
                } else {
                    let topic = message.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
                    completion(.failure(.of(message.err, client, "Delivering a record to topic `\(topic)`")))
                }
            }
        case RD_KAFKA_EVENT_ERROR:
            let code = rd_kafka_event_error(event)
            let detail = rd_kafka_event_error_string(event).map { self.context.redaction.apply(String(cString: $0)) }
            let isFatal = rd_kafka_event_error_is_fatal(event) != 0
            let error = KafkaError(code, "Talking to the brokers", detail: detail, isFatal: isFatal)
            self.context.logger.log(level: isFatal ? .error : .warning, "\(error)")
        case RD_KAFKA_EVENT_STATS:
            guard let text = rd_kafka_event_stats(event) else { break }
            self.context.statistics.take(UnsafeRawBufferPointer(start: text, count: strlen(text)))
        default:
            break
        }
    }

    // MARK: Closing

    /// Begins to close; the thread does the rest. Returns at once.
    func beginClosing(_ deadline: Deadline) {
        self.state.update { state in
            if case .open = state.phase { state.phase = .closing(deadline) }
        }
        self.handle.wake()
    }

    /// Closes, and waits until the instance and its threads are gone.
    func close(flushTimeout: Duration) async {
        self.beginClosing(Deadline(after: flushTimeout))
        let answer = Answer<Void>()
        let isClosed = self.state.withLock { state in
            if case .closed = state.phase { return true }
            state.closers.append(answer)
            return false
        }
        if isClosed { return }
        // Not cut short by cancellation: what follows relies on the end of this.
        try? await answer.wait(start: {}, cancelled: {})
    }

    /// Waits on the caller's thread, up to `timeout`; shorter when the producer is being closed.
    func pause(_ timeout: Duration) {
        _ = self.state.wait(atMost: timeout) { state -> Void? in
            if case .open = state.phase { return nil }
            return ()
        }
    }
}
