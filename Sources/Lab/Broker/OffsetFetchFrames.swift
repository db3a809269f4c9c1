import NIOCore

/// What the proxy must know of OffsetFetch requests and responses to hide offsets that an open transaction may still move (KIP-447).
enum OffsetFetchFrames {
    /// UNSTABLE_OFFSET_COMMIT: the client asks again.
    static let unstable: Int16 = 88
    /// Versions that can ask for stable offsets and that are read here.
    private static let versions: ClosedRange<Int16> = 7...9

    /// The groups of a request whose sender wants to wait for open transactions (`require_stable`); empty for all other requests.
    ///
    /// - Parameter body: at the first byte after the header.
    static func groupsAskedStably(_ header: RequestHeader, _ body: KafkaReader) -> [String] {
        guard header.known == .offsetFetch, versions.contains(header.apiVersion) else { return [] }
        var reader = body
        do {
            var groups: [String] = []
            for _ in 0..<(header.apiVersion >= 8 ? try reader.arrayCount(compact: true) : 1) {
                groups.append(try reader.string(compact: true) ?? "")
                if header.apiVersion >= 9 {
                    _ = try reader.string(compact: true)
                    try reader.skip(4)
                }
                for _ in 0..<(try reader.arrayCount(compact: true)) {
                    _ = try reader.string(compact: true)
                    try reader.skip(4 * (try reader.arrayCount(compact: true)))
                    try reader.skipTags()
                }
                if header.apiVersion >= 8 { try reader.skipTags() }
            }
            return try reader.integer(UInt8.self) != 0 ? groups : []
        } catch { return [] }
    }

    /// The response with ``unstable`` in place of the offsets of these partitions; the frame itself when it can't be read.
    ///
    /// - Parameter offsets: by group.
    static func hide(_ offsets: [String: Set<TopicPartition>], in frame: ByteBuffer, version: Int16) -> ByteBuffer {
        (try? hidden(offsets, in: frame, version: version)) ?? frame
    }

    private static func hidden(
        _ offsets: [String: Set<TopicPartition>], in frame: ByteBuffer, version: Int16
    ) throws -> ByteBuffer {
        var copy = FrameCopy(frame)
        try copy.bytes(8)
        try copy.tags()
        try copy.bytes(4)
        guard version >= 8 else {
            // One group, which isn't named.
            try topics(&copy, offsets.values.first ?? [])
            return copy.finished()
        }
        for _ in 0..<(try copy.arrayCount(compact: true)) {
            var ahead = copy.reader
            let group = try ahead.string(compact: true) ?? ""
            try copy.string(compact: true)
            try topics(&copy, offsets[group] ?? [])
            try copy.bytes(2)
            try copy.tags()
        }
        return copy.finished()
    }

    private static func topics(_ copy: inout FrameCopy, _ hidden: Set<TopicPartition>) throws {
        for _ in 0..<(try copy.arrayCount(compact: true)) {
            var ahead = copy.reader
            let topic = try ahead.string(compact: true) ?? ""
            try copy.string(compact: true)
            for _ in 0..<(try copy.arrayCount(compact: true)) {
                var ahead = copy.reader
                let partition = TopicPartition(topic: topic, partition: try ahead.integer())
                try copy.bytes(4)
                if hidden.contains(partition) {
                    try copy.reader.skip(12)
                    _ = try copy.reader.string(compact: true)
                    try copy.reader.skip(2)
                    copy.output.writeInteger(Int64(-1))
                    copy.output.writeInteger(Int32(-1))
                    copy.output.writeKafkaString("", compact: true)
                    copy.output.writeInteger(unstable)
                } else {
                    try copy.bytes(12)
                    try copy.string(compact: true)
                    try copy.bytes(2)
                }
                try copy.tags()
            }
            try copy.tags()
        }
    }
}
