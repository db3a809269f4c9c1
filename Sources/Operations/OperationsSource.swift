import Devices
import Jobs
import Kafka
import Worker

/// What is to be known of a worker. All of it is read when somebody asks, and nothing is kept up to date for the case that somebody might.
package protocol OperationsSource: Sendable {
    var status: WorkerStatus { get }
    var uptime: Duration { get }
    /// Devices with a task that waits or runs. Waits for every event loop: for those who look, there is ``LaneReader``.
    func lanes() async -> [LaneStatus]
    /// All sessions, in no order.
    var sessions: [SessionStatus] { get }
    var sessionCounts: [SessionStatus.State: Int] { get }
    var sessionLimit: Int { get }
    var inventoryCount: Int { get }
    /// Devices whose last login failed, in no order.
    var troubles: [DeviceTroubles.Trouble] { get }
    /// The latest first.
    var failures: [RecentFailures.Failure] { get }
    /// How many tasks did not succeed since the start, by outcome.
    var failureCounts: [Outcome: Int] { get }
    /// Records that wait on the job topics, and on each partition of the task topic.
    var lag: (jobs: Int64?, tasks: [Int32: Int64]) { get }
    var kafkaStatistics: [(client: String, statistics: KafkaStatistics)] { get }
}

extension TetherWorker: OperationsSource {}
