import Devices
import Foundation
import Jobs
import Kafka
import Logging
import NIOConcurrencyHelpers
import Tracing

/// Consumes jobs and writes all that follows from a batch of them (tasks, `accepted`, refusals, dead letters, and the jobs' own offsets) in one
/// Kafka transaction: a fan-out is wholly on the task topic or not at all.
///
/// Everything happens on the consumer's thread, which may block; nothing is in flight between two batches, so a revocation has nothing to drain.
final class Router: KafkaConsumerDelegate {
    private let configuration: WorkerConfiguration
    private let client: DeviceClient
    private let producer: KafkaProducer
    private let telemetry: Telemetry
    private let logger: Logger
    private let replyTopics: ReplyTopics
    let memory: JobMemory
    private let state = NIOLockedValueBox(State())

    private struct State: Sendable {
        var failure: KafkaError?
        var routedJobs = 0
        /// Partitions were taken over since the memory was last brought up to date.
        var isBehind = false
        /// Jobs whose records could not be written for what they are: why, and after how many attempts.
        var unwritable: [Position: (error: KafkaError, attempts: Int)] = [:]
        /// Partitions at rest after a batch that failed, and until when.
        var resting: (partitions: Set<TopicPartition>, until: ContinuousClock.Instant)?
    }

    private struct Position: Hashable, Sendable {
        var partition: TopicPartition
        var offset: Int64

        init(_ record: KafkaRecord) {
            self.partition = record.topicPartition
            self.offset = record.offset
        }
    }

    /// How long the job topic rests after a batch that could not be written.
    private static let pauseAfterFailure = Duration.seconds(1)

    init(
        configuration: WorkerConfiguration, client: DeviceClient, producer: KafkaProducer,
        telemetry: Telemetry = Telemetry(), logger: Logger
    ) {
        self.configuration = configuration
        self.client = client
        self.producer = producer
        self.telemetry = telemetry
        self.logger = logger
        self.replyTopics = ReplyTopics(producer: producer)
        self.memory = JobMemory(configuration, logger: logger)
    }

    /// Why routing ended, if it had to.
    var failure: KafkaError? { self.state.withLockedValue { $0.failure } }
    var routedJobs: Int { self.state.withLockedValue { $0.routedJobs } }

