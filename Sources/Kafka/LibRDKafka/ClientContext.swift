import CRDKafka
import Logging

/// What the callbacks of one client instance need: the instance's opaque pointer leads here.
///
/// librdkafka's threads use it from the start of `rd_kafka_new` to the end of `rd_kafka_destroy`; ``ClientHandle`` keeps it alive that long.
final class ClientContext: Sendable {
    let logger: Logger
    let redaction: Redaction
    /// Called on the thread that polls the client.
    let failed: @Sendable (KafkaError) -> Void
    /// Called on the thread that polls the client, with a partition list that is only valid during the call.
    let rebalance: (@Sendable (rd_kafka_resp_err_t, OpaquePointer, PartitionList) -> Void)?
    /// Of a group's member: told on librdkafka's threads when it joins.
    let rejoins: RejoinWatch?
    /// Where bearer tokens come from, if it isn't librdkafka that fetches them.
    let tokens: KafkaSecurity.TokenSource?
    let statistics = StatisticsBox()

    init(
        logger: Logger,
        configuration: KafkaConfiguration,
        failed: @escaping @Sendable (KafkaError) -> Void,
        rebalance: (@Sendable (rd_kafka_resp_err_t, OpaquePointer, PartitionList) -> Void)? = nil,
        rejoins: RejoinWatch? = nil
    ) {
        self.logger = logger
        self.redaction = Redaction(configuration.allProperties)
        self.tokens = configuration.security.sasl?.token
        self.failed = failed
        self.rebalance = rebalance
        self.rejoins = rejoins
    }

    static func of(_ client: OpaquePointer?) -> ClientContext? {
        guard let client, let opaque = rd_kafka_opaque(client) else { return nil }
        return Unmanaged<ClientContext>.fromOpaque(opaque).takeUnretainedValue()
    }
}

// The callbacks. File-level functions, so that they carry no isolation: librdkafka calls them on its own threads, or on the one that polls.

/// Any of librdkafka's threads, from within `rd_kafka_new` to the end of `rd_kafka_destroy`.
func kafkaLogCallback(
    _ client: OpaquePointer?,
    _ level: Int32,
    _ facility: UnsafePointer<CChar>?,
    _ text: UnsafePointer<CChar>?
) {
    guard let context = ClientContext.of(client), let facility, let text else { return }
    let facilityName = String(cString: facility)
    let message = String(cString: text)
    let loggerLevel = kafkaLogLevel(level, facility: facilityName, message: message)
    guard context.logger.logLevel <= loggerLevel else { return }
    context.logger.log(
        level: loggerLevel,
        "\(context.redaction.apply(message))",
        metadata: ["librdkafka": "\(facilityName)"]
    )
}

/// Maps syslog's levels to ours, and lowers what is said elsewhere already.
func kafkaLogLevel(_ level: Int32, facility: String, message: String) -> Logger.Level {
    switch facility {
    // Each attempt to connect that fails; the error callback reports the state once.
    case "FAIL", "ERROR": return .debug
    // One set of properties serves all clients, so each is told about those of the others.
    case "CONFWARN" where message.contains("property and will be ignored"): return .debug
    default: break
    }
    switch level {
    case ...2: return .critical
    case 3: return .error
    case 4: return .warning
    case 5: return .notice
    case 6: return .info
    default: return .debug
    }
}

/// The thread that polls the client.
func kafkaErrorCallback(
    _ client: OpaquePointer?,
    _ code: Int32,
    _ text: UnsafePointer<CChar>?,
    _ opaque: UnsafeMutableRawPointer?
) {
    guard let client, let context = ClientContext.of(client) else { return }
    let error =
        if code == RD_KAFKA_RESP_ERR__FATAL.rawValue, let fatal = KafkaError.fatal(of: client, "The Kafka client") {
            fatal
        } else {
            KafkaError(
                rd_kafka_resp_err_t(rawValue: code),
                "Talking to the brokers",
                detail: text.map { context.redaction.apply(String(cString: $0)) }
            )
        }
    context.failed(error)
}

/// The thread that polls the client. Zero: librdkafka frees the text.
func kafkaStatisticsCallback(
    _ client: OpaquePointer?,
    _ text: UnsafeMutablePointer<CChar>?,
    _ count: Int,
    _ opaque: UnsafeMutableRawPointer?
) -> Int32 {
    guard let context = ClientContext.of(client), let text else { return 0 }
    context.statistics.take(UnsafeRawBufferPointer(start: text, count: count))
    return 0
}

/// The consumer's own thread: it only runs inside the calls that poll.
func kafkaRebalanceCallback(
    _ client: OpaquePointer?,
    _ code: rd_kafka_resp_err_t,
    _ partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
    _ opaque: UnsafeMutableRawPointer?
) {
    guard let client, let context = ClientContext.of(client), let rebalance = context.rebalance else { return }
    rebalance(code, client, PartitionList(borrowing: partitions))
}
