import Devices
import Kafka
import Worker

/// What is to be known of a worker. All of it is read when somebody asks, and nothing is kept up to date for the case that somebody might.
package protocol OperationsSource: Sendable {
    var status: WorkerStatus { get }
    /// Devices with a task that waits or runs.
    func lanes() async -> [LaneStatus]
    /// All sessions, in no order.
    var sessions: [SessionStatus] { get }
    var sessionCounts: [SessionStatus.State: Int] { get }
    var sessionLimit: Int { get }
    var inventoryCount: Int { get }
    /// The latest first.
    var failures: [RecentFailures.Failure] { get }
    var kafkaStatistics: [(client: String, statistics: KafkaStatistics)] { get }
}

extension TetherWorker: OperationsSource {}
