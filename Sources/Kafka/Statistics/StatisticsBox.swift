import NIOConcurrencyHelpers

/// The last statistics of one client, as librdkafka wrote them: read only when somebody asks.
final class StatisticsBox: Sendable {
    private let text = NIOLockedValueBox<[UInt8]?>(nil)

    /// On the thread that polls the client.
    func take(_ bytes: UnsafeRawBufferPointer) {
        let copy = Array(bytes)
        self.text.withLockedValue { $0 = copy }
    }

    var latest: KafkaStatistics? {
        self.text.withLockedValue { $0 }.flatMap { KafkaStatistics(json: $0) }
    }
}
