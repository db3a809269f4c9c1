/// Makes whole lines, each with its device's name before it, of output that comes in pieces from many devices at a time. Pure.
///
/// A line is held back until its end is there, so that lines of two devices don't mix, and no character is cut in two. A line that doesn't end is
/// let go in pieces of ``longestLine`` bytes, so that what is held has a bound for each device.
struct LinePrefixer {
    static let longestLine = 16 * 1024

    private var pending: [String: [UInt8]] = [:]

    /// The lines that are complete now, without their ends.
    mutating func append(_ bytes: [UInt8], of source: String) -> [[UInt8]] {
        var rest = self.pending.removeValue(forKey: source) ?? []
        rest += bytes
        var lines: [[UInt8]] = []
        var start = 0
        while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(Array(rest[start..<end]))
            start = end + 1
        }
        while rest.count - start > Self.longestLine {
            let end = Self.boundary(in: rest, before: start + Self.longestLine, after: start)
            lines.append(Array(rest[start..<end]))
            start = end
        }
        if start < rest.count { self.pending[source] = Array(rest[start...]) }
        return lines
    }

    /// What is left of a source that says nothing more.
    mutating func finish(_ source: String) -> [UInt8]? { self.pending.removeValue(forKey: source) }

    /// Not inside a character of UTF-8 (continuation bytes are `10xxxxxx`).
    private static func boundary(in bytes: [UInt8], before end: Int, after start: Int) -> Int {
        var boundary = end
        while boundary > end - 3, boundary > start + 1, bytes[boundary] & 0xC0 == 0x80 { boundary -= 1 }
        return bytes[boundary] & 0xC0 == 0x80 ? end : boundary
    }
}
