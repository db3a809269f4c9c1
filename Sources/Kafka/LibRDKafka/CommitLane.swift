import CRDKafka
import NIOConcurrencyHelpers

/// Commits offsets of one consumer on a thread of its own, one request at a time, so that commits work while the consumer's thread is
/// inside a delegate call.
final class CommitLane: Sendable {
    private struct State: Sendable {
        var pending = PendingCommits()
        var isStopping = false
        var hasEnded = false
    }
    private let state = Monitor(State())
    private let assignment: NIOLockedValueBox<Assignment>
    private let rejoins: RejoinWatch
    private let handle: ClientHandle
    private let action: String

    /// - Parameters:
    ///   - assignment: shared with the consumer. A commit is put on librdkafka's queue under this lock, so that none can follow the release of its
    ///     partition, where it would go out under a generation that the caller never saw.
    ///   - rejoins: commits wait while the member joins its group again.
    init(
        _ handle: ClientHandle,
        group: String,
        _ assignment: NIOLockedValueBox<Assignment>,
        _ rejoins: RejoinWatch
    ) throws(KafkaError) {
        self.handle = handle
        self.assignment = assignment
        self.rejoins = rejoins
        self.action = "Committing offsets of group `\(group)`"
        try OwnThread.start(name: "kafka-commit") { self.serve() }
    }

    /// The broker's default for `offset.metadata.max.bytes`. librdkafka 2.0 would cut off what is far longer, and say nothing.
    static let maximumMetadata = 4_096

    /// - Throws: `kafka.offset_metadata_too_large`, `kafka.invalid_arg`.
    static func check(_ offsets: [CommittedOffset]) throws(KafkaError) {
        for offset in offsets {
            let size = offset.metadata.utf8.count
            guard size <= Self.maximumMetadata else {
                throw KafkaError(
                    RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE,
                    "Committing an offset of \(offset.topicPartition)",
                    detail: "its metadata has \(size) bytes, and brokers take \(Self.maximumMetadata)"
                )
            }
            guard let value = offset.offset, value >= 0 else {
                throw KafkaError(
                    RD_KAFKA_RESP_ERR__INVALID_ARG,
                    "Committing an offset of \(offset.topicPartition)",
                    detail: "there is no offset to commit"
                )
            }
        }
    }

    /// Queues a commit; `completion` is called once, on the lane's thread (or this one, when the lane has ended).
    func submit(
        _ offsets: [CommittedOffset],
        deadline: ContinuousClock.Instant,
        completion: @escaping @Sendable (Result<Void, KafkaError>) -> Void
    ) {
        let caller = PendingCommits.Caller(
            partitions: offsets.map(\.topicPartition),
            deadline: deadline,
            completion: completion
        )
        let accepted = self.state.update { state in
            if state.isStopping { return false }
            state.pending.submit(offsets, caller)
            return true
        }
        if !accepted { completion(.failure(.closed)) }
    }

    /// Ends the thread: what waits fails with `kafka.closed`. Blocks until it has ended.
    func stop() {
        self.state.update { $0.isStopping = true }
        while self.state.wait(atMost: .seconds(60), until: { $0.hasEnded ? true : nil }) == nil {}
    }

    // MARK: The thread

    private enum Step: Sendable {
        case commit(PendingCommits.Batch)
        case stop
    }

    private func serve() {
        let queue = try? self.handle.use { client throws(KafkaError) in rd_kafka_queue_new(client) }
        while true {
            let isDue = self.state.wait(atMost: .seconds(3_600)) { $0.isStopping || !$0.pending.isEmpty ? true : nil }
            guard isDue == true else { continue }
            guard self.rejoins.waitUntilSettled(atMost: .milliseconds(100)) || self.isStopping else {
                self.tellExpired()
                continue
            }
            let step = self.state.withLock { state -> Step? in
                if state.isStopping { return .stop }
                return state.pending.takeBatch().map { .commit($0) }
            }
            guard let step else { continue }
            guard case .commit(let batch) = step, let queue else { break }
            self.commit(batch, queue)
        }
        // Before the client is destroyed: `stop` has its caller wait for this.
        if let queue { rd_kafka_queue_destroy(queue) }
        let rest = self.state.withLock { $0.pending.takeBatch() }
        for caller in rest?.callers ?? [] { caller.completion(.failure(.closed)) }
        self.state.update { state in
            state.isStopping = true
            state.hasEnded = true
        }
    }

