import Metrics
import NIOConcurrencyHelpers

/// Keeps the metrics that the program counts, for Prometheus to fetch.
///
/// A backend of swift-metrics: counters count, gauges and meters hold their last value, timers (in seconds) and recorders become histograms with the buckets of
/// their description. What has no description is served all the same, without help. Safe to use from any thread; a metric costs one uncontended lock.
package final class MetricRegistry: MetricsFactory {
    private struct Family: Sendable {
        let description: MetricDescription
        var series: [[String]: any SeriesMeter] = [:]
    }

    /// Series of one metric, at most: names of labels come from the program, their values may not.
    private static let maximumSeries = 10_000

    private let catalogue: [String: MetricDescription]
    private let order: [String: Int]
    private let families = NIOLockedValueBox<[String: Family]>([:])

    package init(_ catalogue: [MetricDescription] = MetricCatalogue.all) {
        self.catalogue = Dictionary(catalogue.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.order = Dictionary(
            catalogue.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// All there is now, in the catalogue's order.
    /// - Parameter others: families from elsewhere, to stand among these.
    package func families(with others: [MetricFamily] = []) -> [MetricFamily] {
        let own = self.families.withLockedValue { Array($0.values) }.map { family in
            MetricFamily(
                family.description,
                family.series.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { .init($0.key, $0.value.value) })
        }
        return (own + others).sorted {
            let (left, right) = ($0.description.name, $1.description.name)
            return (self.order[left] ?? .max, left) < (self.order[right] ?? .max, right)
        }
    }

    // MARK: Making

    /// The series of these labels. `nil` when the name stands for another kind of metric, or has too many series.
    private func series<Meter: SeriesMeter>(
        _ label: String, _ dimensions: [(String, String)], _ kind: MetricDescription.Kind,
        _ make: (MetricDescription) -> Meter
    ) -> Meter? {
        let name = self.catalogue[label] == nil ? Self.sanitized(label) : label
        return self.families.withLockedValue { families in
            let description =
                families[name]?.description ?? self.catalogue[name]
                ?? MetricDescription(
                    name, kind, "", labels: dimensions.map { Self.sanitized($0.0) }, buckets: Self.defaultBuckets)
            guard description.kind == kind else { return nil }
            let values = Dictionary(dimensions.map { (Self.sanitized($0.0), $0.1) }, uniquingKeysWith: { $1 })
            let labels = description.labels.map { values[$0] ?? "" }
            var family = families[name] ?? Family(description: description)
            if let known = family.series[labels] { return known as? Meter }
            guard family.series.count < Self.maximumSeries else { return nil }
            let meter = make(description)
            family.series[labels] = meter
            families[name] = family
            return meter
        }
    }

    private func remove(_ meter: AnyObject) {
        self.families.withLockedValue { families in
            for name in families.keys {
                guard let labels = families[name]?.series.first(where: { $0.value === meter })?.key else { continue }
                families[name]?.series[labels] = nil
            }
        }
    }

    /// Names match `[a-zA-Z_:][a-zA-Z0-9_:]*` (data model, "Metric names and labels").
    private static func sanitized(_ name: String) -> String {
        let letters = name.unicodeScalars.map { scalar -> Character in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_": Character(scalar)
            default: "_"
            }
        }
        return (letters.first?.isNumber ?? true ? "_" : "") + String(letters)
    }

    private static let defaultBuckets: [Double] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60]

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.series(label, dimensions, .counter) { _ in CounterMeter() } ?? CounterMeter()
    }

    package func makeFloatingPointCounter(label: String, dimensions: [(String, String)])
        -> any FloatingPointCounterHandler
    {
        self.series(label, dimensions, .counter) { _ in FloatingPointCounterMeter() } ?? FloatingPointCounterMeter()
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.series(label, dimensions, .gauge) { _ in GaugeMeter() } ?? GaugeMeter()
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else {
            return self.series(label, dimensions, .gauge) { _ in GaugeMeter() } ?? GaugeMeter()
        }
        return self.series(label, dimensions, .histogram) { HistogramMeter($0.buckets) } ?? HistogramMeter([])
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.series(label, dimensions, .histogram) { HistogramMeter($0.buckets) } ?? HistogramMeter([])
    }

    package func destroyCounter(_ handler: any CounterHandler) { self.remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { self.remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { self.remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { self.remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { self.remove(handler) }
}
