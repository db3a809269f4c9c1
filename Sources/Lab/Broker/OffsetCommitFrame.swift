import NIOCore

/// A partition of a topic.
struct TopicPartition: Sendable, Hashable {
    var topic: String
    var partition: Int32
}

/// An OffsetCommit request, or a TxnOffsetCommit: offsets that a producer commits for a consumer group within its transaction (KIP-98, KIP-447).
struct OffsetCommitFrame: Sendable {
    struct Transaction: Sendable, Equatable {
        var id: String
        var producer: OpenTransactions.Producer
    }

    /// `nil` for a plain OffsetCommit.
    let transaction: Transaction?
    /// Of nobody in versions that don't name a member.
    let claim: GroupClaim
    let partitions: [TopicPartition]
    private let header: RequestHeader
    /// Where the claim stands in the frame, behind the group's name.
    private let claimed: Range<Int>

    /// `nil` when the frame is something else or can't be read.
    ///
    /// - Parameter body: at the first byte after the header, of a whole frame.
    init?(_ header: RequestHeader, _ body: KafkaReader) {
        let isTransactional = header.known == .transactionOffsetCommit
        guard isTransactional || header.known == .offsetCommit else { return nil }
        let compact = header.isFlexible
        let version = header.apiVersion
        var reader = body
        do {
            let transactionID = isTransactional ? try reader.string(compact: compact) ?? "" : nil
            let group = try reader.string(compact: compact) ?? ""
            transaction = try transactionID.map {
                .init(id: $0, producer: .init(id: try reader.integer(), epoch: try reader.integer()))
            }
            var claim = GroupClaim(group: group, generation: -1, member: .init(id: ""))
            let start = reader.buffer.readerIndex
            if version >= (isTransactional ? 3 : 1) {
                claim.generation = try reader.integer()
                claim.member.id = try reader.string(compact: compact) ?? ""
                if version >= (isTransactional ? 3 : 7) {
                    claim.member.instanceID = try reader.string(compact: compact)
                }
            }
            self.claim = claim
            claimed = start..<reader.buffer.readerIndex
            // How long they are kept.
            if !isTransactional, (2...4).contains(version) { try reader.skip(8) }
            // Offset; the leader's epoch (KIP-320), or in the first versions the time.
            let fields =
                isTransactional ? (version >= 2 ? 12 : 8) : version >= 6 ? 12 : version == 1 ? 16 : 8
            var partitions: [TopicPartition] = []
            for _ in 0..<(try reader.arrayCount(compact: compact)) {
                let topic = try reader.string(compact: compact) ?? ""
                for _ in 0..<(try reader.arrayCount(compact: compact)) {
                    partitions.append(.init(topic: topic, partition: try reader.integer()))
                    try reader.skip(fields)
                    _ = try reader.string(compact: compact)
                    if compact { try reader.skipTags() }
                }
                if compact { try reader.skipTags() }
            }
            self.partitions = partitions
        } catch { return nil }
        self.header = header
    }

    /// The same commit as of somebody who is no member.
    func anonymous(_ frame: ByteBuffer) -> ByteBuffer {
        guard !claimed.isEmpty,
            let before = frame.getSlice(at: frame.readerIndex, length: claimed.lowerBound - frame.readerIndex),
            let after = frame.getSlice(at: claimed.upperBound, length: frame.writerIndex - claimed.upperBound)
        else { return frame }
        var copy = before
        copy.writeInteger(Int32(-1))
        copy.writeKafkaString("", compact: header.isFlexible)
        if transaction != nil || header.apiVersion >= 7 { copy.writeKafkaString(nil, compact: header.isFlexible) }
        copy.writeImmutableBuffer(after)
        copy.setInteger(Int32(copy.readableBytes - 4), at: copy.readerIndex)
        return copy
    }

    /// A whole response frame with this error code for each partition.
    func response(_ error: GroupError) -> ByteBuffer {
        var writer = ResponseWriter(header)
        if transaction != nil || header.apiVersion >= 3 { writer.integer(Int32(0)) }
        let topics = Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }
        writer.count(topics.count)
        for (topic, partitions) in topics {
            writer.string(topic)
            writer.count(partitions.count)
            for partition in partitions {
                writer.integer(partition.partition)
                writer.integer(error.rawValue)
                writer.tags()
            }
            writer.tags()
        }
        writer.tags()
        return writer.finished()
    }
}
