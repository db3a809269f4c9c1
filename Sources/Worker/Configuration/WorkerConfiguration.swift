import Jobs
import Kafka

/// What a worker process needs to know. All defaults are in the initialiser.
package struct WorkerConfiguration: Sendable {
    package enum Role: String, Sendable, Hashable, CaseIterable {
        /// Turns jobs into tasks.
        case route
        /// Owns devices and runs tasks.
        case execute
        /// Counts the results of jobs and says when they are finished.
        case collect
    }

    /// What a reader of results can rely on when a worker dies.
    package enum ResultDelivery: String, Sendable, Hashable, CaseIterable {
        /// Results are published at once; a crash may make a second one of the same task, marked `redelivered`.
        case atLeastOnce = "at_least_once"
        /// Results and offsets are written in one transaction per short interval: readers of committed records see each result once.
        case exactlyOnce = "exactly_once"
    }

    package var kafka: KafkaConfiguration
    package var topics: TopicNames
    /// Stands in every result. Unique in the fleet.
    package var name: String
    /// Static membership (KIP-345) under `name`: a restart within the session time-out moves nothing.
    package var isStaticMember: Bool
    package var roles: Set<Role>
    /// Kafka's `session.timeout.ms`: how long a dead worker's devices wait for a new owner.
    package var sessionTimeout: Duration

    /// For jobs that name no deadline.
    package var defaultDeadline: Duration
    /// A job's deadline is never further away than this.
    package var maximumDeadline: Duration
    /// How long running tasks may go on when their partition is being given up; then they are interrupted.
    package var drainTimeout: Duration
    /// How often it is looked up whether partitions were added to the task topic, which gives devices other homes.
    package var homeCheckInterval: Duration
    /// Offsets between the lowest unfinished task of a partition and the last one taken; past it the partition is paused.
    package var window: Int
    /// Bytes of a partition's records whose tasks are unfinished; past it the partition is paused too.
    package var windowBytes: Int
    /// Finished tasks are committed at most this often; changes that wait for their commit don't wait for it.
    package var commitInterval: Duration
    /// Output up to this size (encoded) stands in the result; more goes out as `output` records.
    package var inlineOutputLimit: Int
    package var resultDelivery: ResultDelivery
    /// How long, and for how many jobs at most, a job's id is remembered. Zero: ids may be used again at once.
    package var duplicateWindow: Duration
    package var maximumRememberedJobs: Int
    /// Whether jobs may name `user@host:port` targets that are not in the inventory.
    package var allowsAdHocTargets: Bool
    /// Topics that jobs may name for their replies, besides Tether's own result topic. The policy's list for a job's topic takes its place.
    package var replyTopics: [NamePattern]
    /// Networks that may be reached for files although they aren't public. A policy's take their place.
    package var urlNetworks: [AddressRange]
    /// What jobs may do, by the topic they come from; `nil`: whatever the inventory allows, for jobs from the one job topic.
    package var policy: PolicySource?
    /// Bytes of task records that one job may fan out to.
    package var maximumFanOutBytes: Int
    /// Records and bytes of one of the router's transactions; the job that goes past either is its last one. A transaction that takes longer than its
    /// time-out is never committed, and jobs that wait can be many: they must not come to the memory all at once.
    package var maximumTransactionRecords: Int
    package var maximumTransactionBytes: Int
    /// Targets that one job may come to.
    package var maximumTargets: Int
    /// A job some of whose tasks nobody has reported is finished this long after its deadline, at the earliest. Long enough for another worker to take
    /// over from a dead one and answer.
    package var collectionGrace: Duration
    /// The folder that jobs may read files from and write files to; `nil`: none.
    package var artifacts: String?
    /// What opens sealed credentials; `nil`: nothing does.
    package var sealingKeys: SealingKeys?
    /// Bytes of one file that is fetched from an address.
    package var maximumFileBytes: Int64
    /// Bytes of one file that is sent in `output` records.
    package var maximumInlineFileBytes: Int64

    package init(
        kafka: KafkaConfiguration,
        topics: TopicNames = TopicNames(),
        name: String,
        isStaticMember: Bool = false,
        roles: Set<Role> = Set(Role.allCases),
        sessionTimeout: Duration = .seconds(45),
        defaultDeadline: Duration = .seconds(600),
        maximumDeadline: Duration = .seconds(24 * 3600),
        drainTimeout: Duration = .seconds(20),
        homeCheckInterval: Duration = .seconds(5),
        window: Int = LedgerMetadata.maximumWindow,
        windowBytes: Int = 32 * 1024 * 1024,
        commitInterval: Duration = .milliseconds(50),
        inlineOutputLimit: Int = 512 * 1024,
        resultDelivery: ResultDelivery = .atLeastOnce,
        duplicateWindow: Duration = .seconds(3600),
        maximumRememberedJobs: Int = 200_000,
        allowsAdHocTargets: Bool = false,
        replyTopics: [NamePattern] = [NamePattern("*.results"), NamePattern("*.replies")],
        urlNetworks: [AddressRange] = [],
        policy: PolicySource? = nil,
        maximumFanOutBytes: Int = 256 * 1024 * 1024,
        maximumTransactionRecords: Int = 50_000,
        maximumTransactionBytes: Int = 64 * 1024 * 1024,
        maximumTargets: Int = 100_000,
        collectionGrace: Duration = .seconds(600),
        artifacts: String? = nil,
        sealingKeys: SealingKeys? = nil,
        maximumFileBytes: Int64 = 8 << 30,
        maximumInlineFileBytes: Int64 = 64 << 20
    ) {
        self.kafka = kafka
        self.topics = topics
        self.name = name
        self.isStaticMember = isStaticMember
        self.roles = roles
        self.sessionTimeout = sessionTimeout
        self.defaultDeadline = defaultDeadline
        self.maximumDeadline = maximumDeadline
        self.drainTimeout = drainTimeout
        self.homeCheckInterval = homeCheckInterval
        self.window = min(window, LedgerMetadata.maximumWindow)
        self.windowBytes = windowBytes
        self.commitInterval = commitInterval
        self.inlineOutputLimit = inlineOutputLimit
        self.resultDelivery = resultDelivery
        self.duplicateWindow = duplicateWindow
        self.maximumRememberedJobs = maximumRememberedJobs
        self.allowsAdHocTargets = allowsAdHocTargets
        self.replyTopics = replyTopics
        self.urlNetworks = urlNetworks
        self.policy = policy
        self.maximumFanOutBytes = maximumFanOutBytes
        self.maximumTransactionRecords = maximumTransactionRecords
        self.maximumTransactionBytes = maximumTransactionBytes
        self.maximumTargets = maximumTargets
        self.collectionGrace = collectionGrace
        self.artifacts = artifacts
        self.sealingKeys = sealingKeys
        self.maximumFileBytes = maximumFileBytes
        self.maximumInlineFileBytes = maximumInlineFileBytes
    }
}

extension WorkerConfiguration {
    /// The topics that jobs are taken from.
    package var jobTopics: [String] { self.policy?.current.topicNames ?? [self.topics.jobs] }

    /// Whether a job may ask for its replies there: never among the records that workers act on.
    func mayReceiveReplies(_ topic: String, by policy: TopicPolicy?) -> Bool {
        if topic == self.topics.results { return true }
        guard !self.topics.isOwn(topic), !self.jobTopics.contains(topic) else { return false }
        return (policy?.replyTopics ?? self.replyTopics).contains { $0.matches(topic) }
    }

    /// Which addresses files may be fetched from and written to for a task.
    func urlAccess(for task: DeviceTask) -> URLAccess {
        guard let policy = self.policy?.current else { return URLAccess(networks: self.urlNetworks) }
        return task.source.flatMap { policy.topics[$0]?.urls } ?? URLAccess(hosts: [])
    }
}
