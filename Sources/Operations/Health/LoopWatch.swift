import Metrics
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle

/// Asks every event loop once a second whether it turns, and how late it was.
///
/// Safe to use from any thread.
package final class LoopWatch: Service {
    private struct State: Sendable {
        var asked: ContinuousClock.Instant?
        var answered: ContinuousClock.Instant?

        /// How far it is behind: nothing while no question is open.
        func delay(_ now: ContinuousClock.Instant) -> Duration {
            guard let asked = self.asked, self.answered.map({ $0 < asked }) ?? true else { return .zero }
            return now - asked
        }
    }

    private static let interval = Duration.seconds(1)

    private let loops: [any EventLoop]
    private let states: [NIOLockedValueBox<State>]
    private let delays: Timer

    package init(_ loops: [any EventLoop], metrics: any MetricsFactory) {
        self.loops = loops
        self.states = loops.map { _ in NIOLockedValueBox(State()) }
        self.delays = Timer(label: "tether_event_loop_delay_seconds", factory: metrics)
    }

    /// Since the loop that is furthest behind was asked.
    package var slowest: Duration {
        let now = ContinuousClock.now
        return self.states.map { $0.withLockedValue { $0.delay(now) } }.max() ?? .zero
    }

    /// Asks each loop that has answered the last time.
    func ask() {
        for (loop, state) in zip(self.loops, self.states) {
            let now = ContinuousClock.now
            let mayAsk = state.withLockedValue { state in
                guard state.delay(now) == .zero else { return false }
                state.asked = now
                return true
            }
            guard mayAsk else { continue }
            loop.execute { [delays] in
                let answered = ContinuousClock.now
                delays.record(duration: now.duration(to: answered))
                state.withLockedValue { $0.answered = answered }
            }
        }
    }

    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                self.ask()
                try await Task.sleep(for: Self.interval)
            }
        }
    }
}
