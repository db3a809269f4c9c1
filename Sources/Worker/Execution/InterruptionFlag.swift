import NIOConcurrencyHelpers

/// Why a task was cancelled: set before the cancellation, read by the task when it notices. The first reason stands, except that a lost
/// partition outranks every other.
final class InterruptionFlag: Sendable {
    private let box = NIOLockedValueBox<Interruption?>(nil)

    var value: Interruption? { self.box.withLockedValue { $0 } }

    func set(_ reason: Interruption) {
        self.box.withLockedValue { value in
            if value == nil || reason == .lost { value = reason }
        }
    }
}
