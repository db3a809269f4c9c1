import NIOCore

/// Which transactions are open at the broker, and which offsets wait in them, from the requests of their producers. A value without I/O; time
/// comes in as a parameter.
///
/// The development broker never ends a transaction whose producer is gone; with this the proxy does, after `transaction.timeout.ms`.
/// It also forgets open transactions when it is restarted, however orderly: their records then stay hidden for ever. Apache Kafka keeps them in
/// a topic. So whoever restarts it closes the door first, and waits until nothing is open. Whose the transactional ids are it forgets too: what a producer
/// from before a restart leaves open is an orphan, which no successor's InitProducerId ends, and so the proxy does by EndTxn.
struct OpenTransactions: Sendable {
    /// What tells a producer from its predecessors of the same transactional id.
    struct Producer: Sendable, Hashable {
        var id: Int64
        var epoch: Int16
    }

    /// A request of a transactional producer (KIP-98).
    struct Step: Sendable, Equatable {
        enum Action: Sendable, Equatable {
            case initialize(timeout: TimeAmount)
            case open
            case commitOffsets(group: String, [TopicPartition])
            case end
        }

        let transaction: String
        /// `nil` for one that is being made.
        let producer: Producer?
        let action: Action

        /// `nil` for all other requests.
        ///
        /// - Parameter body: at the first byte after the header.
        init?(_ header: RequestHeader, _ body: KafkaReader) {
            if header.known == .transactionOffsetCommit {
                guard let commit = OffsetCommitFrame(header, body), let part = commit.transaction else { return nil }
                transaction = part.id
                producer = part.producer
                action = .commitOffsets(group: commit.claim.group, commit.partitions)
                return
            }
            var reader = body
            do {
                switch header.known {
                // From version 4 on it is a request among brokers (KIP-890).
                case .addPartitionsToTransaction where header.apiVersion < 4, .addOffsetsToTransaction: action = .open
                case .endTransaction: action = .end
                case .initProducerID:
                    guard let transaction = try reader.string(compact: header.isFlexible) else { return nil }
                    self.transaction = transaction
                    producer = nil
                    action = .initialize(timeout: .milliseconds(Int64(try reader.integer(Int32.self))))
                    return
                default: return nil
                }
                transaction = try reader.string(compact: header.isFlexible) ?? ""
                producer = .init(id: try reader.integer(), epoch: try reader.integer())
            } catch { return nil }
        }

        /// `nil` for all other requests.
        init?(_ frame: ByteBuffer) {
            var reader = KafkaReader(frame)
            guard let header = try? RequestHeader(&reader) else { return nil }
            self.init(header, reader)
        }
    }

    /// A transaction that has taken too long.
    struct Overdue: Sendable, Hashable {
        var transaction: String
        var timeout: TimeAmount
        /// Whose it is, if the broker has forgotten that.
        var orphanOf: Producer?
    }

    private struct Entry {
        /// `nil`: it was made before the proxy was there.
        var producer: Producer?
        var timeout: TimeAmount = .seconds(60)
        /// When it is to be ended; `nil`: it isn't open.
        var due: NIODeadline?
        /// The broker was restarted since it made the producer.
        var isForgotten = false
        var offsets: [String: Set<TopicPartition>] = [:]

        var orphanOf: Producer? { self.isForgotten && self.due != nil ? self.producer : nil }
    }

    /// Time for an InitProducerId to come through, before it is sent again.
    private static let patience = TimeAmount.seconds(6)

    private var entries: [String: Entry] = [:]
    /// No transaction begins any more.
    var isClosed = false

    var isEmpty: Bool { !entries.values.contains { $0.due != nil } }

    func wouldOpen(_ step: Step) -> Bool { step.action == .open && entries[step.transaction]?.due == nil }

    /// The broker gets a request. Those of a producer that has a successor don't count: the broker refuses them.
    mutating func forwarded(_ step: Step, at now: NIODeadline) {
        var entry = entries[step.transaction] ?? Entry()
        if let producer = step.producer {
            guard entry.producer == nil || entry.producer == producer else { return }
            entry.producer = producer
        }
        switch step.action {
        case .initialize: entry.due = entry.due.map { max($0, now + Self.patience) }
        case .open: entry.due = entry.due ?? now + entry.timeout
        case .commitOffsets(let group, let partitions):
            if entry.due != nil { entry.offsets[group, default: []].formUnion(partitions) }
        case .end: break
        }
        entries[step.transaction] = entry
    }

    /// The broker has been restarted, and knows the records and offsets, but no producer.
    mutating func forgotten() {
        for transaction in entries.keys { entries[transaction]?.isForgotten = true }
    }

    /// What a producer that the broker has forgotten left open: to be aborted before its successor is made.
    func orphan(_ transaction: String) -> Overdue? {
        guard let entry = entries[transaction], let producer = entry.orphanOf else { return nil }
        return Overdue(transaction: transaction, timeout: entry.timeout, orphanOf: producer)
    }

    /// An orphan has been aborted. False when it had been before.
    mutating func ended(orphanOf producer: Producer, _ transaction: String) -> Bool {
        guard entries[transaction]?.producer == producer else { return false }
        entries[transaction] = nil
        return true
    }

    /// A new producer, which aborts what its predecessor left.
    mutating func initialized(_ transaction: String, timeout: TimeAmount, as producer: Producer) {
        entries[transaction] = Entry(producer: producer, timeout: timeout)
    }

    /// The broker has carried out an EndTxn.
    mutating func ended(_ step: Step) {
        guard let entry = entries[step.transaction], entry.producer == step.producer else { return }
        entries[step.transaction] = Entry(
            producer: entry.producer, timeout: entry.timeout, isForgotten: entry.isForgotten)
    }

    /// Partitions whose committed offsets an open transaction may still move.
    func unstableOffsets(of group: String) -> Set<TopicPartition> {
        entries.values.reduce(into: []) { $0.formUnion($1.offsets[group] ?? []) }
    }

    /// Transactions that have been open for longer than their time-out: to be aborted by an InitProducerId, or orphans by EndTxn. Named again after a while
    /// if that doesn't come to ``initialized(_:timeout:as:)`` or ``ended(orphanOf:_:)``.
    mutating func overdue(at now: NIODeadline) -> [Overdue] {
        var result: [Overdue] = []
        for (transaction, entry) in entries {
            guard let due = entry.due, due <= now else { continue }
            entries[transaction]?.due = now + Self.patience
            result.append(
                Overdue(transaction: transaction, timeout: entry.timeout, orphanOf: entry.orphanOf))
        }
        return result
    }
}
