import Kafka
import Logging
import NIOConcurrencyHelpers

/// A member that joins a consumer group for a moment, so that the group shares its partitions out anew.
///
/// Partitions that are added to a topic are noticed by the member that leads the group, and that one may look for them every five minutes only
/// (`topic.metadata.refresh.interval.ms`). A static leader that was away meanwhile never notices: it doesn't know that it leads (KIP-814; librdkafka speaks the
/// version before). What the other members see changes nothing. A guest's join and its leave do. It subscribes to another topic, so that it is
/// given nothing that anybody else has.
final class Guest: KafkaConsumerDelegate {
    private let isIn = NIOLockedValueBox(false)

    /// Joins and leaves; takes half a minute at most.
    static func visit(_ group: String, of configuration: WorkerConfiguration, logger: Logger) async throws {
        let guest = Guest()
        let member = try KafkaConsumer(
            configuration.kafka,
            group: .init(id: group, sessionTimeout: configuration.sessionTimeout),
            topics: [configuration.topics.control],
            delegate: guest,
            logger: logger
        )
        async let run: Void = member.run()
        let deadline = ContinuousClock.now + .seconds(30)
        while !guest.isIn.withLockedValue({ $0 }), !Task.isCancelled, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(50))
        }
        member.stop()
        try await run
    }

    func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
        self.isIn.withLockedValue { $0 = true }
    }
    func consumer(_ consumer: KafkaConsumer, revoking partitions: [TopicPartition], rebalance: Int) {}
    func consumer(_ consumer: KafkaConsumer, lost partitions: [TopicPartition], rebalance: Int) {}
    func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {}
    func consumerPolled(_ consumer: KafkaConsumer) {}
    func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {}
}
