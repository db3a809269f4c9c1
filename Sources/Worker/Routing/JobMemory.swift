import Foundation
import Jobs
import Kafka
import Logging
import NIOConcurrencyHelpers

/// What a router remembers of accepted jobs, its own and the other routers': it reads their notes on the progress topic.
///
/// Kept from the log alone. A router that takes job partitions over writes a mark and waits until it has read it: everything that the partitions' earlier owners
/// have accepted is known then. So a job whose record is written twice to one partition (that is, under one key) is never run twice within the window. Records of
/// one id on different partitions can reach two routers at the same moment; the second is recognised if the first was accepted before it was read.
final class JobMemory: Sendable {
    private struct State: Sendable {
        var accepted: AcceptedJobs
        /// Marks that are waited for, and how many partitions still owe them.
        var marks: [String: (missing: Int, done: DispatchSemaphore)] = [:]
    }

    private let configuration: WorkerConfiguration
    private let logger: Logger
    private let state: NIOLockedValueBox<State>

    /// How long reading up to a mark may take.
    private static let patience = Duration.seconds(120)

    init(_ configuration: WorkerConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        self.state = NIOLockedValueBox(
            State(
                accepted: AcceptedJobs(
                    window: configuration.duplicateWindow, maximum: configuration.maximumRememberedJobs)))
    }

    func job(_ id: String) -> JobProgress.AcceptedJob? {
        let now = Self.now
        return self.state.withLockedValue { $0.accepted.job(id, now: now) }
    }

    func remember(_ jobs: [JobProgress.AcceptedJob]) {
        let now = Self.now
        self.state.withLockedValue { state in for job in jobs { state.accepted.take(job, at: now, now: now) } }
    }

    /// Returns when everything has been read that stood on the progress topic before. Blocks: for the router's own thread.
    /// - Throws: `kafka.timed_out`, and as the transaction that writes the mark.
    func catchUp(_ producer: KafkaProducer) throws(KafkaError) {
        let topic = self.configuration.topics.progress
        let partitions = try producer.partitionCount(of: topic)
        let id = "\(self.configuration.name)/\(UUID().uuidString)"
        let done = DispatchSemaphore(value: 0)
        self.state.withLockedValue { $0.marks[id] = (Int(partitions), done) }
        defer { self.state.withLockedValue { _ = $0.marks.removeValue(forKey: id) } }
        try producer.transact { () throws(KafkaError) in
            for partition in 0..<partitions {
                try producer.sendWhenRoom(JobProgress.mark(id: id).record(topic: topic, key: nil, partition: partition))
            }
        }
        guard done.wait(timeout: .now() + Self.patience.seconds) == .success else {
            throw KafkaError(
                code: "kafka.timed_out", number: -185,
                message: "Reading topic `\(topic)` to its end took longer than \(Self.patience). Check the brokers.",
                isRetriable: true)
        }
    }

    /// Reads the progress topic until cancelled.
    func run() async throws(KafkaError) {
        let reader = try await KafkaReader(
            self.configuration.kafka, topic: self.configuration.topics.progress,
            from: .since(Self.now - self.configuration.duplicateWindow.components.seconds * 1_000), logger: self.logger)
        do throws(KafkaError) {
            while !Task.isCancelled {
                do {
                    self.take(try await reader.next(timeout: .seconds(5)))
                } catch {
                    guard error.isRetriable, !error.isFatal else { throw error }
                    self.logger.warning("the progress topic can't be read now", metadata: ["error": "\(error)"])
                    try? await Task.sleep(for: .seconds(1))
                }
            }
        } catch {
            await reader.close()
            throw error
        }
        await reader.close()
    }

    private func take(_ records: [KafkaRecord]) {
        let now = Self.now
        // Most records are ends of tasks, which say nothing here.
        let notes = records.compactMap { record -> (JobProgress, Int64)? in
            guard let value = record.value, let note = try? JobProgress(decoding: value) else { return nil }
            if case .ended = note { return nil }
            return (note, record.timestamp ?? now)
        }
        self.state.withLockedValue { state in
            for (note, time) in notes {
                switch note {
                case .accepted(let job): state.accepted.take(job, at: time, now: now)
                case .mark(let id):
                    guard let mark = state.marks[id] else { continue }
                    state.marks[id]?.missing -= 1
                    if mark.missing == 1 { mark.done.signal() }
                case .ended, .finished: continue
                }
            }
        }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
