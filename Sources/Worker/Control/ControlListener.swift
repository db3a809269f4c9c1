import Foundation
import Jobs
import Kafka
import Logging

/// Reads the control topic, whole and without a group: every worker hears every order.
///
/// It begins as far back as the longest deadline, so that a cancellation holds for tasks that a worker takes which wasn't there when it was written.
final class ControlListener: Sendable {
    /// What is to be done about an order.
    struct Actions: Sendable {
        /// `time`: when it was written, in milliseconds since 1970.
        var cancel: @Sendable (Control.Cancellation, _ time: Int64) async -> Void
        var close: @Sendable (_ devices: [String]) async -> Void
        var drain: @Sendable () -> Void
    }

    private let configuration: WorkerConfiguration
    private let actions: Actions
    private let logger: Logger
    private let reader: KafkaReader

    /// How long reading what is there already may take.
    private static let patience = Duration.seconds(120)

    /// - Throws: `kafka.unknown_topic_or_part` when there is no control topic, and as ``KafkaReader``.
    init(_ configuration: WorkerConfiguration, actions: Actions, logger: Logger) async throws(KafkaError) {
        self.configuration = configuration
        self.actions = actions
        self.logger = logger
        let start = Self.now - configuration.maximumDeadline.components.seconds * 1_000
        self.reader = try await KafkaReader(
            configuration.kafka, topic: configuration.topics.control, from: .since(start), logger: logger)
    }

    /// Takes all cancellations that stood on the topic before. Nothing may be run earlier.
    func catchUp() async throws(KafkaError) {
        let deadline = ContinuousClock.now + Self.patience
        while try await !self.reader.hasReachedEnd() {
            guard ContinuousClock.now < deadline else {
                throw KafkaError(
                    code: "kafka.timed_out", number: -185,
                    message:
                        "Reading topic `\(self.configuration.topics.control)` to its end took longer than \(Self.patience). Check the brokers.",
                    isRetriable: true)
            }
            for record in try await self.reader.next(timeout: .seconds(1), untilEnd: true) {
                await self.obey(record, isNew: false)
            }
        }
    }

    /// Runs until cancelled.
    func run() async throws(KafkaError) {
        while !Task.isCancelled {
            do {
                for record in try await self.reader.next(timeout: .seconds(5)) { await self.obey(record, isNew: true) }
            } catch {
                guard error.isRetriable, !error.isFatal else { throw error }
                self.logger.warning("the control topic can't be read now", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    func close() async { await self.reader.close() }

    /// - Parameter isNew: written after this worker had started. What is old is not done again, except that cancelled jobs stay cancelled.
    private func obey(_ record: KafkaRecord, isNew: Bool) async {
        guard let value = record.value else { return }
        let control: Control
        do {
            control = try Control(decoding: value)
        } catch {
            self.logger.warning(
                "a control record can't be used",
                metadata: ["partition": "\(record.topicPartition)", "offset": "\(record.offset)", "error": "\(error)"])
            return
        }
        switch control {
        case .cancel(let cancellation):
            if isNew { self.logger.info("a job is cancelled", metadata: ["job": "\(cancellation.job)"]) }
            await self.actions.cancel(cancellation, record.timestamp ?? Self.now)
        case .close(let devices) where isNew: await self.actions.close(devices)
        case .drain(let worker) where isNew && worker == self.configuration.name:
            self.logger.info("this worker is told to drain")
            self.actions.drain()
        case .close, .drain: break
        }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
