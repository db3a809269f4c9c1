import Foundation
import Kafka
import Lab
import Logging
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// Waits for a condition; fails the test when it isn't met in time.
func until(
    _ what: Comment,
    within timeout: Duration = .seconds(30),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now.advanced(by: timeout)
    while try !condition() {
        if ContinuousClock.now > deadline {
            Issue.record("Not within \(timeout): \(what)", sourceLocation: sourceLocation)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

let quietLogger: Logger = {
    var logger = Logger(label: "kafka-tests")
    logger.logLevel =
        ProcessInfo.processInfo.environment["KAFKA_TEST_LOG"].flatMap(Logger.Level.init(rawValue:)) ?? .critical
    return logger
}()

extension KafkaConfiguration {
    /// For tests: an idle fetch is held for a short while only, and the properties of the test on top.
    static func test(_ bootstrapServers: String, _ properties: [String: String] = [:]) -> KafkaConfiguration {
        KafkaConfiguration(
            bootstrapServers: bootstrapServers,
            properties: ["fetch.wait.max.ms": "10"].merging(properties) { $1 }
        )
    }
}

/// Keeps what it is told, and can be given something to do on the consumer's thread.
final class RecordingDelegate: KafkaConsumerDelegate {
    enum Event: Sendable, Equatable {
        case assigned([CommittedOffset], Int)
        case revoking([TopicPartition], Int)
        case lost([TopicPartition], Int)
    }
    struct State: Sendable {
        var events: [Event] = []
        var records: [KafkaRecord] = []
        var failures: [KafkaError] = []
        var polls = 0
    }
    let state = NIOLockedValueBox(State())
    let onAssigned: @Sendable (KafkaConsumer, [CommittedOffset]) -> Void
    let onRevoking: @Sendable (KafkaConsumer, [TopicPartition]) -> Void
    let onReceived: @Sendable (KafkaConsumer, [KafkaRecord]) -> Void

    init(
        onAssigned: @escaping @Sendable (KafkaConsumer, [CommittedOffset]) -> Void = { _, _ in },
        onRevoking: @escaping @Sendable (KafkaConsumer, [TopicPartition]) -> Void = { _, _ in },
        onReceived: @escaping @Sendable (KafkaConsumer, [KafkaRecord]) -> Void = { _, _ in }
    ) {
        self.onAssigned = onAssigned
        self.onRevoking = onRevoking
        self.onReceived = onReceived
    }

    var records: [KafkaRecord] { self.state.withLockedValue { $0.records } }
    var events: [Event] { self.state.withLockedValue { $0.events } }
    var failures: [KafkaError] { self.state.withLockedValue { $0.failures } }
    var values: [String] { self.records.map { String(decoding: $0.value ?? [], as: UTF8.self) } }
    var assigned: [CommittedOffset] {
        self.events.flatMap { event -> [CommittedOffset] in
            if case .assigned(let offsets, _) = event { return offsets }
            return []
        }
    }

    func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
        self.onAssigned(consumer, partitions)
        self.state.withLockedValue { $0.events.append(.assigned(partitions, rebalance)) }
    }

    func consumer(_ consumer: KafkaConsumer, revoking partitions: [TopicPartition], rebalance: Int) {
        self.onRevoking(consumer, partitions)
        self.state.withLockedValue { $0.events.append(.revoking(partitions, rebalance)) }
    }

    func consumer(_ consumer: KafkaConsumer, lost partitions: [TopicPartition], rebalance: Int) {
        self.state.withLockedValue { $0.events.append(.lost(partitions, rebalance)) }
    }

    func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {
        // First what is to be done, so that a test that sees the record knows it done.
        self.onReceived(consumer, records)
        self.state.withLockedValue { $0.records += records }
    }

    func consumerPolled(_ consumer: KafkaConsumer) {
        self.state.withLockedValue { $0.polls += 1 }
    }

    func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {
        self.state.withLockedValue { $0.failures.append(error) }
    }
}

/// Runs a consumer while `body` runs, then stops it in order. Throws what either throws.
func withConsumer<Value: Sendable>(
    _ configuration: KafkaConfiguration,
    group: KafkaConsumer.Group,
    topics: [String],
    delegate: RecordingDelegate,
    _ body: (KafkaConsumer) async throws -> Value
) async throws -> Value {
    let consumer = try KafkaConsumer(
        configuration,
        group: group,
        topics: topics,
        delegate: delegate,
        logger: quietLogger
    )
    async let run: Void = consumer.run()
    do {
        let value = try await body(consumer)
        consumer.stop()
        try await run
        return value
    } catch {
        consumer.stop()
        _ = try? await run
        throw error
    }
}

/// A broker behind the proxy that coordinates its groups, with topics of the given partition counts.
func withBroker<Value: Sendable>(
    topics: [String: Int32],
    _ body: (KafkaConfiguration, KafkaAdmin) async throws -> Value
) async throws -> Value {
    try await TestBroker.with { broker in
        let proxy = try await BrokerProxy.start(
            upstreamHost: "127.0.0.1", upstreamPort: broker.port, logger: quietLogger)
        let result: Result<Value, any Error>
        do {
            result = .success(try await withTopics(topics, on: proxy, body))
        } catch {
            result = .failure(error)
        }
        await proxy.stop()
        return try result.get()
    }
}

private func withTopics<Value: Sendable>(
    _ topics: [String: Int32],
    on proxy: BrokerProxy,
    _ body: (KafkaConfiguration, KafkaAdmin) async throws -> Value
) async throws -> Value {
    let configuration = KafkaConfiguration.test(proxy.bootstrapServers)
    let admin = try KafkaAdmin(configuration, logger: quietLogger)
    _ = try await admin.create(
        topics.map { KafkaAdmin.Topic(name: $0.key, partitions: $0.value, replicationFactor: 1) })
    do {
        let value = try await body(configuration, admin)
        await admin.close()
        return value
    } catch {
        await admin.close()
        throw error
    }
}

func withProducer<Value>(
    _ configuration: KafkaConfiguration,
    transactionalID: String? = nil,
    _ body: (KafkaProducer) async throws -> Value
) async throws -> Value {
    let producer = try KafkaProducer(configuration, transactionalID: transactionalID, logger: quietLogger)
    do {
        let value = try await body(producer)
        await producer.close()
        return value
    } catch {
        await producer.close(flushTimeout: .zero)
        throw error
    }
}

extension ProducerRecord {
    static func text(_ topic: String, _ value: String, key: String? = nil, partition: Int32? = nil) -> ProducerRecord {
        ProducerRecord(topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: Array(value.utf8))
    }
}

/// Runs blocking calls off the pool, as their documentation asks for.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result { try body() }) }.start()
    }
}
