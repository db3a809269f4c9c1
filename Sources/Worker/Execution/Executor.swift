import Devices
import Jobs
import Kafka
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Owns the devices of the partitions that are assigned to this worker: takes their tasks, runs each device's in order on its lane,
/// publishes the results, and commits what is finished.
///
/// The delegate methods are called on the consumer's thread; lanes run on event loops; acknowledgements come on the producer's thread. What they share
/// is the table of partitions, behind one lock that is never held across anything that waits.
final class Executor: KafkaConsumerDelegate {
    struct Partition: Sendable {
        var ledger: PartitionLedger
        let grant: Int
        var isPaused = false
        /// A commit of this grant is acknowledged: from now on a new owner knows that this one may have published results.
        var isOpened = false
        /// Being given up: nothing more is begun.
        var isDraining = false
        /// Nothing of it runs any more, and nothing of it is published from now on: the next owner answers.
        var isQuiet = false
        /// Nothing is begun before it is known by how many partitions other owners go.
        var isHeld: Bool
        /// What the last commit told others.
        var told: Homes.Claim?
        /// Results handed to the producer and not acknowledged.
        var unacknowledged = 0
        /// Devices that had a task here, or are kept warm: their sessions go with the partition.
        var devices: Set<String> = []
        /// Bytes of the records whose tasks are unfinished.
        var heldBytes = 0
        /// Records that wait until the window has moved on to them. While there are any, the partition is paused.
        var beyondWindow: [KafkaRecord] = []

        init(ledger: PartitionLedger, grant: Int, isHeld: Bool) {
            self.ledger = ledger
            self.grant = grant
            self.isHeld = isHeld
        }

        /// Whether a commit may say now that whoever takes the partition over has to suspect nothing of having run.
        var isReleasedInOrder: Bool { self.isQuiet && self.ledger.begun.isEmpty && self.unacknowledged == 0 }

        /// Whether no more is to be taken.
        func isFull(_ limits: WindowLimits) -> Bool {
            !self.beyondWindow.isEmpty || self.ledger.span >= limits.span || self.heldBytes >= limits.bytes
        }

        /// Whether there is room again for more than single records.
        func hasRoom(_ limits: WindowLimits) -> Bool {
            self.ledger.span < limits.span / 2 && self.heldBytes < max(1, limits.bytes / 2)
                && !(self.beyondWindow.first.map { self.ledger.isBeyondWindow($0.offset) } ?? false)
        }

        mutating func finish(_ task: Settlement) {
            if self.ledger.finish(task.offset) { self.heldBytes -= task.bytes }
        }
    }

    /// Past these a partition is paused, alone.
    struct WindowLimits: Sendable {
        /// Offsets between the lowest unfinished one and the last one taken.
        var span: Int
        /// Of records whose tasks are unfinished.
        var bytes: Int
    }

    struct State: Sendable {
        var partitions: [TopicPartition: Partition] = [:]
        var failure: KafkaError?
        var finishedTasks = 0
        var takenTasks = 0
        var lastProgress: ContinuousClock.Instant = .now
        var lastCommit: ContinuousClock.Instant = .now
        var homes = Homes()

        /// Whether an owner of before may still have a session with the task's device. Not asked for tasks that belong elsewhere: they are sent there.
        func isHeld(_ assigned: AssignedTask) -> Bool {
            guard let partition = self.partitions[assigned.partition] else { return false }
            if partition.isHeld { return true }
            let device = assigned.task.device
            return self.homes.home(of: device) == assigned.partition.partition
                && !self.homes.isFree(device) { home in self.partitions.keys.contains { $0.partition == home } }
        }
        var membership: Membership
        var cancellations: Cancellations
        /// What the last transactions committed, for proofs of membership between them.
        var lastCommitted: [TopicPartition: CommittedOffset] = [:]

        mutating func forget(_ partition: TopicPartition) {
            self.partitions[partition] = nil
            self.lastCommitted[partition] = nil
        }
    }

    let configuration: WorkerConfiguration
    let client: DeviceClient
    let publisher: ReplyPublisher
    let producer: KafkaProducer
    let telemetry: Telemetry
    let logger: Logger
    let state: NIOLockedValueBox<State>
    let lanes: LaneTable
    let committer: Committer
    let replyTopics: ReplyTopics
    /// Where results wait for the next transaction; `nil` when each is published at once.
    let outbox: Outbox?
    /// Where tasks for other partitions wait for theirs; `nil` when they go with the results.
    let forwarding: Forwarding?
    /// Where transactions are written. The membership hangs on them: they must not wait for threads that slow disks and resolvers have taken.
    let transactions: SerialThread
    /// There may be something to agree about with other owners.
    let homesChanged = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// Whose sessions are kept open. Held while the set is found out and handed on, so that an older one never follows a newer one.
    let warm = NIOLockedValueBox<Set<String>>([])

