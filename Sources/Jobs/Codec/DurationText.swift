/// Durations as people write them in jobs: `250ms`, `30s`, `2m`, `1h30m`.
///
/// Whole numbers, each unit at most once, from the largest to the smallest; a JSON number is seconds instead.
enum DurationText {
    /// What a job may ask for: more than any command takes, and as long as Kafka keeps a topic by default.
    static let longest = Duration.seconds(7 * 24 * 3600)
    static let shortest = Duration.milliseconds(1)

    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// `nil` when the text is no duration. Bounds are not checked here.
    static func parse(_ text: String) -> Duration? {
        var rest = text.utf8[...]
        var unit = 0
        var milliseconds: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            // Nine digits of hours are far out of bounds and far from overflow.
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard (1...9).contains(digits.count), let count = Int64(Substring(digits)) else { return nil }
            rest = rest.dropFirst(digits.count)
            let suffix = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            guard let found = Self.units[unit...].firstIndex(where: { $0.suffix.utf8.elementsEqual(suffix) }) else {
                return nil
            }
            milliseconds += count * Self.units[found].milliseconds
            unit = found + 1
            rest = rest.dropFirst(suffix.count)
        }
        return .milliseconds(milliseconds)
    }

    /// The shortest way to write `duration`; `nil` when it isn't a positive whole number of milliseconds.
    static func format(_ duration: Duration) -> String? {
        let (seconds, attoseconds) = duration.components
        guard duration > .zero, seconds < 1_000_000_000, attoseconds % 1_000_000_000_000_000 == 0 else { return nil }
        var rest = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        var text = ""
        for (suffix, milliseconds) in Self.units where rest >= milliseconds {
            text += "\(rest / milliseconds)\(suffix)"
            rest %= milliseconds
        }
        return text
    }

    /// A number of seconds, to the microsecond; `nil` when it is negative, or too large for that precision.
    static func seconds(_ value: JSONValue) -> Duration? {
        switch value {
        case .integer(let seconds) where (0...Self.largestExact).contains(seconds): .seconds(seconds)
        case .number(let seconds) where seconds >= 0 && seconds <= Double(Self.largestExact):
            .microseconds(Int64((seconds * 1_000_000).rounded()))
        default: nil
        }
    }

    /// Up to here (about 136 years) a double holds microseconds exactly, and so survives the way out and back.
    static let largestExact: Int64 = 1 << 32
}

extension JSONWriter {
    /// A duration of a job: as text where that is exact, else as seconds.
    mutating func duration(_ duration: Duration) {
        if let text = DurationText.format(duration) { self.string(text) } else { self.seconds(duration) }
    }
}
