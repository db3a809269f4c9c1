/// The commits that wait for their turn, merged into one request. A value without I/O.
///
/// One request is under way at a time: librdkafka repeats a request that failed for a passing reason, and a newer one that had overtaken it
/// would be undone by that. What is submitted meanwhile goes out together, the latest offset of each partition winning.
struct PendingCommits: Sendable {
    struct Caller: Sendable {
        var partitions: [TopicPartition]
        var deadline: ContinuousClock.Instant
        var completion: @Sendable (Result<Void, KafkaError>) -> Void
    }

    /// What goes out in one request, and who waits for it.
    struct Batch: Sendable {
        var offsets: [CommittedOffset]
        var callers: [Caller]
    }

    private var offsets: [TopicPartition: CommittedOffset] = [:]
    private var order: [TopicPartition] = []
    private var callers: [Caller] = []

    var isEmpty: Bool { self.callers.isEmpty }

    mutating func submit(_ offsets: [CommittedOffset], _ caller: Caller) {
        for offset in offsets {
            if self.offsets.updateValue(offset, forKey: offset.topicPartition) == nil {
                self.order.append(offset.topicPartition)
            }
        }
        self.callers.append(caller)
    }

    /// `nil` when there is nothing to commit.
    mutating func takeBatch() -> Batch? {
        guard !self.callers.isEmpty else { return nil }
        defer { self = PendingCommits() }
        return Batch(offsets: self.order.compactMap { self.offsets[$0] }, callers: self.callers)
    }

    /// Removes those whose time is up. Their offsets stay: others may rely on them.
    mutating func takeExpired(_ now: ContinuousClock.Instant) -> [Caller] {
        let expired = self.callers.filter { $0.deadline <= now }
        if !expired.isEmpty { self.callers.removeAll { $0.deadline <= now } }
        return expired
    }
}

extension PendingCommits.Batch {
    /// Takes out the partitions that failed before the request was made, and returns those whose commit ends with that.
    mutating func refuse(_ failures: [TopicPartition: KafkaError]) -> [(PendingCommits.Caller, KafkaError)] {
        var refused: [(PendingCommits.Caller, KafkaError)] = []
        self.callers.removeAll { caller in
            guard let error = caller.firstError(failures) else { return false }
            refused.append((caller, error))
            return true
        }
        self.offsets.removeAll { failures[$0.topicPartition] != nil }
        return refused
    }
}

extension PendingCommits.Caller {
    func firstError(_ failures: [TopicPartition: KafkaError]) -> KafkaError? {
        for partition in self.partitions {
            if let error = failures[partition] { return error }
        }
        return nil
    }
}
