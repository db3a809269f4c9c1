/// Reads SSH's wire types (RFC 4251 §5) from bytes that may end anywhere.
struct WireReader<Bytes: Collection> where Bytes.Element == UInt8 {
    private var rest: Bytes.SubSequence

    init(_ bytes: Bytes) { self.rest = bytes[...] }

    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func readByte() -> UInt8? { self.rest.popFirst() }

    mutating func skip(_ count: Int) -> Bool {
        guard self.rest.count >= count else { return false }
        self.rest = self.rest.dropFirst(count)
        return true
    }

    mutating func readUInt32() -> UInt32? {
        guard self.rest.count >= 4 else { return nil }
        let value = self.rest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        self.rest = self.rest.dropFirst(4)
        return value
    }

    mutating func readString() -> Bytes.SubSequence? {
        guard let length = self.readUInt32(), self.rest.count >= Int(length) else { return nil }
        let value = self.rest.prefix(Int(length))
        self.rest = self.rest.dropFirst(Int(length))
        return value
    }
}
