import CRDKafka

extension KafkaError {
    /// The error for one of librdkafka's or the broker's codes.
    ///
    /// - Parameters:
    ///   - action: what was tried, as the start of a sentence ("Committing offsets of group `a`").
    ///   - detail: the library's own words where it has better ones than the code's; must hold no secret.
    ///   - isRetriable: and the other flags: what the library said of this very error; `nil` decides by the code.
    init(
        _ code: rd_kafka_resp_err_t,
        _ action: String,
        detail: String? = nil,
        isRetriable: Bool? = nil,
        isFatal: Bool? = nil,
        requiresAbort: Bool = false
    ) {
        let reason = detail.flatMap { $0.isEmpty ? nil : $0 } ?? String(cString: rd_kafka_err2str(code))
        let advice = Self.advice(for: code).map { " \($0)" } ?? ""
        self.init(
            code: Self.stableCode(code),
            number: code.rawValue,
            message: "\(action) failed: \(reason.hasSuffix(".") ? reason : reason + ".")\(advice)",
            isRetriable: isRetriable ?? Self.retriableCodes.contains(code),
            isFatal: isFatal ?? Self.fatalCodes.contains(code),
            requiresAbort: requiresAbort
        )
    }

    /// Takes over and frees an error object.
    init(consuming error: OpaquePointer, _ action: String) {
        self.init(
            rd_kafka_error_code(error),
            action,
            detail: String(cString: rd_kafka_error_string(error)),
            isRetriable: rd_kafka_error_is_retriable(error) != 0,
            isFatal: rd_kafka_error_is_fatal(error) != 0,
            requiresAbort: rd_kafka_error_txn_requires_abort(error) != 0
        )
        rd_kafka_error_destroy(error)
    }

    /// The fatal error that a client instance has raised, if there is one.
    static func fatal(of client: OpaquePointer, _ action: String) -> KafkaError? {
        var text = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(client, &text, text.count)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(code, action, detail: String(terminated: text), isRetriable: false, isFatal: true)
    }

    /// The error for `code`, or what hides behind it when it only says that the instance died of a fatal error.
    static func of(_ code: rd_kafka_resp_err_t, _ client: OpaquePointer, _ action: String) -> KafkaError {
        if code == RD_KAFKA_RESP_ERR__FATAL, let fatal = Self.fatal(of: client, action) { return fatal }
        return KafkaError(code, action)
    }

    /// `kafka.` and the name of the code in lower case; the underscore that marks librdkafka's own codes is dropped.
    static func stableCode(_ code: rd_kafka_resp_err_t) -> String {
        let name = String(cString: rd_kafka_err2name(code)).lowercased()
        return "kafka." + name.drop(while: { $0 == "_" })
    }

    /// Codes after which the same call may succeed: those of Java's `RetriableException`, and the library's for "not now".
    private static let retriableCodes: Set<rd_kafka_resp_err_t> = [
        RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
        RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__QUEUE_FULL,
        RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__IN_PROGRESS, RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS,
        RD_KAFKA_RESP_ERR__RETRY, RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__WAIT_CACHE,
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
        RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
        RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
    ]

    /// Codes that end a client instance wherever they turn up.
    private static let fatalCodes: Set<rd_kafka_resp_err_t> = [
        RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
        RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
    ]

    /// What a person can do about it.
    private static func advice(for code: rd_kafka_resp_err_t) -> String? {
        switch code {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            "Create the topic, or check its name and the right to describe it."
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            "Grant this principal the right with `kafka-acls`."
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
            "Check `bootstrap.servers`, and that the brokers are up and their advertised addresses reachable."
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
            "Check the `sasl.*` properties."
        case RD_KAFKA_RESP_ERR__SSL:
            "Check the `ssl.*` properties and the brokers' certificates."
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            "Raise `message.max.bytes` here and `max.message.bytes` of the topic, or send less."
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            "Wait until records have been acknowledged, or raise `queue.buffering.max.messages`."
        case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
            "Another member runs with the same `group.instance.id`: give each its own."
        case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
            "A newer producer runs with the same `transactional.id`, or the transaction timed out: open a new producer."
        case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
            "Raise `max.poll.interval.ms`, or do less between polls."
        case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
            "Fewer replicas are in sync than `min.insync.replicas` asks for."
        default: nil
        }
    }
}

extension rd_kafka_resp_err_t: @retroactive Hashable {}

extension String {
    /// The text up to the first zero byte of a C buffer.
    init(terminated buffer: [CChar]) {
        self.init(decoding: buffer.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
