import Foundation
import Jobs
import Kafka
import Logging
import NIOConcurrencyHelpers

/// Counts the results of jobs, and writes each job's `finished` reply, once: in one transaction with the note that it is written, and with the offset from
/// which the counts can be made again.
///
/// Everything happens on the consumer's thread, which may block; nothing is in flight between two calls.
final class Collector: KafkaConsumerDelegate {
    private struct State: Sendable {
        var ledgers: [TopicPartition: JobLedger] = [:]
        /// Partitions whose mark is still to be written.
        var unmarked: [TopicPartition: String] = [:]
        /// `finished` replies that their topic didn't take for what they are, by the offset of their job's first record.
        var unwritable: [TopicPartition: [Int64: KafkaError]] = [:]
        var failure: KafkaError?
        var finishedJobs = 0
        var restsUntil: ContinuousClock.Instant = .now
        var nextLook: ContinuousClock.Instant = .now
    }

    /// After a transaction that failed.
    private static let pauseAfterFailure = Duration.seconds(1)
    /// How often overdue jobs are looked for, and offsets committed when nothing is finished.
    private static let lookInterval = Duration.seconds(1)
    /// `finished` records of one transaction.
    private static let maximumEndings = 1_000

    private let configuration: WorkerConfiguration
    private let producer: KafkaProducer
    private let replyTopics: ReplyTopics
    private let telemetry: Telemetry
    private let logger: Logger
    private let state = NIOLockedValueBox(State())

    init(
        configuration: WorkerConfiguration, producer: KafkaProducer, telemetry: Telemetry = Telemetry(), logger: Logger
    ) {
        self.configuration = configuration
        self.producer = producer
        self.telemetry = telemetry
        self.replyTopics = ReplyTopics(producer: producer)
        self.logger = logger
    }

    /// Why collecting ended, if it had to.
    var failure: KafkaError? { self.state.withLockedValue { $0.failure } }
    var progress: WorkerStatus.Collection {
        self.state.withLockedValue { state in
            WorkerStatus.Collection(
                partitions: state.ledgers.keys.sorted(),
                openJobs: state.ledgers.values.reduce(0) { $0 + $1.openCount },
                finishedJobs: state.finishedJobs
            )
        }
    }

    // MARK: Consumer delegate

