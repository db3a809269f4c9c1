import Foundation
import Kafka
import Lab
import Logging
import TestSupport
import Testing
import Worker

/// One broker for the whole suite, behind the proxy that makes it behave; each test has topics and groups of its own on it.
final class Cluster: Sendable {
    @TaskLocal private static var suites: Cluster?

    /// The cluster of the suite that runs.
    static var current: Cluster {
        get throws { try #require(Self.suites, "the test is not in a suite with the trait `.cluster`") }
    }

    let bootstrapServers: String
    let leash: Leash
    let admin: KafkaAdmin
    let producer: KafkaProducer
    private let broker: TestBroker
    private let proxy: BrokerProxy

    var configuration: KafkaConfiguration { KafkaConfiguration(bootstrapServers: self.bootstrapServers) }

    private init() async throws {
        let broker = try await TestBroker.start()
        do {
            let proxy = try await BrokerProxy.start(
                upstreamHost: "127.0.0.1", upstreamPort: broker.port, logger: Self.logger)
            self.broker = broker
            self.proxy = proxy
            self.bootstrapServers = proxy.bootstrapServers
            let configuration = KafkaConfiguration(bootstrapServers: proxy.bootstrapServers)
            self.leash = try Leash()
            self.admin = try KafkaAdmin(configuration, logger: Self.logger)
            self.producer = try KafkaProducer(configuration, logger: Self.logger)
        } catch {
            await broker.stop()
            throw error
        }
    }

    private func stop() async {
        await self.producer.close()
        await self.admin.close()
        await self.leash.drop()
        await self.proxy.stop()
        await self.broker.stop()
    }

    /// Makes the network faulty for one client id; `nil` heals it.
    func setFault(_ fault: ProxyFault?, clientID: String) async throws {
        try await self.proxy.setFault(fault, clientID: clientID)
    }

    /// Partitions of a topic, through the producer: it then knows the topic, and the first record doesn't wait for the library to look it up,
    /// which it does once a second.
    @discardableResult
    func partitionCount(of topic: String) async throws -> Int32 {
        try await Blocking.run { [producer = self.producer] in try producer.partitionCount(of: topic) }
    }

    /// Silent, unless `TETHER_TEST_LOG` names a level.
    static let logger: Logger = {
        var logger = Logger(label: "integration") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel =
            ProcessInfo.processInfo.environment["TETHER_TEST_LOG"].flatMap(Logger.Level.init(rawValue:)) ?? .critical
        return logger
    }()

    fileprivate static func with(_ body: @concurrent @Sendable () async throws -> Void) async throws {
        let cluster = try await Cluster()
        do {
            try await Self.$suites.withValue(cluster) { try await body() }
        } catch {
            await cluster.stop()
            throw error
        }
        await cluster.stop()
    }
}

/// Gives a suite its cluster, from before the first test until after the last.
struct ClusterTrait: SuiteTrait, TestScoping {
    @concurrent
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await Cluster.with(function)
    }
}

extension Trait where Self == ClusterTrait {
    static var cluster: Self { Self() }
}
