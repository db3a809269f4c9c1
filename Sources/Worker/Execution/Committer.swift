import Kafka
import Logging
import NIOConcurrencyHelpers

/// Commits in groups, one commit at a time: finished tasks after a short while, changes that wait for their note at once.
///
/// While one commit is under way, everything that happens gathers for the next: many changes share one round trip to the coordinator.
final class Committer: Sendable {
    private struct State: Sendable {
        var consumer: KafkaConsumer?
        var write: (@Sendable () async throws(KafkaError) -> Void)?
        var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
        var nextWaiter = 0
        var isDirty = false
        var isEnded = false
        var isRefused = false
        /// The code of the last commit's error, while none has succeeded since.
        var failure: String?
    }

    private let interval: Duration
    private let logger: Logger
    private let state = NIOLockedValueBox(State())
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(interval: Duration, logger: Logger) {
        self.interval = interval
        self.logger = logger
        (self.signals, self.signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Whose offsets are committed, and how: `write` commits all there is at the moment, and returns when that is acknowledged.
    func attach(_ consumer: KafkaConsumer, write: @escaping @Sendable () async throws(KafkaError) -> Void) {
        self.state.withLockedValue {
            $0.consumer = consumer
            $0.write = write
        }
    }

    func stopConsumer() { self.state.withLockedValue { $0.consumer }?.stop() }

    /// Something is finished; commit it with the next group.
    func commitSoon() {
        let isFirst = self.state.withLockedValue { state in
            defer { state.isDirty = true }
            return !state.isDirty
        }
        guard isFirst else { return }
        // Lets a group gather; a change that comes meanwhile doesn't wait for this.
        Task { [interval, signal] in
            try? await Task.sleep(for: interval)
            signal.yield()
        }
    }

    /// Commits all there is now, and returns when the coordinator has acknowledged it.
    func commit() async throws(KafkaError) {
        let id = self.state.withLockedValue { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        do {
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                    let refused = self.state.withLockedValue { state in
                        if state.isEnded || Task.isCancelled { return true }
                        state.waiters[id] = waiter
                        return false
                    }
                    if refused { waiter.resume(throwing: CancellationError()) } else { self.signal.yield() }
                }
            } onCancel: {
                self.state.withLockedValue { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
            }
        } catch let error as KafkaError {
            throw error
        } catch {
            throw .cancelled
        }
    }

    /// Whether the coordinator has refused the last commit because this member, or its generation, isn't the group's any more: until it has joined
    /// again, no commit can succeed.
    var isRefused: Bool { self.state.withLockedValue { $0.isRefused } }

    private static let refusals: Set<String> = [
        "kafka.illegal_generation", "kafka.unknown_member_id", "kafka.fenced_instance_id",
    ]

    /// Runs until cancelled.
    func run() async {
        for await _ in self.signals {
            await self.commitGroup()
        }
        let waiters = self.state.withLockedValue { state in
            state.isEnded = true
            defer { state.waiters = [:] }
            return state.waiters.values.map { $0 }
        }
        for waiter in waiters { waiter.resume(throwing: CancellationError()) }
    }

    private func commitGroup() async {
        let (write, waiters) = self.state.withLockedValue { state in
            state.isDirty = false
            defer { state.waiters = [:] }
            return (state.write, Array(state.waiters.values))
        }
        do {
            try await write?()
            self.state.withLockedValue { state in
                state.isRefused = false
                state.failure = nil
            }
            for waiter in waiters { waiter.resume() }
        } catch {
            let isNew = self.state.withLockedValue { state in
                if Self.refusals.contains(error.code) { state.isRefused = true }
                defer { state.failure = error.code }
                return state.failure != error.code
            }
            // Once, not for each of the tasks that wait for it.
            self.logger.log(
                level: isNew ? .warning : .debug, "a commit failed", metadata: ["error": "\(error)"])
            for waiter in waiters { waiter.resume(throwing: error) }
            // Those who try again gather meanwhile.
            try? await Task.sleep(for: .milliseconds(error.isRetriable ? 200 : 50))
            if error.isRetriable { self.commitSoon() }
        }
    }
}