    func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
        let now = Self.now
        self.state.withLockedValue { state in
            for partition in partitions {
                // Never the same twice, also not by a worker of the same name.
                let mark = "\(self.configuration.name)/\(UUID().uuidString)"
                state.ledgers[partition.topicPartition] = JobLedger(committed: partition.offset, mark: mark, now: now)
                state.unmarked[partition.topicPartition] = mark
            }
        }
    }

    func consumer(_ consumer: KafkaConsumer, revoking partitions: [TopicPartition], rebalance: Int) {
        self.drop(partitions)
    }

    func consumer(_ consumer: KafkaConsumer, lost partitions: [TopicPartition], rebalance: Int) {
        self.drop(partitions)
    }

    private func drop(_ partitions: [TopicPartition]) {
        self.state.withLockedValue { state in
            for partition in partitions {
                state.ledgers[partition] = nil
                state.unmarked[partition] = nil
                state.unwritable[partition] = nil
            }
        }
    }

    func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {
        self.logger.warning("Kafka reports a problem on the progress topic", metadata: ["error": "\(error)"])
    }

    func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {
        let now = Self.now
        var misfits = 0
        let contents = records.map { record -> JobProgress? in
            let content = record.value.flatMap { try? JobProgress(decoding: $0) }
            if content == nil { misfits += 1 }
            return content
        }
        self.state.withLockedValue { state in
            for (record, content) in zip(records, contents) {
                state.ledgers[record.topicPartition]?.take(
                    content, offset: record.offset, timestamp: record.timestamp ?? now)
            }
        }
        if misfits > 0 {
            self.logger.warning("progress records can't be used", metadata: ["records": "\(misfits)"])
        }
        self.act(consumer, commits: false)
    }

    func consumerPolled(_ consumer: KafkaConsumer) {
        let isDue = self.state.withLockedValue { state in
            guard state.nextLook <= .now || !state.unmarked.isEmpty else { return false }
            state.nextLook = .now + Self.lookInterval
            return true
        }
        if isDue { self.act(consumer, commits: true) }
    }

    // MARK: Acting

    private struct Work {
        var marks: [TopicPartition: String] = [:]
        var endings: [(partition: TopicPartition, ending: JobLedger.Ending)] = []
        var offsets: [CommittedOffset] = []
    }

    /// - Parameter commits: also when no job is finished.
    private func act(_ consumer: KafkaConsumer, commits: Bool) {
        guard self.state.withLockedValue({ $0.restsUntil <= .now && $0.failure == nil }) else { return }
        let work = self.work()
        guard !work.marks.isEmpty || !work.endings.isEmpty || (commits && !work.offsets.isEmpty) else { return }
        let failures = RecordFailures()
        do {
            let replies = try self.replies(of: work)
            try self.producer.transact { () throws(KafkaError) in
                for (partition, mark) in work.marks {
                    try self.producer.sendWhenRoom(
                        JobProgress.mark(id: mark).record(
                            topic: partition.topic, key: nil, partition: partition.partition))
                }
                for (index, reply) in replies.enumerated() { try self.replyTopics.send(reply, index, failures) }
                try self.producer.sendOffsets(work.offsets, of: consumer)
            }
            self.done(work)
            for reply in replies {
                self.telemetry.metrics.wrote(WrittenRecord(reply, self.configuration.topics))
            }
        } catch  where error.isFatal {
            self.state.withLockedValue { $0.failure = error }
            self.logger.critical("collecting can't go on", metadata: ["error": "\(error)"])
            consumer.stop()
        } catch {
            // Nothing of it was written; it is all still due.
            self.logger.warning("a step of collecting is taken again", metadata: ["error": "\(error)"])
            self.state.withLockedValue { state in
                state.restsUntil = .now + Self.pauseAfterFailure
                // Each has its note behind it.
                for (index, error) in failures.all {
                    let (partition, ending) = work.endings[index / 2]
                    state.unwritable[partition, default: [:]][ending.offset] = error
                }
            }
        }
    }

    private func work() -> Work {
        let now = Self.now
        let grace = self.configuration.collectionGrace.components.seconds * 1_000
        return self.state.withLockedValue { state in
            var work = Work(marks: state.unmarked)
            for (partition, ledger) in state.ledgers {
                let endings = ledger.due(now: now, grace: grace, maximum: Self.maximumEndings - work.endings.count)
                work.endings += endings.map { (partition, $0) }
                if let offset = ledger.commit(settling: endings) {
                    work.offsets.append(CommittedOffset(partition, offset: offset))
                }
            }
            return work
        }
    }

    private func done(_ work: Work) {
        for (_, ending) in work.endings where ending.finished.missing > 0 {
            self.logger.error(
                "a job is finished although nobody reported the end of some of its tasks",
                metadata: ["job": "\(ending.job.job)", "missing": "\(ending.finished.missing)"])
        }
        self.state.withLockedValue { state in
            for (partition, mark) in work.marks where state.unmarked[partition] == mark {
                state.unmarked[partition] = nil
            }
            for (partition, ending) in work.endings {
                state.ledgers[partition]?.settle(ending.job.job)
                state.unwritable[partition]?[ending.offset] = nil
            }
            for offset in work.offsets {
                if let value = offset.offset { state.ledgers[offset.topicPartition]?.committed(value) }
            }
            state.finishedJobs += work.endings.count
        }
    }

    /// The `finished` replies, each with its note for the log.
    private func replies(of work: Work) throws(KafkaError) -> [ProducerRecord] {
        var records: [ProducerRecord] = []
        let unwritable = self.state.withLockedValue { $0.unwritable }
        for (partition, ending) in work.endings {
            let job = ending.job
            let route = ReplyRoute(topic: job.replyTo, partition: job.replyPartition, echo: job.echo)
            var reply = route.record(for: .finished(ending.finished), job: job.job)
            func letter(_ reason: String) -> ProducerRecord {
                DeadLetter.undeliverable(
                    reply, topic: self.configuration.topics.deadLetters, task: partition, offset: ending.offset,
                    reason: reason)
            }
            // Topics can be deleted while a job runs. One of them must not stop the others' jobs.
            let count = try self.replyTopics.partitionCount(of: job.replyTo)
            if count.map({ (job.replyPartition ?? 0) >= $0 }) ?? true {
                reply = letter("there is no such topic or partition any more")
            } else if let error = unwritable[partition]?[ending.offset] {
                let letter = letter(error.message)
                reply = DeadLetter.withoutContent(letter) ?? letter
            }
            records += [
                reply,
                JobProgress.finished(job: job.job).record(
                    topic: partition.topic, key: job.job, partition: partition.partition),
            ]
        }
        return records
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
