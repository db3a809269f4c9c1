import NIOCore

/// Where aborted transactions have ended, as far as fetched records told; and Fetch responses put right with it. A value without I/O.
///
/// The development broker names an aborted transaction also to fetches that begin behind its end. A consumer takes that for one that goes on
/// there, and skips what the same producer has committed since. Apache Kafka names those only that overlap the fetched range.
struct AbortMarkers: Sendable {
    /// A Fetch request: where it begins in each partition.
    struct Request: Sendable, Equatable {
        let version: Int16
        let offsets: [TopicPartition: Int64]

        /// `nil` when it can't be read. Topics of version 13 and above are named by their ids, as text.
        ///
        /// - Parameter body: at the first byte after the header.
        init?(_ header: RequestHeader, _ body: KafkaReader) {
            guard header.known == .fetch, (4...13).contains(header.apiVersion) else { return nil }
            version = header.apiVersion
            let compact = header.isFlexible
            var reader = body
            var offsets: [TopicPartition: Int64] = [:]
            do {
                // Replica, waiting time, smallest and largest size, isolation level; session.
                try reader.skip(17 + (version >= 7 ? 8 : 0))
                for _ in 0..<(try reader.arrayCount(compact: compact)) {
                    let topic = try AbortMarkers.topic(&reader, version: version)
                    for _ in 0..<(try reader.arrayCount(compact: compact)) {
                        let partition: Int32 = try reader.integer()
                        if version >= 9 { try reader.skip(4) }
                        offsets[.init(topic: topic, partition: partition)] = try reader.integer()
                        try reader.skip((version >= 12 ? 4 : 0) + (version >= 5 ? 8 : 0) + 4)
                        if compact { try reader.skipTags() }
                    }
                    if compact { try reader.skipTags() }
                }
            } catch { return nil }
            self.offsets = offsets
        }
    }

    /// Markers kept of each producer in each partition.
    private static let limit = 1_000
    /// Control batches aren't compressed: `length attributes timestamp offset key-length`, each of one byte, then the key.
    private static let batchHeaderLength = 61

    /// By partition and producer id: offsets of markers.
    private var markers: [TopicPartition: [Int64: [Int64]]] = [:]

    /// Notes the markers in a response, and takes out the transactions that had ended before the fetch began. The frame itself when there are
    /// none or it can't be read.
    mutating func correct(_ frame: ByteBuffer, of request: Request) -> ByteBuffer {
        (try? corrected(frame, of: request)) ?? frame
    }

    private mutating func corrected(_ frame: ByteBuffer, of request: Request) throws -> ByteBuffer {
        let version = request.version
        let compact = version >= ApiKey.fetch.firstFlexibleVersion
        var copy = FrameCopy(frame)
        var isChanged = false
        try copy.bytes(8)
        if compact { try copy.tags() }
        try copy.bytes(version >= 7 ? 10 : 4)
        for _ in 0..<(try copy.arrayCount(compact: compact)) {
            var ahead = copy.reader
            let topic = try Self.topic(&ahead, version: version)
            if version >= 13 { try copy.bytes(16) } else { try copy.string(compact: compact) }
            for _ in 0..<(try copy.arrayCount(compact: compact)) {
                var ahead = copy.reader
                let partition = TopicPartition(topic: topic, partition: try ahead.integer())
                // Partition, error, high watermark, last stable offset; first offset of the log.
                try copy.bytes(22 + (version >= 5 ? 8 : 0))
                isChanged =
                    try aborted(&copy, partition, from: request.offsets[partition] ?? 0, compact: compact) || isChanged
                if version >= 11 { try copy.bytes(4) }
                ahead = copy.reader
                let length = compact ? try ahead.unsignedVarint() - 1 : Int(try ahead.integer(Int32.self))
                try copy.bytes(copy.reader.buffer.readableBytes - ahead.buffer.readableBytes)
                if length > 0 {
                    if let records = copy.reader.buffer.getSlice(at: copy.reader.buffer.readerIndex, length: length) {
                        note(records, partition)
                    }
                    try copy.bytes(length)
                }
                if compact { try copy.tags() }
            }
            if compact { try copy.tags() }
        }
        return isChanged ? copy.finished() : frame
    }

    /// Copies the aborted transactions of a partition without those that have ended before `start`; whether there were any.
    private func aborted(
        _ copy: inout FrameCopy, _ partition: TopicPartition, from start: Int64, compact: Bool
    ) throws -> Bool {
        let known = markers[partition] ?? [:]
        var ahead = copy.reader
        var kept: [(producer: Int64, first: Int64)] = []
        let count = try ahead.arrayCount(compact: compact)
        for _ in 0..<count {
            let entry = (producer: try ahead.integer(Int64.self), first: try ahead.integer(Int64.self))
            if compact { try ahead.skipTags() }
            let isOver = known[entry.producer]?.contains { entry.first < $0 && $0 < start } ?? false
            if !isOver { kept.append(entry) }
        }
        let length = copy.reader.buffer.readableBytes - ahead.buffer.readableBytes
        guard kept.count < count else {
            try copy.bytes(length)
            return false
        }
        try copy.reader.skip(length)
        if compact {
            copy.output.writeUnsignedVarint(kept.count + 1)
        } else {
            copy.output.writeInteger(Int32(kept.count))
        }
        for entry in kept {
            copy.output.writeInteger(entry.producer)
            copy.output.writeInteger(entry.first)
            if compact { copy.output.writeInteger(UInt8(0)) }
        }
        return true
    }

    /// Looks for abort markers in whole record batches of the present format (magic 2).
    private mutating func note(_ records: ByteBuffer, _ partition: TopicPartition) {
        var rest = records
        while let offset = rest.getInteger(at: rest.readerIndex, as: Int64.self),
            let length = rest.getInteger(at: rest.readerIndex + 8, as: Int32.self), length >= 0,
            let batch = rest.readSlice(length: 12 + Int(length))
        {
            let start = batch.readerIndex
            guard batch.getInteger(at: start + 16, as: Int8.self) == 2,
                let attributes = batch.getInteger(at: start + 21, as: Int16.self), attributes & 0x20 != 0,
                let producer = batch.getInteger(at: start + 43, as: Int64.self),
                // Version, then type: 0 is an abort, 1 a commit.
                batch.getInteger(at: start + Self.batchHeaderLength + 7, as: Int16.self) == 0
            else { continue }
            var offsets = markers[partition, default: [:]][producer, default: []]
            if offsets.contains(offset) { continue }
            offsets.append(offset)
            if offsets.count > Self.limit { offsets.removeFirst() }
            markers[partition, default: [:]][producer] = offsets
        }
    }

    private static func topic(_ reader: inout KafkaReader, version: Int16) throws -> String {
        guard version >= 13 else {
            return try reader.string(compact: version >= ApiKey.fetch.firstFlexibleVersion) ?? ""
        }
        return "\(try reader.integer(UInt64.self)) \(try reader.integer(UInt64.self))"
    }
}
