import NIOConcurrencyHelpers

/// What to tell the sender of a record.
typealias DeliveryCompletion = @Sendable (Result<(partition: Int32, offset: Int64), KafkaError>) -> Void

/// The records that wait for their delivery report, each under a number that travels through librdkafka in the place of a pointer.
///
/// A number can't dangle: a report that comes twice, late, or never can neither crash nor complete twice.
final class Deliveries: Sendable {
    private struct State: Sendable {
        var next: UInt = 1
        var waiting: [UInt: DeliveryCompletion] = [:]
    }
    private let state = NIOLockedValueBox(State())

    /// 0 when nobody wants to know.
    func register(_ completion: DeliveryCompletion?) -> UInt {
        guard let completion else { return 0 }
        return self.state.withLockedValue { state in
            let token = state.next
            state.next += 1
            state.waiting[token] = completion
            return token
        }
    }

    /// The completion, for whoever asks first.
    func take(_ token: UInt) -> DeliveryCompletion? {
        guard token != 0 else { return nil }
        return self.state.withLockedValue { $0.waiting.removeValue(forKey: token) }
    }

    func takeAll() -> [DeliveryCompletion] {
        self.state.withLockedValue { state in
            defer { state.waiting = [:] }
            return state.waiting.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