    private var isStopping: Bool { self.state.withLock { $0.isStopping } }

    private func tellExpired() {
        let expired = self.state.withLock { $0.pending.takeExpired(.now) }
        for caller in expired { caller.completion(.failure(.timedOut(self.action))) }
    }

    private func commit(_ batch: PendingCommits.Batch, _ queue: OpaquePointer) {
        var batch = batch
        let sent = self.send(&batch, queue)
        switch sent {
        case .failure(let error):
            for caller in batch.callers { caller.completion(.failure(error)) }
        case .success(let isUnderWay):
            if isUnderWay { self.finish(batch, queue) }
        }
    }

    /// Puts the request on librdkafka's queue, without the partitions that aren't ours any more.
    private func send(_ batch: inout PendingCommits.Batch, _ queue: OpaquePointer) -> Result<Bool, KafkaError> {
        do throws(KafkaError) {
            let (refused, isUnderWay) = try self.handle.use { client throws(KafkaError) in
                let (refused, code) = self.assignment.withLockedValue { assignment in
                    var foreign: [TopicPartition: KafkaError] = [:]
                    let memberID = ConsumerClient.memberID(client)
                    for offset in batch.offsets {
                        let partition = offset.topicPartition
                        if assignment.firstForeign(CollectionOfOne(partition), to: memberID) != nil {
                            foreign[partition] = .notAssigned(partition, self.action)
                        }
                    }
                    let refused = foreign.isEmpty ? [] : batch.refuse(foreign)
                    guard !batch.callers.isEmpty, !batch.offsets.isEmpty else {
                        return (refused, RD_KAFKA_RESP_ERR__NO_OFFSET)
                    }
                    let code = PartitionList(batch.offsets).lend { rd_kafka_commit_queue(client, $0, queue, nil, nil) }
                    return (refused, code)
                }
                if code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__NO_OFFSET {
                    throw .of(code, client, self.action)
                }
                return (refused, code == RD_KAFKA_RESP_ERR_NO_ERROR)
            }
            for (caller, error) in refused { caller.completion(.failure(error)) }
            return .success(isUnderWay)
        } catch {
            return .failure(error)
        }
    }

    /// Waits for the coordinator's answer. Callers whose time is up are told; the next request still waits for this answer.
    private func finish(_ batch: PendingCommits.Batch, _ queue: OpaquePointer) {
        var callers = batch.callers
        while true {
            let event = try? self.handle.use { client throws(KafkaError) -> Outcome? in
                guard let event = rd_kafka_queue_poll(queue, 100) else { return nil }
                defer { rd_kafka_event_destroy(event) }
                guard rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT else { return nil }
                return self.outcome(event, client)
            }
            if let outcome = event ?? nil {
                for caller in callers {
                    let error = caller.firstError(outcome.failures) ?? (outcome.failures.isEmpty ? outcome.error : nil)
                    caller.completion(error.map { .failure($0) } ?? .success(()))
                }
                return
            }
            let now = ContinuousClock.now
            let (isStopping, expired) = self.state.withLock { ($0.isStopping, $0.pending.takeExpired(now)) }
            for caller in expired + callers.filter({ $0.deadline <= now }) {
                caller.completion(.failure(.timedOut(self.action)))
            }
            callers.removeAll { $0.deadline <= now }
            if isStopping {
                // The consumer is closed by now: if librdkafka had the answer, it would be here.
                for caller in callers { caller.completion(.failure(.closed)) }
                return
            }
        }
    }

    private struct Outcome {
        var error: KafkaError?
        var failures: [TopicPartition: KafkaError]
    }

    private func outcome(_ event: OpaquePointer, _ client: OpaquePointer) -> Outcome {
        let code = rd_kafka_event_error(event)
        var failures: [TopicPartition: KafkaError] = [:]
        if let list = rd_kafka_event_topic_partition_list(event) {
            failures = PartitionList(borrowing: list).failures.mapValues { .of($0, client, self.action) }
        }
        return Outcome(
            error: code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : .of(code, client, self.action),
            failures: failures
        )
    }
}
