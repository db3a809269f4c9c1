import NIOCore

/// Writes a response frame in the form that the version of its request asks for.
struct ResponseWriter {
    private var buffer = ByteBuffer()
    private let compact: Bool

    init(_ header: RequestHeader) {
        compact = header.isFlexible
        integer(Int32(0))
        integer(header.correlationID)
        tags()
    }

    mutating func integer(_ value: some FixedWidthInteger) { buffer.writeInteger(value) }

    mutating func string(_ text: String?) { buffer.writeKafkaString(text, compact: compact) }

    mutating func bytes(_ bytes: [UInt8]) {
        count(bytes.count)
        buffer.writeBytes(bytes)
    }

    /// The number of elements that follow.
    mutating func count(_ number: Int) {
        if compact { buffer.writeUnsignedVarint(number + 1) } else { buffer.writeInteger(Int32(clamping: number)) }
    }

    /// No tagged fields, where there may be some.
    mutating func tags() { if compact { buffer.writeInteger(UInt8(0)) } }

    mutating func finished() -> ByteBuffer {
        buffer.setInteger(Int32(buffer.readableBytes - 4), at: buffer.readerIndex)
        return buffer
    }
}
