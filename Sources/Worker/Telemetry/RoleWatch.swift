import Kafka
import NIOConcurrencyHelpers

/// Stands between a consumer and the part of the worker that it serves: knows when the consumer's thread last turned, and counts rebalances.
final class RoleWatch: KafkaConsumerDelegate {
    private struct State: Sendable {
        /// `nil` before the first poll.
        var lastTurn: ContinuousClock.Instant?
        var partitions = 0
    }

    private let role: WorkerConfiguration.Role
    private let delegate: any KafkaConsumerDelegate
    private let metrics: WorkerMetrics
    private let state = NIOLockedValueBox(State())

    init(_ role: WorkerConfiguration.Role, _ delegate: any KafkaConsumerDelegate, _ metrics: WorkerMetrics) {
        self.role = role
        self.delegate = delegate
        self.metrics = metrics
    }

    /// - Parameter sessionTimeout: nobody who hears nothing for that long is a member still.
    func status(_ consumer: KafkaConsumer, sessionTimeout: Duration) -> WorkerStatus.Membership {
        let state = self.state.withLockedValue { $0 }
        return WorkerStatus.Membership(
            role: self.role,
            hasJoined: consumer.hasJoined,
            partitions: state.partitions,
            sinceTurn: state.lastTurn.map { .now - $0 },
            sinceAnswer: consumer.sinceAnswer,
            isReachable: consumer.sinceAnswer.map { $0 < sessionTimeout } ?? false
        )
    }

    private func turned() { self.state.withLockedValue { $0.lastTurn = .now } }

    func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
        self.metrics.rebalanced(self.role, .assigned)
        self.state.withLockedValue { $0.partitions += partitions.count }
        self.delegate.consumer(consumer, assigned: partitions, rebalance: rebalance)
        self.turned()
    }

    func consumer(_ consumer: KafkaConsumer, revoking partitions: [TopicPartition], rebalance: Int) {
        self.metrics.rebalanced(self.role, .revoked)
        let start = ContinuousClock.now
        self.delegate.consumer(consumer, revoking: partitions, rebalance: rebalance)
        self.metrics.drainDuration.record(duration: .now - start)
        self.state.withLockedValue { $0.partitions -= partitions.count }
        self.turned()
    }

    func consumer(_ consumer: KafkaConsumer, lost partitions: [TopicPartition], rebalance: Int) {
        self.metrics.rebalanced(self.role, .lost)
        self.delegate.consumer(consumer, lost: partitions, rebalance: rebalance)
        self.state.withLockedValue { $0.partitions -= partitions.count }
        self.turned()
    }

    func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {
        self.delegate.consumer(consumer, received: records)
    }

    func consumerPolled(_ consumer: KafkaConsumer) {
        self.turned()
        self.delegate.consumerPolled(consumer)
    }

    func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {
        self.metrics.kafkaFailed(self.role)
        self.delegate.consumer(consumer, failed: error)
    }
}
