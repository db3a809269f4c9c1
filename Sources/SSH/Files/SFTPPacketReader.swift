import NIOCore

/// Cuts a stream into SFTP packets, whatever the pieces that it comes in. Value type, no I/O.
///
/// Each packet gets a buffer of its own that is filled as bytes come, so that every byte is copied once, and a packet that is
/// kept doesn't keep others.
struct SFTPPacketReader: Sendable {
    /// A packet of this length can't be from an SFTP server.
    struct Malformed: Error, Hashable {
        var length: UInt32
    }

    /// Clients ask for 32 KiB at most; servers send other packets only as large as names and texts are.
    static let maximumLength: UInt32 = 256 * 1024

    private var header: UInt32 = 0
    private var headerBytes = 0
    private var packet = ByteBuffer()
    private var missing = 0

    /// The next whole packet without its length, taken off `input`; `nil` when `input` is used up.
    mutating func next(_ input: inout ByteBuffer) throws(Malformed) -> ByteBuffer? {
        while self.headerBytes < 4 {
            guard let byte: UInt8 = input.readInteger() else { return nil }
            self.header = self.header << 8 | UInt32(byte)
            self.headerBytes += 1
            guard self.headerBytes == 4 else { continue }
            guard (1...Self.maximumLength).contains(self.header) else { throw Malformed(length: self.header) }
            self.missing = Int(self.header)
            self.packet = ByteBuffer()
            self.packet.reserveCapacity(min(self.missing, 64 * 1024))
        }
        guard var piece = input.readSlice(length: min(self.missing, input.readableBytes)) else { return nil }
        self.missing -= self.packet.writeBuffer(&piece)
        guard self.missing == 0 else { return nil }
        let whole = self.packet
        self.packet = ByteBuffer()
        self.header = 0
        self.headerBytes = 0
        return whole
    }
}
