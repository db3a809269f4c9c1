import NIOConcurrencyHelpers

/// Results on standard output and a progress line on standard error, on the same screen or not: the line makes way for what is printed.
///
/// On one screen, what is printed waits for the next time that the line is drawn, so that the line doesn't flicker: call ``tick()`` about as often as
/// that. Safe to use from any thread: what is written comes out in the order of the calls, and never inside the line.
final class LiveDisplay: Sendable {
    private struct State {
        var line = ProgressLine()
        var pace = Pace()
        var tally = (done: 0, total: Int?.none, notSucceeded: 0)
        /// For standard output, at most ``mostPending`` bytes and one piece more.
        var pending: [UInt8] = []
    }

    /// Whether there is a line at all.
    let showsProgress: Bool
    private let sharesScreen: Bool
    private let started = ContinuousClock.now
    private let state = NIOLockedValueBox(State())
    /// For a terminal that doesn't say: as wide as they were.
    private static let usualWidth = 80
    private static let mostPending = 64 * 1024

    init(showsProgress: Bool) {
        self.showsProgress = showsProgress && Console.error.canRedraw
        self.sharesScreen = self.showsProgress && Console.output.isTerminal
    }

    var elapsed: Duration { .now - self.started }

    /// Writes to standard output.
    func print(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        self.state.withLockedValue { state in
            guard self.sharesScreen else { return Console.write(bytes) }
            state.pending += bytes
            self.draw(&state)
            if state.pending.count > Self.mostPending { self.flush(&state) }
        }
    }

    /// Writes a line to standard error.
    func say(_ text: String) {
        self.state.withLockedValue { state in
            self.flush(&state)
            self.clear(&state)
            Console.error(text)
        }
    }

    /// Takes note of how far it is, and draws the line if it is time to.
    func update(done: Int, total: Int?, notSucceeded: Int) {
        guard self.showsProgress else { return }
        self.state.withLockedValue { state in
            state.tally = (done, total, notSucceeded)
            self.draw(&state)
        }
    }

    /// The same line again, with the time gone on.
    func tick() {
        guard self.showsProgress else { return }
        self.state.withLockedValue { self.draw(&$0) }
    }

    /// Writes what is pending and removes the line.
    func end() {
        self.state.withLockedValue { state in
            self.flush(&state)
            self.clear(&state)
        }
    }

    private func draw(_ state: inout State) {
        let elapsed = self.elapsed
        guard state.line.isDue(at: elapsed) else { return }
        self.flush(&state)
        let (done, total, notSucceeded) = state.tally
        state.pace.note(done: done, at: elapsed)
        let columns = Console.error.width ?? Self.usualWidth
        let bar = ProgressBar(
            done: done, total: total, notSucceeded: notSucceeded, elapsed: elapsed, rate: state.pace.rate,
            timeLeft: total.flatMap { state.pace.timeLeft(for: $0 - done) })
        // The last column stays empty: some terminals go to the next row once it is written.
        let text = state.line.draw(bar.line(width: columns - 1), at: elapsed, columns: columns)
        try? Console.error.write(Array(text.utf8))
    }

    private func flush(_ state: inout State) {
        guard !state.pending.isEmpty else { return }
        self.clear(&state)
        Console.write(state.pending)
        state.pending.removeAll(keepingCapacity: true)
    }

    private func clear(_ state: inout State) {
        let text = state.line.clear(columns: Console.error.width ?? Self.usualWidth)
        if !text.isEmpty { try? Console.error.write(Array(text.utf8)) }
    }
}
