import CRDKafka
import NIOConcurrencyHelpers

/// Knows when a consumer has asked to join its group again and has not been told its assignment yet.
///
/// In that time no commit may be under way. The coordinator counts the generation up when the last member has joined (KIP-62), and refuses a
/// commit of the generation before; librdkafka takes that refusal for the loss of everything that the member owns, so a commit at the wrong
/// moment would cost all sessions of partitions that stay. Requests of one connection are answered in order: what was sent before JoinGroup is
/// safe, and after the answer to SyncGroup the new generation is in use.
///
/// Follows the requests themselves, through librdkafka's interceptors: there is no callback for the beginning of a rebalance.
final class RejoinWatch: Sendable {
    private let joiningSince = Monitor<ContinuousClock.Instant?>(nil)
    private let lastAnswer = NIOLockedValueBox<ContinuousClock.Instant?>(nil)
    private let everJoined = NIOLockedValueBox(false)
    /// Longer than that no join takes: the coordinator has forgotten the member then.
    private let limit: Duration

    init(limit: Duration) { self.limit = limit }

    /// Whether it has ever asked to join.
    var hasJoined: Bool { self.everJoined.withLockedValue { $0 } }

    /// Waits until no join is under way, for a while at most. Blocks.
    ///
    /// - Returns: whether none is.
    func waitUntilSettled(atMost timeout: Duration) -> Bool {
        self.joiningSince.wait(atMost: timeout) { self.isSettled($0) ? true : nil } ?? false
    }

    private func isSettled(_ since: ContinuousClock.Instant?) -> Bool {
        since.map { $0.duration(to: .now) >= self.limit } ?? true
    }

    fileprivate func sent(_ key: Int16) {
        guard key == Self.joinGroup else { return }
        self.everJoined.withLockedValue { $0 = true }
        self.joiningSince.update { $0 = .now }
    }

    /// Since a broker last answered anything; `nil` before the first answer. A member hears of its coordinator every few seconds.
    var sinceAnswer: Duration? { self.lastAnswer.withLockedValue { $0 }.map { .now - $0 } }

    fileprivate func answered() { self.lastAnswer.withLockedValue { $0 = .now } }

    fileprivate func received(_ key: Int16) {
        if key == Self.syncGroup { self.joiningSince.update { $0 = nil } }
    }

    /// Numbers of the Kafka protocol's requests.
    private static let joinGroup: Int16 = 11
    private static let syncGroup: Int16 = 14

    /// Makes the client that is opened with these settings tell this watch, which must live as long as the client does.
    func install(in configuration: OpaquePointer) {
        rd_kafka_conf_interceptor_add_on_new(
            configuration, "tether", rejoinWatchOnNew, Unmanaged.passUnretained(self).toOpaque())
    }
}

// Interceptors. File-level functions, so that they carry no isolation: librdkafka calls them on its brokers' threads.

private func rejoinWatchOnNew(
    _ client: OpaquePointer?,
    _ configuration: OpaquePointer?,
    _ opaque: UnsafeMutableRawPointer?,
    _ text: UnsafeMutablePointer<CChar>?,
    _ size: Int
) -> rd_kafka_resp_err_t {
    rd_kafka_interceptor_add_on_request_sent(client, "tether", rejoinWatchOnRequestSent, opaque)
    return rd_kafka_interceptor_add_on_response_received(client, "tether", rejoinWatchOnResponse, opaque)
}

private func rejoinWatchOnRequestSent(
    _ client: OpaquePointer?,
    _ socket: Int32,
    _ broker: UnsafePointer<CChar>?,
    _ brokerID: Int32,
    _ key: Int16,
    _ version: Int16,
    _ correlation: Int32,
    _ size: Int,
    _ opaque: UnsafeMutableRawPointer?
) -> rd_kafka_resp_err_t {
    if let opaque { Unmanaged<RejoinWatch>.fromOpaque(opaque).takeUnretainedValue().sent(key) }
    return RD_KAFKA_RESP_ERR_NO_ERROR
}

private func rejoinWatchOnResponse(
    _ client: OpaquePointer?,
    _ socket: Int32,
    _ broker: UnsafePointer<CChar>?,
    _ brokerID: Int32,
    _ key: Int16,
    _ version: Int16,
    _ correlation: Int32,
    _ size: Int,
    _ roundTrip: Int64,
    _ error: rd_kafka_resp_err_t,
    _ opaque: UnsafeMutableRawPointer?
) -> rd_kafka_resp_err_t {
    guard let opaque else { return RD_KAFKA_RESP_ERR_NO_ERROR }
    let watch = Unmanaged<RejoinWatch>.fromOpaque(opaque).takeUnretainedValue()
    watch.received(key)
    if error == RD_KAFKA_RESP_ERR_NO_ERROR { watch.answered() }
    return RD_KAFKA_RESP_ERR_NO_ERROR
}