    func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
        self.state.withLockedValue { state in
            state.isBehind = true
            state.unwritable = [:]
            // They begin where the group says. To resume what isn't paused would have librdkafka fetch some of it again.
            state.resting?.partitions.subtract(partitions.map(\.topicPartition))
        }
    }
    func consumer(_ consumer: KafkaConsumer, revoking partitions: [TopicPartition], rebalance: Int) {}
    func consumer(_ consumer: KafkaConsumer, lost partitions: [TopicPartition], rebalance: Int) {}

    func consumerPolled(_ consumer: KafkaConsumer) {
        let rested = self.state.withLockedValue { state -> Set<TopicPartition>? in
            guard let resting = state.resting, resting.until <= .now else { return nil }
            state.resting = nil
            return resting.partitions
        }
        guard let rested else { return }
        try? consumer.resume(Array(rested.intersection(consumer.assignment)))
    }

    func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {
        self.logger.warning("Kafka reports a problem on the job topic", metadata: ["error": "\(error)"])
    }

    func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {
        var rest = records[...]
        do throws(KafkaError) {
            while !rest.isEmpty {
                let count = try self.route(rest, consumer: consumer)
                self.state.withLockedValue { $0.routedJobs += count }
                rest = rest.dropFirst(count)
            }
        } catch  where error.isFatal {
            self.fail(error, consumer)
        } catch {
            // Nothing of the batch was written. Take it again from the log, where it still stands, once the group has settled.
            self.logger.warning(
                "a batch of jobs is taken again", metadata: ["error": "\(error)", "records": "\(rest.count)"])
            self.rewind(rest, consumer: consumer)
        }
    }

    /// Routing can't go on: the consumer leaves in order, and the worker ends with the first such error.
    func fail(_ error: KafkaError, _ consumer: KafkaConsumer) {
        self.state.withLockedValue { $0.failure = $0.failure ?? error }
        self.logger.critical("routing can't go on", metadata: ["error": "\(error)"])
        consumer.stop()
    }

    private func rewind(_ records: ArraySlice<KafkaRecord>, consumer: KafkaConsumer) {
        var first: [TopicPartition: Int64] = [:]
        for record in records {
            first[record.topicPartition] = min(first[record.topicPartition] ?? .max, record.offset)
        }
        do {
            let owned = first.filter { consumer.assignment.contains($0.key) }
            try consumer.seek(owned)
            try consumer.pause(Array(owned.keys))
            self.state.withLockedValue {
                $0.resting = (($0.resting?.partitions ?? []).union(owned.keys), .now + Self.pauseAfterFailure)
            }
        } catch {
            self.state.withLockedValue { $0.failure = error }
            self.logger.critical("can't go back to jobs that were not routed", metadata: ["error": "\(error)"])
            consumer.stop()
        }
    }

    /// Routes the first of these, as many as go into one transaction; returns how many.
    private func route(_ records: ArraySlice<KafkaRecord>, consumer: KafkaConsumer) throws(KafkaError) -> Int {
        if self.state.withLockedValue({ $0.isBehind }) {
            try self.memory.catchUp(self.producer)
            self.state.withLockedValue { $0.isBehind = false }
        }
        var begun: [String: JobProgress.AcceptedJob] = [:]
        var planner = JobPlanner(
            configuration: self.configuration,
            inventory: self.client.inventory,
            // Jobs that are routed by an old count are forwarded, and may be overtaken: for a moment only.
            taskPartitions: try self.producer.partitionCount(
                of: self.configuration.topics.tasks, maximumAge: .seconds(2)),
            isReadOnly: { [client] in client.isReadOnly($0, platform: $1) },
            sequence: { [client] in client.sequence(named: $0, platform: $1) },
            policy: self.configuration.policy?.current,
            platform: { [client] in PolicyPlatform($0, client.platform(named: $0)) }
        )
        if self.configuration.duplicateWindow > .zero {
            planner.known = { [memory] in begun[$0] ?? memory.job($0) }
        }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        var planned: [(record: ProducerRecord, of: Position)] = []
        var bytes = 0
        var count = 0
        var refused = 0
        let unwritable = self.state.withLockedValue { $0.unwritable }
        var spans: [any Span] = []
        // Also when the batch fails: it is routed again then, in spans of its own.
        defer { for span in spans { span.end() } }
        for record in records {
            guard
                planned.count < self.configuration.maximumTransactionRecords,
                bytes < self.configuration.maximumTransactionBytes
            else { break }
            count += 1
            let position = Position(record)
            let trace = self.telemetry.tracing?.route(record)
            if let trace { spans.append(trace.span) }
            let replyPartitions = { (topic: String) throws(KafkaError) in
                try self.replyTopics.partitionCount(of: topic)
            }
            let plan: JobPlanner.Plan
            if let (error, attempts) = unwritable[position] {
                plan = try planner.refusal(
                    of: record, reason: "a record of the job could not be written: \(error.message)",
                    answers: attempts == 1, replyPartitions: replyPartitions)
            } else {
                plan = try planner.plan(
                    record, now: now, trace: trace?.headers ?? [], replyPartitions: replyPartitions)
            }
            planned += plan.records.map { ($0, position) }
            bytes += plan.records.reduce(0) { $0 + $1.size }
            if let job = plan.accepted {
                begun[job.job] = job
                trace?.span.updateAttributes { attributes in
                    attributes["tether.job"] = job.job
                    attributes["tether.tasks"] = job.tasks
                }
            } else if plan.records.contains(where: { $0.topic == self.configuration.topics.deadLetters }) {
                refused += 1
                trace?.span.setStatus(SpanStatus(code: .error, message: "the job was refused"))
            }
        }
        var next: [TopicPartition: Int64] = [:]
        for record in records.prefix(count) {
            next[record.topicPartition] = max(next[record.topicPartition] ?? 0, record.offset + 1)
        }
        let failures = RecordFailures()
        do throws(KafkaError) {
            try self.producer.transact { () throws(KafkaError) in
                for (index, planned) in planned.enumerated() {
                    try self.replyTopics.send(planned.record, index, failures)
                }
                try self.producer.sendOffsets(next.map { CommittedOffset($0.key, offset: $0.value) }, of: consumer)
            }
        } catch {
            // One job must not hold up all that stand behind it.
            let blamed = Dictionary(failures.all.map { (planned[$0].of, $1) }) { first, _ in first }
            self.state.withLockedValue { state in
                for (position, error) in blamed {
                    state.unwritable[position] = (error, (state.unwritable[position]?.attempts ?? 0) + 1)
                }
            }
            throw error
        }
        if !unwritable.isEmpty {
            self.state.withLockedValue { state in
                for record in records.prefix(count) { state.unwritable[Position(record)] = nil }
            }
        }
        self.memory.remember(Array(begun.values))
        let metrics = self.telemetry.metrics
        metrics.acceptedJobs.increment(by: begun.count)
        metrics.refusedJobs.increment(by: refused)
        metrics.duplicateJobs.increment(by: count - begun.count - refused)
        for (record, _) in planned { metrics.wrote(WrittenRecord(record, self.configuration.topics)) }
        return count
    }
}