    init(
        configuration: WorkerConfiguration, client: DeviceClient, producer: KafkaProducer,
        telemetry: Telemetry = Telemetry(), logger: Logger
    ) throws(KafkaError) {
        self.transactions = try SerialThread(name: "transactions")
        self.configuration = configuration
        self.client = client
        self.producer = producer
        self.telemetry = telemetry
        self.logger = logger
        self.replyTopics = ReplyTopics(producer: producer)
        let committer = Committer(interval: configuration.commitInterval, logger: logger)
        self.committer = committer
        let outbox =
            configuration.resultDelivery == .exactlyOnce ? Outbox(filled: { committer.commitSoon() }) : nil
        self.outbox = outbox
        self.forwarding =
            outbox == nil ? Forwarding(configuration, logger: logger, filled: { committer.commitSoon() }) : nil
        self.publisher = ReplyPublisher(
            producer: producer, outbox: outbox, topics: configuration.topics, metrics: telemetry.metrics, logger: logger
        )
        self.lanes = LaneTable()
        self.state = NIOLockedValueBox(
            State(
                membership: Membership(sessionTimeout: configuration.sessionTimeout),
                cancellations: Cancellations(lifetime: configuration.maximumDeadline)))
    }

    deinit {
        self.transactions.stop()
    }

    // MARK: Figures

    var failure: KafkaError? { self.state.withLockedValue { $0.failure } }

    /// For health: what is owned, what waits, and when something last moved.
    var progress: WorkerStatus.Execution {
        let warmDevices = self.warm.withLockedValue { $0.count }
        return self.state.withLockedValue { state in
            let partitions = state.partitions.sorted { $0.key < $1.key }
            let windows = partitions.map { name, partition in
                WorkerStatus.Window(
                    partition: name.partition, base: partition.ledger.base, span: partition.ledger.span,
                    unfinished: partition.ledger.unfinishedCount, isPaused: partition.isPaused,
                    isDraining: partition.isDraining)
            }
            return WorkerStatus.Execution(
                partitions: partitions.map(\.key),
                unfinishedTasks: windows.reduce(0) { $0 + $1.unfinished },
                takenTasks: state.takenTasks,
                finishedTasks: state.finishedTasks,
                warmDevices: warmDevices,
                sinceProgress: .now - state.lastProgress,
                windows: windows,
                windowLimit: self.windowLimits.span,
                unacknowledged: partitions.reduce(0) { $0 + $1.value.unacknowledged },
                hasUncommitted: partitions.contains { $0.value.ledger.isDirty },
                sinceCommit: .now - state.lastCommit,
                mayStart: partitions.isEmpty || state.membership.mayStart(.now)
            )
        }
    }

    /// Tells whether a device is at home on one of this worker's partitions now.
    var ownership: (String) -> Bool {
        let (homes, ours) = self.state.withLockedValue { ($0.homes, Set($0.partitions.keys.map(\.partition))) }
        return { homes.home(of: $0).map(ours.contains) ?? false }
    }

    /// Devices with a task that waits or runs.
    func laneStatus() async -> [LaneStatus] {
        var lanes: [LaneStatus] = []
        for group in self.lanes.groups { lanes += await group.status() }
        return lanes
    }

    // MARK: Consumer delegate

