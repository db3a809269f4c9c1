import Kafka

/// When the first owner of a partition may begin with its devices, after the task topic has grown.
///
/// The devices of a new partition have moved there from others, whose owners may still have sessions with them: unlike in a rebalance, nobody gives the new
/// partition up. So its owner waits until every commit of another partition says that who owns it goes by a number of partitions that has room for the new one.
/// A value without I/O.
struct Handover: Sendable {
    /// When waiting for owners that say nothing ends.
    private let limit: ContinuousClock.Instant

    init(until limit: ContinuousClock.Instant) {
        self.limit = limit
    }

    /// - Parameters:
    ///   - held: partitions that wait.
    ///   - commits: of all partitions of the topic, as they are now; `nil` when they could not be read.
    /// - Returns: those that may begin, and whether they may only because the limit has passed.
    func free(
        of held: Set<TopicPartition>, _ commits: [CommittedOffset]?, at now: ContinuousClock.Instant
    ) -> (partitions: Set<TopicPartition>, isOverdue: Bool) {
        if let commits {
            // Who says nothing (its partition waits too, or was never owned, or somebody has set its offset by hand) has no old sessions.
            let known = commits.compactMap { LedgerMetadata($0.metadata)?.partitions }.min() ?? .max
            let free = held.filter { $0.partition < known }
            if !free.isEmpty { return (free, false) }
        }
        return now < self.limit ? ([], false) : (held, true)
    }
}
