extension Duration {
    /// Whole milliseconds, rounded up, within what librdkafka's `int timeout_ms` can hold. Never negative: -1 would mean "for ever".
    var timeoutMilliseconds: Int32 {
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < 2_000_000 else { return 2_000_000_000 }
        return Int32(seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}

/// A point in time by which a call must be done, so that each step of it gets what the steps before have left.
struct Deadline: Sendable {
    private let instant: ContinuousClock.Instant

    init(after timeout: Duration) {
        self.instant = .now.advanced(by: timeout)
    }

    /// Zero once it has passed.
    var remaining: Duration { max(.zero, ContinuousClock.now.duration(to: self.instant)) }
    var hasPassed: Bool { ContinuousClock.now >= self.instant }
}
