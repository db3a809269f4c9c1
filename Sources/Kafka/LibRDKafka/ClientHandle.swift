import CRDKafka

/// Owns a client instance (`rd_kafka_t`).
///
/// librdkafka's calls are safe from any thread, but destroying the instance while another thread is inside a call is not. So every call
/// goes through ``use(_:)``, which counts those inside, and ``close(immediately:)`` waits for them before it destroys.
final class ClientHandle: @unchecked Sendable {
    // @unchecked: the pointers never change; what they point to is only used inside `use`, and freed once, after the last use.
    private let pointer: OpaquePointer
    private let context: Unmanaged<ClientContext>
    /// The queue that the owner polls: the main queue of a producer, a consumer's queue, a queue of their own for the others.
    private let queue: OpaquePointer

    private struct Usage: Sendable {
        var calls = 0
        var isClosing = false
        var isClosed = false
    }
    private let usage = Monitor(Usage())

    /// Which of librdkafka's queues ``withQueue(_:)`` gives.
    enum Queue {
        /// Delivery reports and errors, as events.
        case main
        /// Records, errors and rebalances of a group member.
        case consumer
        /// A new one.
        case own
    }

    /// - Throws: `kafka.invalid_config`.
    init(
        _ type: rd_kafka_type_t,
        _ settings: ClientSettings,
        _ context: ClientContext,
        queue: Queue
    ) throws(KafkaError) {
        let retained = Unmanaged.passRetained(context)
        rd_kafka_conf_set_opaque(settings.pointer, retained.toOpaque())
        rd_kafka_conf_set_log_cb(settings.pointer, kafkaLogCallback)
        switch queue {
        case .main:
            rd_kafka_conf_set_events(
                settings.pointer, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS)
        case .consumer, .own:
            rd_kafka_conf_set_error_cb(settings.pointer, kafkaErrorCallback)
            rd_kafka_conf_set_stats_cb(settings.pointer, kafkaStatisticsCallback)
        }
        if context.rebalance != nil { rd_kafka_conf_set_rebalance_cb(settings.pointer, kafkaRebalanceCallback) }

        if context.tokens != nil {
            // On librdkafka's own thread: producers and readers here poll no queue that the request could come by.
            rd_kafka_conf_set_oauthbearer_token_refresh_cb(settings.pointer, kafkaTokenRefreshCallback)
            rd_kafka_conf_enable_sasl_queue(settings.pointer, 1)
        }
        // The context outlives the client.
        context.rejoins?.install(in: settings.pointer)

        var text = [CChar](repeating: 0, count: 512)
        guard let pointer = rd_kafka_new(type, settings.pointer, &text, text.count) else {
            retained.release()
            throw .invalidConfiguration(
                "Opening a Kafka client failed: \(context.redaction.apply(String(terminated: text))). Check the Kafka properties."
            )
        }
        settings.handOver()
        self.pointer = pointer
        self.context = retained
        if context.tokens != nil, let error = rd_kafka_sasl_background_callbacks_enable(pointer) {
            // Without it no token is ever asked for, and no broker lets the client in; the log says so.
            context.logger.error("bearer tokens can't be renewed: \(String(cString: rd_kafka_error_string(error)))")
            rd_kafka_error_destroy(error)
        }
        switch queue {
        case .main: self.queue = rd_kafka_queue_get_main(pointer)
        case .consumer:
            // Without this, errors would pile up on the main queue, which nobody polls.
            rd_kafka_poll_set_consumer(pointer)
            self.queue = rd_kafka_queue_get_consumer(pointer)
        case .own: self.queue = rd_kafka_queue_new(pointer)
        }
    }

    deinit {
        self.close()
    }

    /// Calls librdkafka. Keep the pointer inside.
    /// - Throws: `kafka.closed`, and what `body` throws.
    func use<Result>(_ body: (OpaquePointer) throws(KafkaError) -> Result) throws(KafkaError) -> Result {
        let isOpen = self.usage.withLock { usage in
            if usage.isClosing { return false }
            usage.calls += 1
            return true
        }
        guard isOpen else { throw .closed }
        defer { self.usage.update { $0.calls -= 1 } }
        return try body(self.pointer)
    }

    /// The same with the queue that the owner polls.
    func withQueue<Result>(
        _ body: (_ client: OpaquePointer, _ queue: OpaquePointer) throws(KafkaError) -> Result
    ) throws(KafkaError) -> Result {
        try self.use { client throws(KafkaError) in try body(client, self.queue) }
    }

    /// Makes a poll of the queue that blocks return early (or the next one, when none does now).
    func wake() {
        try? self.withQueue { (_, queue) throws(KafkaError) in rd_kafka_queue_yield(queue) }
    }

    /// Waits for the calls that are under way, then destroys the instance and joins its threads. Blocks; idempotent. Not from inside ``use(_:)``.
    ///
    /// librdkafka 2.0.2 may wait for ever for its own threads when no broker can be reached any more. Who waits for it goes on after a while: what is left
    /// then ends with the process, whose end must not hang on it.
    ///
    /// - Parameter immediately: skip the consumer's orderly departure (it has been done, or has failed).
    func close(immediately: Bool = false) {
        let isFirst = self.usage.update { usage in
            defer { usage.isClosing = true }
            return !usage.isClosing
        }
        guard isFirst else {
            _ = self.usage.wait(atMost: .seconds(3_600)) { $0.isClosed ? true : nil }
            return
        }
        while self.usage.wait(atMost: .seconds(60), until: { $0.calls == 0 ? true : nil }) == nil {}
        rd_kafka_queue_destroy(self.queue)
        // Nobody else uses them from here on.
        nonisolated(unsafe) let pointer = self.pointer
        let context = self.context
        let isGone = Monitor(false)
        let destroy: @Sendable () -> Void = {
            rd_kafka_destroy_flags(pointer, immediately ? RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE : 0)
            context.release()
            isGone.update { $0 = true }
        }
        let logger = context.takeUnretainedValue().logger
        do throws(KafkaError) {
            try OwnThread.start(name: "kafka-destroy", destroy)
        } catch {
            destroy()
        }
        if isGone.wait(atMost: Self.patience, until: { $0 ? true : nil }) == nil {
            logger.warning("a Kafka client doesn't end; what is left of it ends with the process")
        }
        self.usage.update { $0.isClosed = true }
    }

    private static let patience = Duration.seconds(15)
}
