import Logging

/// Topic administration, on a thread of its own: one call at a time. A cancelled caller returns at once; the call runs to its end.
package final class KafkaAdmin: Sendable {
    package struct Topic: Sendable, Hashable {
        package var name: String
        package var partitions: Int32
        /// -1: the broker's default.
        package var replicationFactor: Int32
        /// Topic configuration (`cleanup.policy`, `retention.ms`, `min.insync.replicas`, …).
        package var configuration: [String: String]

        package init(
            name: String, partitions: Int32, replicationFactor: Int32 = -1, configuration: [String: String] = [:]
        ) {
            self.name = name
            self.partitions = partitions
            self.replicationFactor = replicationFactor
            self.configuration = configuration
        }
    }

    package enum Creation: Sendable, Hashable { case created, existed }

    private let client: AdminClient
    private let thread: SerialThread

    /// - Throws: `kafka.invalid_config`. Doesn't wait for a broker.
    package init(_ configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
        let client = try AdminClient(configuration, logger: logger)
        self.client = client
        self.thread = try SerialThread(name: "kafka-admin", idle: { client.serveErrors() })
    }

    deinit {
        // Forgotten, not closed: the thread and the sockets must go all the same.
        self.thread.finish { [client] in client.handle.close() }
    }

    /// Creates topics; one that is there already is left as it is.
    ///
    /// - Throws: the first topic's error; the others may have been created.
    package func create(
        _ topics: [Topic],
        timeout: Duration = .seconds(30)
    ) async throws(KafkaError) -> [String: Creation] {
        try await self.thread.run { [client] () throws(KafkaError) in try client.create(topics, timeout: timeout) }
    }

    /// Gives a topic more partitions. Keys then belong to other partitions than before, so records of one key may stand on two.
    ///
    /// - Throws: `kafka.invalid_partitions` when it has as many already, `kafka.unknown_topic_or_part`, …
    package func grow(
        _ topic: String,
        toPartitions count: Int32,
        timeout: Duration = .seconds(30)
    ) async throws(KafkaError) {
        try await self.thread.run { [client] () throws(KafkaError) in
            try client.grow(topic, toPartitions: count, timeout: timeout)
        }
    }

    /// - Throws: the first topic's error (`kafka.unknown_topic_or_part`, …); the others may have been deleted.
    package func delete(_ topics: [String], timeout: Duration = .seconds(30)) async throws(KafkaError) {
        try await self.thread.run { [client] () throws(KafkaError) in try client.delete(topics, timeout: timeout) }
    }

    /// Partition count and replicas of each topic of the cluster that exists among `names` (all when `nil`).
    package func describe(
        _ names: [String]? = nil,
        timeout: Duration = .seconds(30)
    ) async throws(KafkaError) -> [String: TopicDescription] {
        let topics = try await self.thread.run { [client] () throws(KafkaError) in
            do throws(KafkaError) {
                return try TopicMetadata.describeAll(client.handle, timeout: timeout)
            } catch {
                // What the client said about the brokers meanwhile is the reason: it goes to the log before the caller hears of the failure.
                client.serveErrors()
                throw error
            }
        }
        guard let names else { return topics }
        let wanted = Set(names)
        return topics.filter { wanted.contains($0.key) }
    }

    /// What a group has committed for these partitions.
    package func committedOffsets(
        group: String,
        _ partitions: [TopicPartition],
        timeout: Duration = .seconds(30)
    ) async throws(KafkaError) -> [CommittedOffset] {
        try await self.thread.run { [client] () throws(KafkaError) in
            try client.committedOffsets(group: group, partitions, timeout: timeout)
        }
    }

    /// Ends the client; its connections and threads are gone when this returns. Idempotent.
    package func close() async {
        try? await self.thread.runToEnd(cancelled: {}) { [client] () throws(KafkaError) in client.handle.close() }
        self.thread.stop()
    }

    package struct TopicDescription: Sendable, Hashable {
        package var partitions: Int32
        package var replicationFactor: Int32
        package init(partitions: Int32, replicationFactor: Int32) {
            self.partitions = partitions
            self.replicationFactor = replicationFactor
        }
    }
}
