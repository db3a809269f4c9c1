import NIOCore

/// Reads the primitive types of Kafka's protocol (https://kafka.apache.org/protocol, "Protocol Primitive Types").
struct KafkaReader {
    struct Truncated: Error {}

    private(set) var buffer: ByteBuffer

    init(_ buffer: ByteBuffer) { self.buffer = buffer }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws -> Value {
        guard let value = buffer.readInteger(as: type) else { throw Truncated() }
        return value
    }

    mutating func unsignedVarint() throws -> Int {
        var value = 0
        for shift in stride(from: 0, through: 28, by: 7) {
            let byte = try integer(UInt8.self)
            value |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw Truncated()
    }

    /// STRING and NULLABLE_STRING, or their COMPACT forms in flexible versions (KIP-482).
    mutating func string(compact: Bool) throws -> String? {
        let length = compact ? try unsignedVarint() - 1 : Int(try integer(Int16.self))
        if length < 0 { return nil }
        guard let text = buffer.readString(length: length) else { throw Truncated() }
        return text
    }

    /// BYTES and NULLABLE_BYTES, or their COMPACT forms; nothing for null.
    mutating func bytes(compact: Bool) throws -> [UInt8] {
        let length = compact ? try unsignedVarint() - 1 : Int(try integer(Int32.self))
        guard let bytes = buffer.readBytes(length: max(length, 0)) else { throw Truncated() }
        return bytes
    }

    mutating func arrayCount(compact: Bool) throws -> Int {
        let count = compact ? try unsignedVarint() - 1 : Int(try integer(Int32.self))
        // Each element takes a byte at least: a count beyond that is a misread, and must not drive a loop.
        guard count <= buffer.readableBytes else { throw Truncated() }
        return max(count, 0)
    }

    /// The tagged fields that end each structure of a flexible version.
    mutating func skipTags() throws {
        for _ in 0..<(try unsignedVarint()) {
            _ = try unsignedVarint()
            try skip(try unsignedVarint())
        }
    }

    mutating func skip(_ count: Int) throws {
        guard count >= 0, count <= buffer.readableBytes else { throw Truncated() }
        buffer.moveReaderIndex(forwardBy: count)
    }
}

extension ByteBuffer {
    mutating func writeKafkaString(_ text: String?, compact: Bool) {
        guard let text else {
            if compact { writeInteger(UInt8(0)) } else { writeInteger(Int16(-1)) }
            return
        }
        if compact {
            writeUnsignedVarint(text.utf8.count + 1)
        } else {
            writeInteger(Int16(clamping: text.utf8.count))
        }
        writeString(text)
    }

    mutating func writeUnsignedVarint(_ value: Int) {
        var rest = value
        while rest >= 0x80 {
            writeInteger(UInt8(rest & 0x7F | 0x80))
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }
}
