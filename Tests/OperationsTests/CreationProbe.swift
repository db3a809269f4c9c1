import Metrics
import NIOConcurrencyHelpers

@testable import Operations

/// Notes which metrics are made.
final class CreationProbe: MetricsFactory {
    typealias Creation = (name: String, kind: MetricDescription.Kind, labels: [String])
    private let all = NIOLockedValueBox<[Creation]>([])

    var created: [Creation] { self.all.withLockedValue { $0 } }

    private func note(_ name: String, _ kind: MetricDescription.Kind, _ dimensions: [(String, String)]) {
        self.all.withLockedValue { $0.append((name, kind, dimensions.map(\.0))) }
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.note(label, .counter, dimensions)
        return CounterMeter()
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        self.note(label, aggregate ? .histogram : .gauge, dimensions)
        return GaugeMeter()
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.note(label, .histogram, dimensions)
        return HistogramMeter([])
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
