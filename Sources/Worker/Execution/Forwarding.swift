import Kafka
import Logging
import NIOConcurrencyHelpers

/// Tasks that go to another partition of the task topic, each together with the offset that ends it here: were they two steps, a crash between them would
/// make two tasks of one, and a change would run twice. For workers whose results don't go out in transactions anyway.
final class Forwarding: Sendable {
    let outbox: Outbox
    private let configuration: WorkerConfiguration
    private let logger: Logger
    private let opened = NIOLockedValueBox<KafkaProducer?>(nil)

    /// - Parameter filled: called when there is something to write.
    init(_ configuration: WorkerConfiguration, logger: Logger, filled: @escaping @Sendable () -> Void) {
        self.configuration = configuration
        self.logger = logger
        self.outbox = Outbox(filled: filled)
    }

    /// Made when it is first needed: topics grow seldom. Blocks. To be called by one caller at a time.
    func producer() throws(KafkaError) -> KafkaProducer {
        if let producer = self.opened.withLockedValue({ $0 }) { return producer }
        let producer = try KafkaProducer(
            self.configuration.kafka,
            transactionalID: "\(self.configuration.topics.prefix).forwarder.\(self.configuration.name)",
            logger: self.logger
        )
        try producer.initializeTransactions()
        self.opened.withLockedValue { $0 = producer }
        return producer
    }

    func close() async { await self.opened.withLockedValue { $0 }?.close() }
}
