import Jobs
import Kafka
import Logging

/// Puts replies on their topics through one idempotent producer, so that the replies of a job keep their order.
final class ReplyPublisher: Sendable {
    private let producer: KafkaProducer
    private let logger: Logger

    init(producer: KafkaProducer, logger: Logger) {
        self.producer = producer
        self.logger = logger
    }

    /// Queues a record if there is room for it.
    func tryPublish(
        _ record: ProducerRecord,
        completion: (@Sendable (Result<Void, KafkaError>) -> Void)? = nil
    ) -> Bool {
        do {
            try self.producer.send(record) { [report] result in
                report(result)
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
        while true {
            do {
                try self.producer.send(record) { [report] result in
                    report(result)
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

    private static func rest() async {
        // A task of its own, so that the caller's cancellation doesn't turn waiting into spinning.
        await Task { try? await Task.sleep(for: .milliseconds(20)) }.value
    }

    private var report: @Sendable (Result<(partition: Int32, offset: Int64), KafkaError>) -> Void {
        { [logger] result in
            if case .failure(let error) = result {
                logger.error("a reply could not be published", metadata: ["error": "\(error)"])
            }
        }
    }
}