    func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
        self.committer.attach(consumer) { [self] () async throws(KafkaError) in
            switch self.outbox {
            case nil: try await self.commitOffsets(of: consumer)
            case .some(let outbox):
                try await self.commitTransaction(
                    outbox, by: { () throws(KafkaError) in self.producer }, of: consumer)
            }
        }
        var logs: [TopicPartition: Range<Int64>] = [:]
        do {
            logs = try consumer.logRanges(of: partitions.map(\.topicPartition))
        } catch {
            // Without the log's end an inherited map can't be trusted, and without the map finished work would be done again. So the worker
            // ends, and its partitions go to one that can read it.
            self.logger.error(
                "the log's end can't be read; the worker ends", metadata: ["error": "\(error)"])
            self.fail(error)
            return
        }
        // Unknown for now, if no broker says it: then the watch over the homes finds out.
        let taskPartitions = try? self.producer.partitionCount(of: self.configuration.topics.tasks, isFresh: true)
        self.state.withLockedValue { state in
            if let taskPartitions { state.homes.learn(taskPartitions) }
            if state.partitions.isEmpty { state.homes.settleWithoutSessions() }
            for committed in partitions {
                var metadata: LedgerMetadata?
                if !committed.metadata.isEmpty {
                    metadata = LedgerMetadata(committed.metadata)
                    if metadata == nil {
                        self.logger.warning(
                            "a commit's metadata isn't Tether's; it is ignored",
                            metadata: ["partition": "\(committed.topicPartition)"]
                        )
                    }
                }
                if let claim = metadata?.homes { state.homes.inherit(claim) }
                let log = logs[committed.topicPartition] ?? 0..<0
                state.partitions[committed.topicPartition] = Partition(
                    // Where nothing was ever committed, reading begins with the log; said at once, so that its acknowledgement shows whose it is.
                    ledger: PartitionLedger(
                        committed: committed.offset ?? log.lowerBound, metadata: metadata, logEnd: log.upperBound),
                    grant: rebalance,
                    isHeld: metadata?.homes?.isAgreed != true || metadata?.homes?.partitions != state.homes.count
                )
            }
            state.lastProgress = .now
            state.lastCommit = .now
        }
        self.logger.info(
            "partitions assigned",
            metadata: ["partitions": "\(partitions.map(\.topicPartition))", "rebalance": "\(rebalance)"])
        // When its acknowledgement shows that the partitions are ours, the warm sessions are opened.
        self.committer.commitSoon()
        self.homesChanged.continuation.yield()
    }

    func consumer(_ consumer: KafkaConsumer, revoking partitions: [TopicPartition], rebalance: Int) {
        let started = ContinuousClock.now
        let drain = self.drain(Set(partitions))
        if !Self.wait(drain, atMost: self.configuration.drainTimeout + .seconds(20)) {
            self.logger.error(
                "partitions are given up before everything of them was settled",
                metadata: ["partitions": "\(partitions)"])
            self.abandon(Set(partitions), self.devices(of: Set(partitions)))
        }
        self.state.withLockedValue { state in for partition in partitions { state.forget(partition) } }
        self.logger.info(
            "partitions released",
            metadata: ["partitions": "\(partitions)", "rebalance": "\(rebalance)", "took": "\(.now - started)"]
        )
    }

    func consumer(_ consumer: KafkaConsumer, lost partitions: [TopicPartition], rebalance: Int) {
        let devices = self.devices(of: Set(partitions))
        self.state.withLockedValue { state in for partition in partitions { state.forget(partition) } }
        let cooled = self.keepWarm()
        self.logger.warning("partitions lost", metadata: ["partitions": "\(partitions)", "rebalance": "\(rebalance)"])
        self.abandon(Set(partitions), cooled.union(devices))
    }

    /// Stops what runs at once, and closes the sessions: their devices may be another worker's.
    private func abandon(_ partitions: Set<TopicPartition>, _ devices: Set<String>) {
        let work = Task { [lanes, client] in
            for group in lanes.groups { await group.abandon(partitions) }
            await Self.close(devices, client)
        }
        _ = Self.wait(work, atMost: .seconds(5))
    }

    func consumerPolled(_ consumer: KafkaConsumer) {
        let (resumable, waiting) = self.state.withLockedValue { state -> ([TopicPartition], [KafkaRecord]) in
            var resumable: [TopicPartition] = []
            var waiting: [KafkaRecord] = []
            for (name, partition) in state.partitions where partition.isPaused && partition.hasRoom(self.windowLimits) {
                state.partitions[name]?.isPaused = false
                resumable.append(name)
                waiting += partition.beyondWindow
                state.partitions[name]?.beyondWindow = []
            }
            return (resumable, waiting)
        }
        guard !resumable.isEmpty else { return }
        do { try consumer.resume(resumable) } catch {
            self.logger.warning("can't resume", metadata: ["error": "\(error)"])
        }
        if !waiting.isEmpty { self.consumer(consumer, received: waiting) }
    }

    func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {
        self.logger.warning("Kafka reports a problem on the task topic", metadata: ["error": "\(error)"])
    }

    /// Nothing more can be done here: the consumer drains what it can, and the worker ends with the first such error.
    func fail(_ error: KafkaError) {
        self.state.withLockedValue { $0.failure = $0.failure ?? error }
        self.committer.stopConsumer()
    }
}

extension KafkaError {
    static let cancelled = KafkaError(
        code: "kafka.cancelled",
        number: 0,
        message: "the commit was not waited for to its end"
    )
}

extension Duration {
    var seconds: Double {
        Double(self.components.seconds) + Double(self.components.attoseconds) * 1e-18
    }
}
