import Jobs
import Kafka
import Logging

/// Puts replies on their topics through one idempotent producer, so that the replies of a job keep their order.
final class ReplyPublisher: Sendable {
    private let producer: KafkaProducer
    private let outbox: Outbox?
    private let topics: TopicNames
    private let metrics: WorkerMetrics
    private let logger: Logger

    /// - Parameter outbox: where records go instead, to be written in the next transaction.
    init(
        producer: KafkaProducer, outbox: Outbox? = nil, topics: TopicNames, metrics: WorkerMetrics, logger: Logger
    ) {
        self.producer = producer
        self.outbox = outbox
        self.topics = topics
        self.metrics = metrics
        self.logger = logger
    }

    /// Queues a record if there is room for it. With an outbox, `completion` isn't called: what a task's end depends on goes there directly.
    func tryPublish(
        _ record: ProducerRecord,
        completion: (@Sendable (Result<Void, KafkaError>) -> Void)? = nil
    ) -> Bool {
        if let outbox { return outbox.tryAdd(Outbox.Entry([record])) }
        let kind = WrittenRecord(record, self.topics)
        do {
            try self.producer.send(record) { [self] result in
                self.report(result, kind)
                completion?(result.map { _ in () })
            }
            return true
        } catch {
            guard error.code != "kafka.queue_full" else { return false }
            completion?(.failure(error))
            return true
        }
    }

    /// Queues a record, waiting for room; then calls `completion` when it is acknowledged, or never will be.
    ///
    /// A full queue means that the broker is slow or away: the caller waits, its lane with it, and nothing piles up.
    func publish(
        _ record: ProducerRecord,
        completion: (@Sendable (Result<Void, KafkaError>) -> Void)? = nil
    ) async {
        if let outbox { return await outbox.add(Outbox.Entry([record])) }
        let kind = WrittenRecord(record, self.topics)
        while true {
            do {
                try self.producer.send(record) { [self] result in
                    self.report(result, kind)
                    completion?(result.map { _ in () })
                }
                return
            } catch  where error.code == "kafka.queue_full" {
                // Also when cancelled: a result that exists is published.
                await Self.rest()
            } catch {
                completion?(.failure(error))
                return
            }
        }
    }

    static func rest() async {
        // A task of its own, so that the caller's cancellation doesn't turn waiting into spinning.
        await Task { try? await Task.sleep(for: .milliseconds(20)) }.value
    }

    private func report(_ result: Result<(partition: Int32, offset: Int64), KafkaError>, _ kind: WrittenRecord) {
        switch result {
        case .success: self.metrics.wrote(kind)
        case .failure(let error):
            self.metrics.failedReplies.increment()
            self.logger.error("a reply could not be published", metadata: ["error": "\(error)"])
        }
    }

    /// A transaction has put it on its topic.
    func count(_ record: ProducerRecord) { self.metrics.wrote(WrittenRecord(record, self.topics)) }
}
