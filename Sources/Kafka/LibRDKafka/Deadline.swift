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

    /// Repeats what fails for a passing reason (a leader moves, a broker restarts) until the deadline. A topic that doesn't exist is no such
    /// reason here: nobody is waiting for it to be created. Blocks.
    ///
    /// - Parameter attempt: the longest that one attempt may take; what is left of the deadline, if that is less.
    func retry<Value>(
        attempt: Duration,
        _ body: (Duration) throws(KafkaError) -> Value
    ) throws(KafkaError) -> Value {
        let never = Monitor(())
        while true {
            do throws(KafkaError) {
                return try body(min(attempt, self.remaining))
            } catch {
                guard error.isRetriable, error.code != "kafka.unknown_topic_or_part", !self.hasPassed else {
                    throw error
                }
                _ = never.wait(atMost: min(.milliseconds(100), self.remaining)) { _ -> Void? in nil }
            }
        }
    }
}
