/// The last lines that were received, blank ones left out and long ones cut, in bounded memory.
struct RecentText: Sendable {
    private var bytes: [UInt8] = []

    private static let longestLine = 200
    private static let limit = 2_048
    private static let kept = 768

    mutating func append(_ line: [UInt8]) {
        let count = line.trimmedCount
        guard count > 0 else { return }
        if self.bytes.count > Self.limit { self.bytes.removeFirst(self.bytes.count - Self.kept) }
        self.bytes.append(contentsOf: line[..<min(count, Self.longestLine)])
        self.bytes.append(0x0A)
    }

    mutating func removeAll() {
        self.bytes.removeAll(keepingCapacity: true)
    }

    /// The last `count` lines, oldest first.
    func last(_ count: Int) -> [[UInt8]] {
        self.bytes.split(separator: 0x0A).suffix(count).map(Array.init)
    }

    var text: String { String(decoding: self.bytes, as: UTF8.self) }
}
