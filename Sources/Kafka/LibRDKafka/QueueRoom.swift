import NIOConcurrencyHelpers

/// Senders that wait until the full queue of a producer has room again.
///
/// Nobody spins: a sender sleeps until at least one record has left the queue since it looked.
final class QueueRoom: Sendable {
    private struct State: Sendable {
        /// Grows each time records leave the queue.
        var departures: UInt64 = 0
        var next: UInt64 = 0
        var waiting: [UInt64: Answer<Void>] = [:]
    }
    private let state = NIOLockedValueBox(State())

    /// To be read before an attempt to send, and given to ``wait(since:)`` when there was no room.
    var departures: UInt64 { self.state.withLockedValue { $0.departures } }

    /// Returns when records have left the queue after `departures` was read.
    /// - Throws: `kafka.cancelled`, `kafka.closed`.
    func wait(since departures: UInt64) async throws(KafkaError) {
        let answer = Answer<Void>()
        let id = self.state.withLockedValue { state -> UInt64? in
            guard state.departures == departures else { return nil }
            state.next += 1
            state.waiting[state.next] = answer
            return state.next
        }
        guard let id else { return }
        defer { self.state.withLockedValue { _ = $0.waiting.removeValue(forKey: id) } }
        try await answer.wait(start: {}, cancelled: { answer.cancel() })
    }

    /// Records have left the queue, or nothing is in it: wakes all who wait.
    func recordsLeft() {
        self.resolveAll(.success(()))
    }

    func closed() {
        self.resolveAll(.failure(.closed))
    }

    private func resolveAll(_ result: Result<Void, KafkaError>) {
        let waiting = self.state.withLockedValue { state in
            state.departures += 1
            defer { state.waiting = [:] }
            return state.waiting.sorted { $0.key < $1.key }.map(\.value)
        }
        for answer in waiting { answer.resolve(result) }
    }
}
