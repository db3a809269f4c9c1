import NIOCore

/// Cuts a byte stream into Kafka's frames: a 32-bit size, then that many bytes. A value without I/O.
struct FrameSplitter {
    /// Larger than any broker's `message.max.bytes` or `socket.request.max.bytes` in practice.
    static let maximumFrameSize = 100 << 20 + 1 << 20

    private var buffer = ByteBuffer()

    /// Bytes that wait for the rest of their frame.
    var pendingBytes: Int { buffer.readableBytes }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            // Adopted, not copied: most reads hold whole frames.
            buffer = bytes
        } else {
            var bytes = bytes
            buffer.writeBuffer(&bytes)
        }
    }

    /// The next whole frame with its size field, or `nil` when more bytes are needed.
    /// - Throws: when the size is negative or beyond ``maximumFrameSize``: this is no Kafka connection.
    mutating func next() throws(LabError) -> ByteBuffer? {
        guard let size = buffer.getInteger(at: buffer.readerIndex, as: Int32.self) else { return nil }
        guard (0...Self.maximumFrameSize).contains(Int(size)) else {
            throw LabError("a frame of \(size) bytes isn't Kafka's")
        }
        let length = 4 + Int(size)
        guard let frame = buffer.readSlice(length: length) else {
            // Room for the whole frame at once, instead of doubling up to it.
            buffer.reserveCapacity(minimumWritableBytes: length - buffer.readableBytes)
            return nil
        }
        return frame
    }
}
