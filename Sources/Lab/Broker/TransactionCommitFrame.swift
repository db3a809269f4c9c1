import NIOCore

/// A partition of a topic.
struct TopicPartition: Sendable, Hashable {
    var topic: String
    var partition: Int32
}

/// A TxnOffsetCommit request: offsets that a producer commits for a consumer group within its transaction (KIP-98, KIP-447).
struct TransactionCommitFrame: Sendable {
    let transaction: String
    let producer: OpenTransactions.Producer
    let group: String
    let member: GroupRequest.Member
    /// -1 before version 3, and when the producer knows none.
    let generation: Int32
    let partitions: [TopicPartition]
    private let header: RequestHeader

    /// `nil` when the frame is something else or can't be read.
    ///
    /// - Parameter body: at the first byte after the header.
    init?(_ header: RequestHeader, _ body: KafkaReader) {
        guard header.known == .transactionOffsetCommit else { return nil }
        let compact = header.isFlexible
        var reader = body
        do {
            transaction = try reader.string(compact: compact) ?? ""
            group = try reader.string(compact: compact) ?? ""
            producer = .init(id: try reader.integer(), epoch: try reader.integer())
            if header.apiVersion >= 3 {
                generation = try reader.integer()
                let id = try reader.string(compact: compact) ?? ""
                member = .init(id: id, instanceID: try reader.string(compact: compact))
            } else {
                generation = -1
                member = .init(id: "", instanceID: nil)
            }
            var partitions: [TopicPartition] = []
            for _ in 0..<(try reader.arrayCount(compact: compact)) {
                let topic = try reader.string(compact: compact) ?? ""
                for _ in 0..<(try reader.arrayCount(compact: compact)) {
                    partitions.append(.init(topic: topic, partition: try reader.integer()))
                    try reader.skip(header.apiVersion >= 2 ? 12 : 8)
                    _ = try reader.string(compact: compact)
                    if compact { try reader.skipTags() }
                }
                if compact { try reader.skipTags() }
            }
            self.partitions = partitions
        } catch { return nil }
        self.header = header
    }

    /// A whole response frame with this error code for each partition.
    func response(error: Int16) -> ByteBuffer {
        let compact = header.isFlexible
        var frame = ByteBuffer()
        func count(_ number: Int) {
            if compact { frame.writeUnsignedVarint(number + 1) } else { frame.writeInteger(Int32(number)) }
        }
        func tags() { if compact { frame.writeInteger(UInt8(0)) } }
        frame.writeInteger(Int32(0))
        frame.writeInteger(header.correlationID)
        tags()
        frame.writeInteger(Int32(0))
        let topics = Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }
        count(topics.count)
        for (topic, partitions) in topics {
            frame.writeKafkaString(topic, compact: compact)
            count(partitions.count)
            for partition in partitions {
                frame.writeInteger(partition.partition)
                frame.writeInteger(error)
                tags()
            }
            tags()
        }
        tags()
        frame.setInteger(Int32(frame.readableBytes - 4), at: frame.readerIndex)
        return frame
    }
}
