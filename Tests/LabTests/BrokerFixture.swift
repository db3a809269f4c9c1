import Kafka
import Lab
import Logging
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// A broker process behind the proxy, and librdkafka's consumers on it.
enum BrokerFixture {
    static let logger: Logger = {
        var logger = Logger(label: "lab-tests")
        logger.logLevel = .critical
        return logger
    }()

    /// What a group's member has been told.
    final class Owner: KafkaConsumerDelegate {
        enum Event: Equatable {
            case assigned(Set<Kafka.TopicPartition>)
            case revoked(Set<Kafka.TopicPartition>)
            case lost(Set<Kafka.TopicPartition>)
        }
        private let state = NIOLockedValueBox<(events: [Event], offsets: [CommittedOffset])>(([], []))

        var events: [Event] { state.withLockedValue { $0.events } }
        /// With the offsets that it began with.
        var assigned: [CommittedOffset] { state.withLockedValue { $0.offsets } }

        func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
            state.withLockedValue { state in
                state.offsets += partitions
                state.events.append(.assigned(Set(partitions.map(\.topicPartition))))
            }
        }
        func consumer(_ consumer: KafkaConsumer, revoking partitions: [Kafka.TopicPartition], rebalance: Int) {
            state.withLockedValue { $0.events.append(.revoked(Set(partitions))) }
        }
        func consumer(_ consumer: KafkaConsumer, lost partitions: [Kafka.TopicPartition], rebalance: Int) {
            state.withLockedValue { $0.events.append(.lost(Set(partitions))) }
        }
        func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {}
        func consumerPolled(_ consumer: KafkaConsumer) {}
        func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {}
    }

    /// - Parameter topics: partitions of each.
    static func withProxy(
        topics: [String: Int32],
        _ body: (TestBroker, BrokerProxy, KafkaConfiguration) async throws -> Void
    ) async throws {
        try await TestBroker.with { broker in
            let proxy = try await BrokerProxy.start(
                upstreamHost: "127.0.0.1", upstreamPort: broker.port, logger: logger)
            let configuration = KafkaConfiguration(
                bootstrapServers: proxy.bootstrapServers, properties: ["fetch.wait.max.ms": "50"])
            do {
                let admin = try KafkaAdmin(configuration, logger: logger)
                _ = try await admin.create(
                    topics.map { .init(name: $0.key, partitions: $0.value, replicationFactor: 1) })
                await admin.close()
                try await body(broker, proxy, configuration)
            } catch {
                await proxy.stop()
                throw error
            }
            await proxy.stop()
        }
    }

    static func withMember(
        _ configuration: KafkaConfiguration, _ group: KafkaConsumer.Group, topic: String,
        _ body: (KafkaConsumer, Owner) async throws -> Void
    ) async throws {
        let owner = Owner()
        let consumer = try KafkaConsumer(
            configuration, group: group, topics: [topic], delegate: owner, logger: logger)
        async let run: Void = consumer.run()
        do {
            try await body(consumer, owner)
        } catch {
            consumer.stop()
            _ = try? await run
            throw error
        }
        consumer.stop()
        // A member that was removed on purpose may end with an error.
        _ = try? await run
    }

    static func until(_ what: Comment, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while try await !condition() {
            try #require(ContinuousClock.now < deadline, what)
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
