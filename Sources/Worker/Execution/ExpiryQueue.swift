import HeapModule
import Kafka

/// The deadlines of a lane group's tasks, so that one timer serves them all.
///
/// A task that ends before its deadline stays until the deadline, or until half of what is held is of that kind: taking it out at once would cost a
/// search through all others, for each task of a fan-out.
struct ExpiryQueue {
    struct Entry: Comparable {
        var deadline: ContinuousClock.Instant
        var device: String
        var task: AssignedTask.Identity

        static func < (left: Entry, right: Entry) -> Bool { left.deadline < right.deadline }
    }

    private var entries = Heap<Entry>()
    private var ended = 0

    /// Fewer than these are never worth sorting out.
    private static let smallest = 64

    var count: Int { self.entries.count }
    /// When the next one is due.
    var next: ContinuousClock.Instant? { self.entries.min?.deadline }

    mutating func insert(_ assigned: AssignedTask) {
        self.entries.insert(
            Entry(deadline: assigned.deadline, device: assigned.task.device, task: assigned.identity))
    }

    /// Takes out one whose deadline has passed; it may have ended.
    mutating func popDue(at now: ContinuousClock.Instant) -> Entry? {
        guard let next = self.entries.min, next.deadline <= now else { return nil }
        self.ended = max(0, self.ended - 1)
        return self.entries.popMin()
    }

    /// To be called when tasks have ended. `true` when ``keep(_:)`` is worth its cost.
    mutating func noteEnded(_ count: Int = 1) -> Bool {
        self.ended += count
        return self.ended >= Self.smallest && self.ended * 2 > self.entries.count
    }

    /// Forgets all but these.
    mutating func keep(_ living: Set<AssignedTask.Identity>) {
        self.entries = Heap(self.entries.unordered.filter { living.contains($0.task) })
        self.ended = 0
    }
}
