import Foundation

/// The text that goes with a committed offset: which later offsets are done and which changes have been begun.
///
/// Form: `t1` `c`|`o` `:` base64(done) `:` base64(begun) [`:` partitions [`a`]], each map a bitmap (least significant bit first) that starts at the committed
/// offset and ends at its last set bit; `c` says that the partition was released in order, `o` that it is in use. With a window of
/// at most 8,192 offsets both maps together need 2,738 bytes, so the broker's limit of 4,096 (`offset.metadata.max.bytes`) always holds.
struct LedgerMetadata: Sendable, Hashable {
    static let maximumWindow = 8_192

    private var done: [UInt8] = []
    private var begun: [UInt8] = []
    var wasReleasedInOrder: Bool
    /// What the owner says of its sessions; `nil`: nothing.
    var homes: Homes.Claim?

    init(wasReleasedInOrder: Bool = false) {
        self.wasReleasedInOrder = wasReleasedInOrder
    }

    /// `nil` for text that isn't a ledger's: somebody else's, or damaged. Empty text is an empty ledger of unknown history.
    init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (3...4).contains(parts.count), parts[0] == "t1c" || parts[0] == "t1o",
            let done = Data(base64Encoded: String(parts[1])), let begun = Data(base64Encoded: String(parts[2])),
            max(done.count, begun.count) * 8 <= Self.maximumWindow
        else { return nil }
        self.done = Array(done)
        self.begun = Array(begun)
        self.wasReleasedInOrder = parts[0] == "t1c"
        if parts.count == 4 {
            let isAgreed = parts[3].last == "a"
            guard let count = Int32(parts[3].dropLast(isAgreed ? 1 : 0)), count > 0 else { return nil }
            self.homes = Homes.Claim(partitions: count, isAgreed: isAgreed)
        }
    }

    var text: String {
        let maps = [self.done, self.begun].map { Data($0).base64EncodedString() }
        let homes = self.homes.map { ["\($0.partitions)\($0.isAgreed ? "a" : "")"] } ?? []
        return (["t1\(self.wasReleasedInOrder ? "c" : "o")"] + maps + homes).joined(separator: ":")
    }

    func isDone(_ index: Int) -> Bool { Self.bit(index, of: self.done) }
    func isBegun(_ index: Int) -> Bool { Self.bit(index, of: self.begun) }
    /// Marks past the window are dropped: the executor never lets a partition's span grow beyond it.
    mutating func markDone(_ index: Int) { Self.set(index, in: &self.done) }
    mutating func markBegun(_ index: Int) { Self.set(index, in: &self.begun) }

    var markedIndices: [Int] {
        (0..<(max(self.done.count, self.begun.count) * 8)).filter { self.isDone($0) || self.isBegun($0) }
    }

    private static func bit(_ index: Int, of bitmap: [UInt8]) -> Bool {
        guard index >= 0, index >> 3 < bitmap.count else { return false }
        return bitmap[index >> 3] & (1 << UInt8(index & 7)) != 0
    }

    private static func set(_ index: Int, in bitmap: inout [UInt8]) {
        guard index >= 0, index < Self.maximumWindow else { return }
        while bitmap.count <= index >> 3 { bitmap.append(0) }
        bitmap[index >> 3] |= 1 << UInt8(index & 7)
    }
}
