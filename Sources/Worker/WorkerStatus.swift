import Kafka

/// What a worker tells of itself: for health checks and people.
package struct WorkerStatus: Sendable {
    package var name: String
    package var roles: [WorkerConfiguration.Role] = []
    /// One for each role.
    package var memberships: [Membership] = []
    package var execution: Execution?
    package var routedJobs: Int?
    package var collection: Collection?
    package var openSessions: Int
    /// Events that wait for Kafka, and those that were dropped because it was slow for too long.
    package var waitingEvents: Int
    package var droppedEvents: Int
    /// It takes no new work and is about to end.
    package var isDraining = false
    /// Why the worker is about to end, if it is.
    package var failure: String?

    package init(
        name: String,
        roles: [WorkerConfiguration.Role] = [],
        memberships: [Membership] = [],
        execution: Execution? = nil,
        routedJobs: Int? = nil,
        collection: Collection? = nil,
        openSessions: Int = 0,
        waitingEvents: Int = 0,
        droppedEvents: Int = 0,
        isDraining: Bool = false,
        failure: String? = nil
    ) {
        self.name = name
        self.roles = roles
        self.memberships = memberships
        self.execution = execution
        self.routedJobs = routedJobs
        self.collection = collection
        self.openSessions = openSessions
        self.waitingEvents = waitingEvents
        self.droppedEvents = droppedEvents
        self.isDraining = isDraining
        self.failure = failure
    }

    /// How a role stands with its consumer group.
    package struct Membership: Sendable {
        package var role: WorkerConfiguration.Role
        /// The group has told what this worker owns, be it nothing.
        package var hasJoined: Bool
        package var partitions: Int
        /// Since the consumer's thread last polled; `nil` before the first time.
        package var sinceTurn: Duration?
        /// Since a broker last answered anything; `nil` before the first answer.
        package var sinceAnswer: Duration?
        /// A broker has answered within the session time-out.
        package var isReachable: Bool

        package init(
            role: WorkerConfiguration.Role, hasJoined: Bool, partitions: Int, sinceTurn: Duration?,
            sinceAnswer: Duration?, isReachable: Bool
        ) {
            self.role = role
            self.hasJoined = hasJoined
            self.partitions = partitions
            self.sinceTurn = sinceTurn
            self.sinceAnswer = sinceAnswer
            self.isReachable = isReachable
        }
    }

    package struct Collection: Sendable {
        package var partitions: [TopicPartition]
        package var openJobs: Int
        package var finishedJobs: Int

        package init(partitions: [TopicPartition], openJobs: Int, finishedJobs: Int) {
            self.partitions = partitions
            self.openJobs = openJobs
            self.finishedJobs = finishedJobs
        }
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
        /// Of each partition, in their order.
        package var windows: [Window] = []
        package var windowLimit: Int = 0
        /// Results handed to Kafka and not acknowledged.
        package var unacknowledged: Int = 0
        /// Tasks are finished, and no commit says so yet.
        package var hasUncommitted: Bool = false
        /// Since a commit was last acknowledged, or partitions were assigned.
        package var sinceCommit: Duration = .zero
        /// Without proof of membership from the last half of the session time-out nothing is started.
        package var mayStart: Bool = true

        package init(
            partitions: [TopicPartition],
            unfinishedTasks: Int,
            takenTasks: Int,
            finishedTasks: Int,
            warmDevices: Int,
            sinceProgress: Duration,
            windows: [Window] = [],
            windowLimit: Int = 0,
            unacknowledged: Int = 0,
            hasUncommitted: Bool = false,
            sinceCommit: Duration = .zero,
            mayStart: Bool = true
        ) {
            self.partitions = partitions
            self.unfinishedTasks = unfinishedTasks
            self.takenTasks = takenTasks
            self.finishedTasks = finishedTasks
            self.warmDevices = warmDevices
            self.sinceProgress = sinceProgress
            self.windows = windows
            self.windowLimit = windowLimit
            self.unacknowledged = unacknowledged
            self.hasUncommitted = hasUncommitted
            self.sinceCommit = sinceCommit
            self.mayStart = mayStart
        }
    }

    /// What one partition of the task topic still owes.
    package struct Window: Sendable, Hashable {
        package var partition: Int32
        /// The lowest unfinished offset; `nil` when nothing was taken and nothing ever committed.
        package var base: Int64?
        package var span: Int
        package var unfinished: Int
        package var isPaused: Bool
        package var isDraining: Bool

        package init(
            partition: Int32, base: Int64?, span: Int, unfinished: Int, isPaused: Bool, isDraining: Bool
        ) {
            self.partition = partition
            self.base = base
            self.span = span
            self.unfinished = unfinished
            self.isPaused = isPaused
            self.isDraining = isDraining
        }
    }
}
