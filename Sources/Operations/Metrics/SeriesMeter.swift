import Metrics
import NIOConcurrencyHelpers

/// Counts for one series of a metric. Safe to use from any thread.
protocol SeriesMeter: AnyObject, Sendable {
    var value: MetricFamily.Value { get }
}

final class CounterMeter: SeriesMeter, CounterHandler {
    private let count = NIOLockedValueBox<Int64>(0)

    var value: MetricFamily.Value { .number(Double(self.count.withLockedValue { $0 })) }

    func increment(by amount: Int64) {
        // A counter never goes back; past its end it stays there.
        guard amount > 0 else { return }
        self.count.withLockedValue { count in
            let (sum, overflows) = count.addingReportingOverflow(amount)
            count = overflows ? .max : sum
        }
    }

    func reset() { self.count.withLockedValue { $0 = 0 } }
}

final class FloatingPointCounterMeter: SeriesMeter, FloatingPointCounterHandler {
    private let count = NIOLockedValueBox<Double>(0)

    var value: MetricFamily.Value { .number(self.count.withLockedValue { $0 }) }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        self.count.withLockedValue { $0 += amount }
    }

    func reset() { self.count.withLockedValue { $0 = 0 } }
}

final class GaugeMeter: SeriesMeter, MeterHandler, RecorderHandler {
    private let current = NIOLockedValueBox<Double>(0)

    var value: MetricFamily.Value { .number(self.current.withLockedValue { $0 }) }

    func set(_ value: Int64) { self.set(Double(value)) }
    func set(_ value: Double) { self.current.withLockedValue { $0 = value } }
    func increment(by amount: Double) { self.current.withLockedValue { $0 += amount } }
    func decrement(by amount: Double) { self.current.withLockedValue { $0 -= amount } }
    func record(_ value: Int64) { self.set(Double(value)) }
    func record(_ value: Double) { self.set(value) }
}

/// A histogram with fixed buckets. A timer's nanoseconds are recorded in seconds.
final class HistogramMeter: SeriesMeter, TimerHandler, RecorderHandler {
    private struct State: Sendable {
        /// One for each bound, and one for what lies beyond.
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: NIOLockedValueBox<State>

    /// - Parameter bounds: ascending; a value equal to one belongs below it.
    init(_ bounds: [Double]) {
        self.bounds = bounds
        self.state = NIOLockedValueBox(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    var value: MetricFamily.Value {
        let state = self.state.withLockedValue { $0 }
        return .histogram(counts: state.counts, sum: state.sum)
    }

    func recordNanoseconds(_ duration: Int64) { self.record(Double(duration) / 1e9) }
    func record(_ value: Int64) { self.record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        // The first bound that isn't below the value.
        var low = 0
        var high = self.bounds.count
        while low < high {
            let middle = (low + high) / 2
            if self.bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        let bucket = low
        self.state.withLockedValue { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }
}
