import Kafka

/// What a worker tells of itself: for health checks and people.
package struct WorkerStatus: Sendable {
    package var name: String
    package var execution: Execution?
    package var routedJobs: Int?
    package var collection: Collection?
    package var openSessions: Int
    /// Events that wait for Kafka, and those that were dropped because it was slow for too long.
    package var waitingEvents: Int
    package var droppedEvents: Int
    /// Why the worker is about to end, if it is.
    package var failure: String?

    package struct Collection: Sendable {
        package var partitions: [TopicPartition]
        package var openJobs: Int
        package var finishedJobs: Int
    }

    package struct Execution: Sendable {
        package var partitions: [TopicPartition]
        package var unfinishedTasks: Int
        package var takenTasks: Int
        package var finishedTasks: Int
        /// Devices whose sessions are kept open.
        package var warmDevices: Int
        /// Since a task was last finished, or partitions were assigned.
        package var sinceProgress: Duration
    }
}
