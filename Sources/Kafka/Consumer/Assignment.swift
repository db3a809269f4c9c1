/// What a group member owns, and which of its records may be handed over. A value without I/O; the consumer's thread and the
/// callers of `commit` and `pause` share it behind a lock.
struct Assignment: Sendable {
    /// How librdkafka wants an assignment to be changed (KIP-429).
    enum RebalanceProtocol: Sendable, Hashable { case cooperative, eager }

    private struct Partition: Sendable {
        /// The offset of the record that was handed over last.
        var lastOffset: Int64?
        /// Fetching has begun.
        var isStarted = false
        /// Paused before fetching has begun, which librdkafka can't be told yet.
        var pausesAtStart = false
        /// Another member may own it: librdkafka said so, even if it forgets.
        var isLost = false
    }
    private var owned: [TopicPartition: Partition] = [:]
    /// As which member they were granted; `nil` before the first grant.
    private var memberID: String?
    /// Counts the rebalances that this member has seen.
    private(set) var rebalances = 0

    var partitions: Set<TopicPartition> { Set(self.owned.keys) }

    func owns(_ partition: TopicPartition) -> Bool { self.owned[partition] != nil }

    /// The first of `partitions` that isn't this member's; commits for it must not leave the process.
    func firstForeign(_ partitions: some Sequence<TopicPartition>, to memberID: String?) -> TopicPartition? {
        let isGranted = self.isGranted(to: memberID)
        return partitions.first { !isGranted || self.owned[$0]?.isLost ?? true }
    }

    // MARK: Rebalancing

    /// A rebalance begins; returns its number.
    mutating func beginRebalance() -> Int {
        self.rebalances += 1
        return self.rebalances
    }

    /// Whether what is owned was granted to this member. One that its group has evicted comes back under a new id (KIP-394), and with the generation of that
    /// one the coordinator would take commits for what the old one owned.
    func isGranted(to memberID: String?) -> Bool { self.memberID == nil || memberID == self.memberID }

    /// The group grants something to the member of that name; what an earlier one owned is lost.
    mutating func join(as memberID: String) {
        if !self.isGranted(to: memberID) { self.markLost() }
        self.memberID = memberID
    }

    /// What may belong to another member, though librdkafka has not taken it away.
    var lost: [TopicPartition] { self.owned.filter(\.value.isLost).keys.sorted() }

    /// Partitions were granted; they don't deliver before ``start(_:)``.
    mutating func grant(_ partitions: [TopicPartition]) {
        for partition in partitions { self.owned[partition] = Partition() }
    }

    /// Fetching begins. Returns those that were paused meanwhile.
    mutating func start(_ partitions: [TopicPartition]) -> [TopicPartition] {
        partitions.filter { partition in
            guard var state = self.owned[partition] else { return false }
            state.isStarted = true
            self.owned[partition] = state
            return state.pausesAtStart
        }
    }

    /// Everything that is owned now may belong to another member. To be noted when librdkafka says so, since its next
    /// assign or unassign makes it forget.
    mutating func markLost() {
        for partition in self.owned.keys { self.owned[partition]?.isLost = true }
    }

    /// Divides what is to be given up into what can still be drained and what is gone. What was never granted is in neither.
    func revoking(_ partitions: [TopicPartition]) -> (drain: [TopicPartition], lost: [TopicPartition]) {
        let granted = partitions.filter(self.owns)
        return (
            granted.filter { self.owned[$0]?.isLost == false },
            granted.filter { self.owned[$0]?.isLost == true }
        )
    }

    mutating func release(_ partitions: [TopicPartition]) {
        for partition in partitions { self.owned[partition] = nil }
    }

    // MARK: Delivery

    /// Whether a record may be handed over: its partition is owned, and it isn't the same one again.
    ///
    /// The same record comes twice when another thread pauses the partition just while this record is taken from the queue:
    /// librdkafka then fetches again from the offset before.
    mutating func admit(_ partition: TopicPartition, offset: Int64) -> Bool {
        guard let index = self.owned.index(forKey: partition) else { return false }
        let state = self.owned.values[index]
        guard state.isStarted, state.lastOffset != offset else { return false }
        self.owned.values[index].lastOffset = offset
        return true
    }

    /// The partition goes back or forward in its log: the record that was handed over last may come again, and is meant to.
    mutating func move(_ partitions: some Sequence<TopicPartition>) {
        for partition in partitions { self.owned[partition]?.lastOffset = nil }
    }

    /// Divides partitions by what a pause or resume means for them now.
    mutating func setPaused(
        _ isPaused: Bool,
        _ partitions: [TopicPartition]
    ) -> (started: [TopicPartition], foreign: TopicPartition?) {
        var started: [TopicPartition] = []
        var foreign: TopicPartition?
        for partition in partitions {
            guard let state = self.owned[partition] else {
                foreign = foreign ?? partition
                continue
            }
            if state.isStarted { started.append(partition) }
            self.owned[partition]?.pausesAtStart = isPaused && !state.isStarted
        }
        return (started, foreign)
    }
}
