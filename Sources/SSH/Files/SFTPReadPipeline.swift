import NIOCore

/// Plans the reads of a file that is fetched with many requests in flight, and puts the answers in order. Value type, no I/O.
///
/// The number of requests grows from a few to ``maximumDepth`` as answers come, and covers those whose data waits to be taken:
/// memory is bounded by depth times ``length``.
struct SFTPReadPipeline: Sendable {
    struct Read: Sendable, Hashable {
        /// Names the read in ``received(_:for:)``.
        var slot: Int
        var offset: UInt64
        var length: UInt32
    }

    /// What a server may be asked for at a time; all are bound to serve this much (draft-ietf-secsh-filexfer-02 §6.4).
    static let length: UInt32 = 32 * 1024
    /// Two MiB in flight.
    static let maximumDepth = 64

    private struct Slot {
        var offset: UInt64
        var pieces: [ByteBuffer] = []
        var received: UInt32 = 0
        var isEnd = false
        var isComplete: Bool { self.received == SFTPReadPipeline.length || self.isEnd }
    }

    private var slots: [Slot] = []
    private var firstSlot = 0
    private var nextOffset: UInt64 = 0
    private var depth = 8
    private var again: [Read] = []
    private var hasSeenEnd = false
    /// Bytes that ``take()`` would give.
    private(set) var ready = 0
    private var readySlots = 0

    /// Everything up to the end of the file has been taken.
    var isFinished: Bool { self.slots.first?.isEnd == true && self.slots.first?.pieces.isEmpty == true }
    /// The end of the file is next after what is ready.
    var endIsReady: Bool { self.slots.prefix(self.readySlots).last?.isEnd == true }

    /// The next read to send; `nil` while there are enough.
    mutating func nextRead() -> Read? {
        if !self.again.isEmpty { return self.again.removeFirst() }
        guard !self.hasSeenEnd, self.slots.count < self.depth else { return nil }
        let read = Read(slot: self.firstSlot + self.slots.count, offset: self.nextOffset, length: Self.length)
        self.slots.append(Slot(offset: self.nextOffset))
        self.nextOffset += UInt64(Self.length)
        return read
    }

    /// The answer to a read has come: data, or `nil` for the end of the file. `false` if the server answers with what can't be.
    mutating func received(_ data: ByteBuffer?, for slot: Int) -> Bool {
        let index = slot - self.firstSlot
        guard self.slots.indices.contains(index), !self.slots[index].isComplete else { return false }
        if let data {
            let missing = Self.length - self.slots[index].received
            guard data.readableBytes > 0, data.readableBytes <= Int(missing) else { return false }
            self.slots[index].pieces.append(data)
            self.slots[index].received += UInt32(data.readableBytes)
            self.depth = min(self.depth + 1, Self.maximumDepth)
            if !self.slots[index].isComplete {
                // A short answer says nothing about the end of the file.
                self.again.append(
                    Read(
                        slot: slot, offset: self.slots[index].offset + UInt64(self.slots[index].received),
                        length: Self.length - self.slots[index].received))
            }
        } else {
            self.slots[index].isEnd = true
            self.hasSeenEnd = true
        }
        while self.readySlots < self.slots.count, self.slots[self.readySlots].isComplete, !self.endIsReady {
            self.ready += Int(self.slots[self.readySlots].received)
            self.readySlots += 1
        }
        return true
    }

    /// Takes what is there in order.
    mutating func take() -> [ByteBuffer] {
        var pieces: [ByteBuffer] = []
        var taken = 0
        for index in 0..<self.readySlots {
            pieces += self.slots[index].pieces
            self.slots[index].pieces = []
            if !self.slots[index].isEnd { taken += 1 }
        }
        self.slots.removeFirst(taken)
        self.firstSlot += taken
        self.readySlots -= taken
        self.ready = 0
        return pieces
    }
}
