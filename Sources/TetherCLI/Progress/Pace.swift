/// How fast something gets done lately, and how long the rest will take at that pace. Pure: time comes in as durations since the start.
struct Pace: Sendable {
    private var samples: [(time: Duration, done: Int)] = [(.zero, 0)]
    /// What lies further back says nothing about now.
    private let window: Duration

    init(window: Duration = .seconds(10)) {
        self.window = window
    }

    /// Takes note of how much is done. Calls come at most ten times a second, so a window holds a hundred.
    mutating func note(done: Int, at time: Duration) {
        self.samples.append((time, done))
        // One sample at or before the window's begin stays, so that the window is never shorter than it could be.
        while self.samples.count > 2, self.samples[1].time <= time - self.window { self.samples.removeFirst() }
    }

    /// Per second; `nil` before there is something to tell it by.
    var rate: Double? {
        guard let first = self.samples.first, let last = self.samples.last else { return nil }
        let seconds = (last.time - first.time) / .seconds(1)
        guard seconds > 0, last.done > first.done else { return nil }
        return Double(last.done - first.done) / seconds
    }

    /// For so many more; `nil` when nothing moves.
    func timeLeft(for rest: Int) -> Duration? {
        guard rest > 0 else { return .zero }
        guard let rate = self.rate else { return nil }
        return .seconds(min(Double(rest) / rate, 1e6))
    }
}
