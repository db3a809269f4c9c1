import Logging

/// Topic administration.
package final class KafkaAdmin: Sendable {
    package struct Topic: Sendable, Hashable {
        package var name: String
        package var partitions: Int32
        /// -1: the broker's default.
        package var replicationFactor: Int32
        /// Topic configuration (`cleanup.policy`, `retention.ms`, `min.insync.replicas`, …).
        package var configuration: [String: String]

        package init(name: String, partitions: Int32, replicationFactor: Int32 = -1, configuration: [String: String] = [:]) {
            self.name = name
            self.partitions = partitions
            self.replicationFactor = replicationFactor
            self.configuration = configuration
        }
    }

    package enum Creation: Sendable, Hashable { case created, existed }

    package init(_ configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) { fatalError("stub") }

    /// Creates topics; one that is there already is left as it is.
    package func create(_ topics: [Topic], timeout: Duration = .seconds(30)) async throws(KafkaError) -> [String: Creation] { fatalError("stub") }
    package func delete(_ topics: [String], timeout: Duration = .seconds(30)) async throws(KafkaError) { fatalError("stub") }
    /// Partition count and replicas of each topic of the cluster that exists among `names` (all when `nil`).
    package func describe(_ names: [String]? = nil, timeout: Duration = .seconds(30)) async throws(KafkaError) -> [String: TopicDescription] { fatalError("stub") }
    /// What a group has committed for these partitions.
    package func committedOffsets(group: String, _ partitions: [TopicPartition], timeout: Duration = .seconds(30)) async throws(KafkaError) -> [CommittedOffset] { fatalError("stub") }
    package func close() async { fatalError("stub") }

    package struct TopicDescription: Sendable, Hashable {
        package var partitions: Int32
        package var replicationFactor: Int32
        package init(partitions: Int32, replicationFactor: Int32) {
            self.partitions = partitions
            self.replicationFactor = replicationFactor
        }
    }
}
