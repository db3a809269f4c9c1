import NIOCore

/// An OffsetCommit request of a group's member (version 1 and above: version 0 knows no members).
struct CommitFrame {
    let group: String
    let generation: Int32
    let memberID: String
    private let header: RequestHeader
    private let frame: ByteBuffer
    private let generationIndex: Int

    /// `nil` when the frame is something else, can't be read, or names no member.
    ///
    /// - Parameter body: at the first byte after the header.
    init?(_ frame: ByteBuffer, _ header: RequestHeader, _ body: KafkaReader) {
        guard header.known == .offsetCommit, header.apiVersion >= 1 else { return nil }
        var reader = body
        do {
            group = try reader.string(compact: header.isFlexible) ?? ""
            generationIndex = frame.writerIndex - reader.buffer.readableBytes
            generation = try reader.integer()
            memberID = try reader.string(compact: header.isFlexible) ?? ""
        } catch { return nil }
        if memberID.isEmpty { return nil }
        self.header = header
        self.frame = frame
    }

    /// The same commit as of another generation.
    func with(generation: Int32) -> ByteBuffer {
        var copy = frame
        copy.setInteger(generation, at: generationIndex)
        return copy
    }

    /// Whether the answer refuses the commit for its generation. Refusals of that kind are the same for all partitions.
    func isRefusedForGeneration(_ response: ByteBuffer) -> Bool {
        let compact = header.isFlexible
        var reader = KafkaReader(response)
        do {
            try reader.skip(8)
            if compact { try reader.skipTags() }
            if header.apiVersion >= 3 { try reader.skip(4) }
            guard try reader.arrayCount(compact: compact) > 0 else { return false }
            _ = try reader.string(compact: compact)
            guard try reader.arrayCount(compact: compact) > 0 else { return false }
            try reader.skip(4)
            return try reader.integer(Int16.self) == GroupResponse.illegalGeneration
        } catch { return false }
    }
}
