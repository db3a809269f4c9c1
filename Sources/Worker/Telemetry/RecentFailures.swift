import DequeModule
import Foundation
import Jobs
import NIOConcurrencyHelpers

/// The last tasks that did not succeed, for people who look. Bounded: the oldest make room.
///
/// Safe to use from any thread.
package final class RecentFailures: Sendable {
    package struct Failure: Sendable, Hashable {
        /// Milliseconds since 1970.
        package var time: Int64
        package var job: String
        package var device: String
        package var operation: String
        package var outcome: Outcome
        package var code: String
        /// Cut to a readable length; may hold what a device has sent.
        package var message: String

        package init(
            time: Int64, job: String, device: String, operation: String, outcome: Outcome, code: String, message: String
        ) {
            self.time = time
            self.job = job
            self.device = device
            self.operation = operation
            self.outcome = outcome
            self.code = code
            self.message = message
        }
    }

    static let capacity = 200
    private static let maximumMessage = 300

    private struct State: Sendable {
        var failures: Deque<Failure> = []
        var counts: [Outcome: Int] = [:]
    }

    private let state = NIOLockedValueBox(State())

    func note(_ result: DeviceResult, of task: DeviceTask) {
        guard result.outcome != .succeeded else { return }
        let failure = Failure(
            time: Int64(Date().timeIntervalSince1970 * 1000),
            job: result.job,
            device: result.device,
            operation: task.operation.type,
            outcome: result.outcome,
            code: result.error?.code ?? "",
            message: String((result.error?.message ?? "").prefix(Self.maximumMessage))
        )
        self.state.withLockedValue { state in
            if state.failures.count == Self.capacity { state.failures.removeFirst() }
            state.failures.append(failure)
            state.counts[result.outcome, default: 0] += 1
        }
    }

    /// The latest first.
    package var latest: [Failure] { self.state.withLockedValue { $0.failures.reversed() } }

    /// How many there were of each outcome since the worker started.
    package var counts: [Outcome: Int] { self.state.withLockedValue { $0.counts } }
}
