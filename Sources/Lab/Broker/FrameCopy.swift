import NIOCore

/// Reads a frame and writes it again, with what its user puts in place of what it has read.
struct FrameCopy {
    var reader: KafkaReader
    var output: ByteBuffer

    init(_ frame: ByteBuffer) {
        reader = KafkaReader(frame)
        output = ByteBuffer()
        output.reserveCapacity(frame.readableBytes + 256)
    }

    mutating func bytes(_ count: Int) throws {
        let before = reader.buffer
        try reader.skip(count)
        take(from: before)
    }

    mutating func string(compact: Bool) throws {
        let before = reader.buffer
        _ = try reader.string(compact: compact)
        take(from: before)
    }

    mutating func tags() throws {
        let before = reader.buffer
        try reader.skipTags()
        take(from: before)
    }

    mutating func arrayCount(compact: Bool) throws -> Int {
        let before = reader.buffer
        let count = try reader.arrayCount(compact: compact)
        take(from: before)
        return count
    }

    private mutating func take(from before: ByteBuffer) {
        let length = before.readableBytes - reader.buffer.readableBytes
        output.writeBytes(before.readableBytesView.prefix(length))
    }

    /// The copy with all that hasn't been read.
    mutating func finished() -> ByteBuffer {
        var rest = reader.buffer
        output.writeBuffer(&rest)
        output.setInteger(Int32(output.readableBytes - 4), at: output.readerIndex)
        return output
    }
}
