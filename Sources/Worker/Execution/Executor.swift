import Devices
import Dispatch
import Foundation
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
    private struct Partition: Sendable {
        var ledger: PartitionLedger
        let grant: Int
        var isPaused = false
        /// Being given up: nothing more is begun.
        var isDraining = false
        /// Results handed to the producer and not acknowledged.
        var unacknowledged = 0
        /// Devices that had a task here: their sessions go with the partition.
        var devices: Set<String> = []
    }

    private struct State: Sendable {
        var partitions: [TopicPartition: Partition] = [:]
        var failure: KafkaError?
        var finishedTasks = 0
        var takenTasks = 0
        var lastProgress: ContinuousClock.Instant = .now
    }

    private let configuration: WorkerConfiguration
    private let client: DeviceClient
    private let publisher: ReplyPublisher
    private let producer: KafkaProducer
    private let logger: Logger
    private let state = NIOLockedValueBox(State())
    private let lanes: LaneTable
    let committer: Committer

    init(configuration: WorkerConfiguration, client: DeviceClient, producer: KafkaProducer, logger: Logger) {
        self.configuration = configuration
        self.client = client
        self.producer = producer
        self.publisher = ReplyPublisher(producer: producer, logger: logger)
        self.logger = logger
        self.committer = Committer(interval: configuration.commitInterval, logger: logger)
        self.lanes = LaneTable()
    }

    // MARK: Figures

    var failure: KafkaError? { self.state.withLockedValue { $0.failure } }

    /// For health: what is owned, what waits, and when something last moved.
    var progress: WorkerStatus.Execution {
        self.state.withLockedValue { state in
            WorkerStatus.Execution(
                partitions: state.partitions.keys.sorted(),
                unfinishedTasks: state.partitions.values.reduce(0) { $0 + $1.ledger.unfinishedCount },
                takenTasks: state.takenTasks,
                finishedTasks: state.finishedTasks,
                sinceProgress: .now - state.lastProgress
            )
        }
    }

    // MARK: Consumer delegate

    func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
        self.committer.attach(consumer) { [self] in
            self.takeCommits()
        } failed: { [self] in
            self.commitFailed($0)
        }
        var ends: [TopicPartition: Int64] = [:]
        do {
            ends = try consumer.logEnds(of: partitions.filter { $0.offset != nil }.map(\.topicPartition))
        } catch {
            // Without the log's end an inherited map can't be trusted: finished work may be done again (never a change that was begun:
            // that would have to be below the committed offset's successor, and is treated as unknown only when it can be proven).
            self.logger.error(
                "the log's end can't be read; giving the assignment back", metadata: ["error": "\(error)"])
            self.fail(error, consumer: consumer)
            return
        }
        self.state.withLockedValue { state in
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
                state.partitions[committed.topicPartition] = Partition(
                    ledger: PartitionLedger(
                        committed: committed.offset,
                        metadata: metadata,
                        logEnd: ends[committed.topicPartition] ?? 0
                    ),
                    grant: rebalance
                )
            }
            state.lastProgress = .now
        }
        self.logger.info(
            "partitions assigned",
            metadata: ["partitions": "\(partitions.map(\.topicPartition))", "rebalance": "\(rebalance)"])
    }

    func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let taken = ContinuousClock.now
        let partitionCount = try? self.producer.partitionCount(of: self.configuration.topics.tasks)
        var accepted: [AssignedTask] = []
        var misfits: [(KafkaRecord, grant: Int, Misfit)] = []
        var crashed: [AssignedTask] = []
        var full: [TopicPartition] = []
        self.state.withLockedValue { state in
            for record in records {
                guard var partition = state.partitions[record.topicPartition] else { continue }
                let admission = partition.ledger.admit(record.offset)
                defer { state.partitions[record.topicPartition] = partition }
                if admission == .skip { continue }
                state.takenTasks += 1
                switch self.read(record, partitionCount: partitionCount) {
                case .failure(let misfit):
                    misfits.append((record, partition.grant, misfit))
                case .success(let task):
                    var assigned = AssignedTask(
                        task: task,
                        partition: record.topicPartition,
                        offset: record.offset,
                        grant: partition.grant,
                        mayHaveRun: false,
                        taken: taken,
                        queued: .milliseconds(max(0, now - task.submitted)),
                        deadline: taken + .milliseconds(task.deadline - now)
                    )
                    partition.devices.insert(task.device)
                    switch admission {
                    case .skip: break
                    case .begunBefore:
                        assigned.mayHaveRun = true
                        crashed.append(assigned)
                    case .run(let mayHaveRun):
                        assigned.mayHaveRun = mayHaveRun
                        accepted.append(assigned)
                    }
                }
                if partition.ledger.span >= self.windowLimit && !partition.isPaused {
                    partition.isPaused = true
                    full.append(record.topicPartition)
                }
            }
        }
        if !full.isEmpty {
            do { try consumer.pause(full) } catch {
                self.logger.warning("can't pause", metadata: ["error": "\(error)"])
            }
        }
        for (record, grant, misfit) in misfits { self.settle(record, grant: grant, misfit) }
        for assigned in crashed { self.reportCrash(assigned) }
        self.enqueue(accepted)
    }

    /// A partition is paused while a whole batch still fits into its window.
    private var windowLimit: Int { max(1, self.configuration.window - 1_000) }

    func consumer(_ consumer: KafkaConsumer, revoking partitions: [TopicPartition], rebalance: Int) {
        let started = ContinuousClock.now
        let drain = self.drain(Set(partitions))
        if !Self.wait(drain, atMost: self.configuration.drainTimeout + .seconds(20)) {
            self.logger.error(
                "partitions are given up before everything of them was settled",
                metadata: ["partitions": "\(partitions)"])
        }
        self.state.withLockedValue { state in for partition in partitions { state.partitions[partition] = nil } }
        self.logger.info(
            "partitions released",
            metadata: ["partitions": "\(partitions)", "rebalance": "\(rebalance)", "took": "\(.now - started)"]
        )
    }

    func consumer(_ consumer: KafkaConsumer, lost partitions: [TopicPartition], rebalance: Int) {
        let devices = self.state.withLockedValue { state in
            let devices = partitions.flatMap { state.partitions[$0]?.devices ?? [] }
            for partition in partitions { state.partitions[partition] = nil }
            return devices
        }
        self.logger.warning("partitions lost", metadata: ["partitions": "\(partitions)", "rebalance": "\(rebalance)"])
        let lanes = self.lanes
        let client = self.client
        let lost = Set(partitions)
        let work = Task {
            for group in lanes.groups { await group.abandon(lost) }
            await Self.close(devices, client)
        }
        _ = Self.wait(work, atMost: .seconds(5))
    }

    func consumerPolled(_ consumer: KafkaConsumer) {
        let resumable = self.state.withLockedValue { state -> [TopicPartition] in
            var resumable: [TopicPartition] = []
            for (name, partition) in state.partitions
            where partition.isPaused && partition.ledger.span < self.windowLimit / 2 {
                state.partitions[name]?.isPaused = false
                resumable.append(name)
            }
            return resumable
        }
        guard !resumable.isEmpty else { return }
        do { try consumer.resume(resumable) } catch {
            self.logger.warning("can't resume", metadata: ["error": "\(error)"])
        }
    }

    func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {
        self.logger.warning("Kafka reports a problem on the task topic", metadata: ["error": "\(error)"])
    }

    private func fail(_ error: KafkaError, consumer: KafkaConsumer) {
        self.state.withLockedValue { $0.failure = $0.failure ?? error }
        consumer.stop()
    }

    // MARK: Taking tasks

    private enum Misfit: Error {
        case deadLetter(code: String, reason: String)
        /// The record's key belongs on another partition: written by another partitioner, or before partitions were added.
        case elsewhere(Int32)
    }

    private func read(_ record: KafkaRecord, partitionCount: Int32?) -> Result<DeviceTask, Misfit> {
        guard let value = record.value else {
            return .failure(.deadLetter(code: "job.undecodable", reason: "the record has a null value"))
        }
        do {
            let task = try DeviceTask(decoding: value)
            if let partitionCount {
                let home = Murmur2.partition(of: Array(task.device.utf8), count: partitionCount)
                if home != record.topicPartition.partition { return .failure(.elsewhere(home)) }
            }
            return .success(task)
        } catch {
            return .failure(.deadLetter(code: error.code, reason: error.message))
        }
    }

    private func settle(_ record: KafkaRecord, grant: Int, _ misfit: Misfit) {
        let replacement: ProducerRecord
        switch misfit {
        case .deadLetter(let code, let reason):
            self.logger.warning(
                "a task record can't be used",
                metadata: [
                    "partition": "\(record.topicPartition)", "offset": "\(record.offset)",
                    "error": "\(code): \(reason)",
                ]
            )
            replacement = DeadLetter.record(
                for: record, topic: self.configuration.topics.deadLetters, code: code, reason: reason)
        case .elsewhere(let home):
            replacement = ProducerRecord(
                topic: self.configuration.topics.tasks,
                partition: home,
                key: record.key,
                value: record.value,
                headers: record.headers
            )
        }
        Task { await self.publish(replacement, settling: record.topicPartition, offset: record.offset, grant: grant) }
    }

    private func reportCrash(_ assigned: AssignedTask) {
        let run = TaskRun(assigned: assigned, inlineLimit: 0)
        let reason = ErrorDescription(
            code: "worker.crashed",
            message:
                "the worker that had begun this change ended before it could tell; look at the device before you repeat it",
            retriable: false
        )
        let result = run.result(.unknown, error: reason)
        Task { await self.end(assigned, .result(result)) }
    }

    private func enqueue(_ tasks: [AssignedTask]) {
        var byLoop: [ObjectIdentifier: [AssignedTask]] = [:]
        for assigned in tasks {
            let group = self.lanes.group(on: self.client.eventLoop(for: assigned.task.device), services: self.services)
            byLoop[ObjectIdentifier(group), default: []].append(assigned)
        }
        for group in self.lanes.groups {
            guard let batch = byLoop[ObjectIdentifier(group)] else { continue }
            // One crossing for the whole batch; the loop's queue keeps batches in order.
            group.eventLoop.execute { group.assumeIsolated { $0.enqueue(batch) } }
        }
    }

    private var services: LaneGroup.Services {
        let runner = TaskRunner(configuration: self.configuration, client: self.client, publisher: self.publisher)
        return LaneGroup.Services(
            run: { assigned, interruption in
                await runner.run(
                    assigned,
                    begin: { () async throws(KafkaError) in try await self.begin(assigned) },
                    interruption: interruption
                )
            },
            end: { assigned, end in await self.end(assigned, end) }
        )
    }

    // MARK: Settling tasks

    /// Notes that a change begins, and waits until the note is safe with the group's coordinator. A worker whose partition has moved can't get that
    /// acknowledgement (its generation is old), so it can't begin.
    private func begin(_ assigned: AssignedTask) async throws(KafkaError) {
        while true {
            let isOurs = self.state.withLockedValue { state in
                guard var partition = state.partitions[assigned.partition], partition.grant == assigned.grant,
                    !partition.isDraining
                else { return false }
                partition.ledger.begin(assigned.offset)
                state.partitions[assigned.partition] = partition
                return true
            }
            guard isOurs else {
                throw KafkaError(
                    code: "kafka.not_owner",
                    number: 0,
                    message: "\(assigned.partition) is being given up or isn't ours any more"
                )
            }
            do {
                return try await self.committer.commit()
            } catch {
                // The commit of a whole group failed, perhaps for another partition's sake: again, until this one is taken, goes to another
                // worker, or the task's time is up.
                do { try await Task.sleep(for: .milliseconds(100)) } catch { throw .cancelled }
            }
        }
    }

    private func end(_ assigned: AssignedTask, _ end: TaskEnd) async {
        switch end {
        case .abandoned(let retracted):
            guard retracted else { return }
            self.update(assigned) { $0.ledger.retract(assigned.offset) }
        case .result(var result):
            result.owner = DeviceResult.Owner(worker: self.configuration.name, generation: assigned.grant)
            self.log(result)
            let record = ReplyRoute(of: assigned.task).record(for: .result(result), job: assigned.task.job)
            await self.publish(record, settling: assigned.partition, offset: assigned.offset, grant: assigned.grant)
        }
    }

    private func log(_ result: DeviceResult) {
        var metadata: Logger.Metadata = [
            "job": "\(result.job)", "device": "\(result.device)", "outcome": "\(result.outcome.rawValue)",
            "attempts": "\(result.attempts)",
        ]
        if let session = result.session { metadata["session"] = "\(session.id)" }
        if let error = result.error { metadata["error"] = "\(error.code)" }
        self.logger.info("task ended", metadata: metadata)
    }

    /// Publishes the record that ends a task; when it is acknowledged, the task is finished and may be committed.
    private func publish(_ record: ProducerRecord, settling name: TopicPartition, offset: Int64, grant: Int) async {
        let isOurs = self.state.withLockedValue { state in
            guard state.partitions[name]?.grant == grant else { return false }
            state.partitions[name]?.unacknowledged += 1
            return true
        }
        // Lost in the meantime: the new owner answers, and two terminal results must not come from here.
        guard isOurs else { return }
        await self.publisher.publish(record) { [self] result in
            self.acknowledged(record, result, settling: name, offset: offset, grant: grant)
        }
    }

    private func acknowledged(
        _ record: ProducerRecord,
        _ result: Result<Void, KafkaError>,
        settling name: TopicPartition,
        offset: Int64,
        grant: Int
    ) {
        let isOurs = self.state.withLockedValue { state in
            guard var partition = state.partitions[name], partition.grant == grant else { return false }
            partition.unacknowledged -= 1
            if case .success = result {
                partition.ledger.finish(offset)
                state.finishedTasks += 1
                state.lastProgress = .now
            }
            state.partitions[name] = partition
            return true
        }
        guard isOurs else { return }
        switch result {
        case .success:
            self.committer.commitSoon()
        case .failure(let error) where error.isFatal:
            self.state.withLockedValue { $0.failure = $0.failure ?? error }
            self.committer.stopConsumer()
        case .failure(let error) where error.isRetriable:
            Task { await self.publish(record, settling: name, offset: offset, grant: grant) }
        case .failure(let error):
            // The reply topic is gone or refuses the record: people find it among the dead letters, and the window moves on.
            guard record.topic != self.configuration.topics.deadLetters else {
                self.state.withLockedValue { $0.failure = $0.failure ?? error }
                self.committer.stopConsumer()
                return
            }
            let letter = DeadLetter.undeliverable(
                record, topic: self.configuration.topics.deadLetters, task: name, offset: offset, reason: error.message)
            Task { await self.publish(letter, settling: name, offset: offset, grant: grant) }
        }
    }

    private func update(_ assigned: AssignedTask, _ change: (inout Partition) -> Void) {
        self.state.withLockedValue { state in
            guard var partition = state.partitions[assigned.partition], partition.grant == assigned.grant else {
                return
            }
            change(&partition)
            state.partitions[assigned.partition] = partition
        }
    }

    // MARK: Commits

    private func takeCommits() -> [CommittedOffset] {
        self.state.withLockedValue { state in
            var commits: [CommittedOffset] = []
            for (name, var partition) in state.partitions {
                let isReleased = partition.isDraining && partition.ledger.begun.isEmpty && partition.unacknowledged == 0
                guard partition.ledger.isDirty || isReleased else { continue }
                guard let commit = partition.ledger.commit(releasedInOrder: isReleased) else { continue }
                state.partitions[name] = partition
                commits.append(CommittedOffset(name, offset: commit.offset, metadata: commit.metadata.text))
            }
            return commits
        }
    }

    private func commitFailed(_ commits: [CommittedOffset]) {
        self.state.withLockedValue { state in
            for commit in commits { state.partitions[commit.topicPartition]?.ledger.commitFailed() }
        }
    }

    // MARK: Giving partitions up

    /// Lets what runs end (or interrupts it), publishes, commits, closes the sessions: in this order, and only then may another worker have the devices.
    private func drain(_ partitions: Set<TopicPartition>) -> Task<Void, Never> {
        self.state.withLockedValue { state in
            for name in partitions { state.partitions[name]?.isDraining = true }
        }
        return Task {
            let deadline = ContinuousClock.now + self.configuration.drainTimeout
            await withTaskGroup { tasks in
                for group in self.lanes.groups { tasks.addTask { await group.release(partitions, until: deadline) } }
            }
            await self.waitForAcknowledgements(of: partitions, until: deadline + .seconds(10))
            await self.commitRelease(of: partitions, until: deadline + .seconds(10))
            let devices = self.state.withLockedValue { state in
                partitions.flatMap { state.partitions[$0]?.devices ?? [] }
            }
            await Self.close(devices, self.client)
        }
    }

    /// The last commit before partitions are given up. A coordinator in the middle of a rebalance may ask for patience.
    private func commitRelease(of partitions: Set<TopicPartition>, until deadline: ContinuousClock.Instant) async {
        while true {
            do {
                return try await self.committer.commit()
            } catch  where error.isRetriable && ContinuousClock.now < deadline {
                try? await Task.sleep(for: .milliseconds(100))
            } catch {
                self.logger.error(
                    "the last commit before partitions are given up failed; what finished since the one before may be done again",
                    metadata: ["partitions": "\(partitions.sorted())", "error": "\(error)"]
                )
                return
            }
        }
    }

    private func waitForAcknowledgements(of partitions: Set<TopicPartition>, until deadline: ContinuousClock.Instant)
        async
    {
        while ContinuousClock.now < deadline {
            let open = self.state.withLockedValue { state in
                partitions.reduce(0) { $0 + (state.partitions[$1]?.unacknowledged ?? 0) }
            }
            if open == 0 { return }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private static func close(_ devices: [String], _ client: DeviceClient) async {
        await withTaskGroup { tasks in
            for device in devices { tasks.addTask { await client.close(device) } }
        }
    }

    /// Blocks the consumer's own thread (never one of Swift's pool) until the work is done.
    private static func wait(_ work: Task<Void, Never>, atMost limit: Duration) -> Bool {
        let done = DispatchSemaphore(value: 0)
        Task {
            await work.value
            done.signal()
        }
        return done.wait(timeout: .now() + limit.seconds) == .success
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
