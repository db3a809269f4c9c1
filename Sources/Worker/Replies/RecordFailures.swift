import Kafka
import NIOConcurrencyHelpers

/// Which records of a transaction can never be written as they are, and why. Filled on the producer's thread.
final class RecordFailures: Sendable {
    private let reasons = NIOLockedValueBox<[Int: KafkaError]>([:])

    func note(_ index: Int, _ error: KafkaError) {
        guard error.isLasting else { return }
        self.reasons.withLockedValue { $0[index] = error }
    }

    subscript(index: Int) -> KafkaError? { self.reasons.withLockedValue { $0[index] } }

    var all: [Int: KafkaError] { self.reasons.withLockedValue { $0 } }
}
