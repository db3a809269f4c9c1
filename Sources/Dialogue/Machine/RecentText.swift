/// The last lines that were received, blank ones left out and long ones cut, in bounded memory.
struct RecentText: Sendable {
    private var bytes: [UInt8] = []

    private static let longestLine = 200
    private static let limit = 2_048
    private static let kept = 768
    /// Lines that are kept however long they are.
    private static let keptLines = 8

    mutating func append(_ line: [UInt8]) { line.withUnsafeBytes { self.append($0) } }

    mutating func append(_ line: UnsafeRawBufferPointer) {
        let count = line.trimmedCount
        guard count > 0 else { return }
        if self.bytes.count > Self.limit { self.bytes.removeFirst(self.bytes.count - Self.kept) }
        self.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: line[..<min(count, Self.longestLine)]))
        self.bytes.append(0x0A)
    }

    /// Lines with their ends (LF). Of many, only the last ones are looked at.
    mutating func append(lines: UnsafeRawBufferPointer) {
        var start = lines.count
        var kept = 0
        while start > 0, kept < Self.keptLines || lines.count - start < Self.kept {
            let end = start - 1
            start = end
            while start > 0, lines[start - 1] != 0x0A { start -= 1 }
            if !UnsafeRawBufferPointer(rebasing: lines[start..<end]).isBlank { kept += 1 }
        }
        // What was kept before isn't followed by these.
        if start > 0 { self.removeAll() }
        for end in start..<lines.count where lines[end] == 0x0A {
            self.append(UnsafeRawBufferPointer(rebasing: lines[start..<end]))
            start = end + 1
        }
    }

    mutating func removeAll() {
        self.bytes.removeAll(keepingCapacity: true)
    }

    /// The last `count` lines, oldest first.
    func last(_ count: Int) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        // Each ends in LF, and none is empty.
        var end = self.bytes.count - 1
        while lines.count < count, end > 0 {
            let start = self.bytes[..<end].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
            lines.append(Array(self.bytes[start..<end]))
            end = start - 1
        }
        return lines.reversed()
    }

    var text: String { String(decoding: self.bytes, as: UTF8.self) }
}
