import NIOConcurrencyHelpers
import NIOCore
import Worker

/// Asks a worker for its lanes without waiting longer than whoever asks can.
///
/// Lanes live on event loops. One that is stuck, or busy with thousands of handshakes, must not keep the page and the probes from saying so: then they get
/// the lanes as they were last. One question at a time is under way. Safe to use from any task.
final class LaneReader: Sendable {
    struct Answer: Sendable {
        var lanes: [LaneStatus]
        /// How old they are, if the worker didn't answer in time; `nil` when it did. Since the reader was made, if it never has.
        var delay: Duration?
    }

    private struct State: Sendable {
        var last: [LaneStatus] = []
        var time = ContinuousClock.now
        var isAsking = false
        var lastWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let source: any OperationsSource
    private let timerLoop: any EventLoop
    private let state = NIOLockedValueBox(State())

    /// - Parameter timerLoop: one that nothing of the worker runs on.
    init(_ source: any OperationsSource, timerLoop: any EventLoop) {
        self.source = source
        self.timerLoop = timerLoop
    }

    /// - Parameter limit: how long to wait for an answer.
    func lanes(within limit: Duration = .milliseconds(500)) async -> Answer {
        let begin = ContinuousClock.now
        await withCheckedContinuation { continuation in
            let (waiter, mustAsk) = self.state.withLockedValue { state in
                state.lastWaiter += 1
                state.waiters[state.lastWaiter] = continuation
                defer { state.isAsking = true }
                return (state.lastWaiter, !state.isAsking)
            }
            self.timerLoop.scheduleTask(in: TimeAmount(limit)) { self.giveUp(waiter) }
            // In a task of its own: whoever asks may leave, and it can't be cancelled.
            if mustAsk { Task { await self.ask() } }
        }
        return self.state.withLockedValue { state in
            Answer(lanes: state.last, delay: state.time >= begin ? nil : ContinuousClock.now - state.time)
        }
    }

    private func ask() async {
        let lanes = await self.source.lanes()
        let waiters = self.state.withLockedValue { state in
            state.last = lanes
            state.time = .now
            state.isAsking = false
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    private func giveUp(_ waiter: Int) {
        self.state.withLockedValue { $0.waiters.removeValue(forKey: waiter) }?.resume()
    }
}
