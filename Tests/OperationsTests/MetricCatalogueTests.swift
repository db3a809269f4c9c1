import Devices
import Jobs
import Kafka
import Metrics
import Testing
import Worker

@testable import Operations

@Suite struct MetricCatalogueTests {
    @Test("names, labels and help follow Prometheus' conventions", arguments: MetricCatalogue.all)
    func conventions(metric: MetricDescription) {
        #expect(metric.name.wholeMatch(of: /(tether|process)_[a-z0-9_]+/) != nil)
        #expect(metric.help.hasSuffix("."))
        #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter))
        #expect((metric.kind == .histogram) == !metric.buckets.isEmpty)
        #expect(metric.buckets == metric.buckets.sorted())
        for label in metric.labels { #expect(label.wholeMatch(of: /[a-z_]+/) != nil && label != "le") }
        for unit in ["_milliseconds", "_ms", "_microseconds", "_kilobytes"] { #expect(!metric.name.contains(unit)) }
    }

    @Test("five milliseconds and twenty seconds are both told from their neighbours")
    func latencies() throws {
        let buckets = try #require(
            MetricCatalogue.all.first { $0.name == "tether_command_duration_seconds" }?.buckets)
        for value in [0.001, 0.005, 0.01, 1, 10, 20, 30, 60, 120, 300] { #expect(buckets.contains(value)) }
        // What is read off is wrong by no more than the width of a bucket.
        for (low, high) in zip(buckets, buckets.dropFirst()) { #expect(high / low <= 2.51, "\(low) to \(high)") }
    }

    @Test("no name stands for two metrics")
    func unique() {
        let names = MetricCatalogue.all.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test("every metric that a worker counts is in the catalogue, with the catalogue's kind and labels")
    func counted() {
        let probe = CreationProbe()
        _ = Telemetry(metrics: probe)
        _ = LoopWatch([], metrics: probe)
        let catalogue = Dictionary(uniqueKeysWithValues: MetricCatalogue.all.map { ($0.name, $0) })
        #expect(probe.created.count > 50)
        for (name, kind, labels) in probe.created {
            #expect(catalogue[name]?.kind == kind, "\(name)")
            #expect(catalogue[name]?.labels == labels, "\(name)")
        }
    }

    @Test("every metric of the catalogue is served by a worker that does everything")
    func served() throws {
        let registry = MetricRegistry()
        _ = Telemetry(metrics: registry)
        _ = LoopWatch([], metrics: registry)
        for name in ["tether_spans_exported_total", "tether_spans_dropped_total"] {
            _ = Counter(label: name, factory: registry)
        }
        let source = SyntheticWorker(devices: 3)
        let figures = WorkerFigures(
            status: source.status, lanes: source.synthetic.lanes, sessions: source.sessionCounts, sessionLimit: 1,
            inventoryCount: 1, troubles: source.troubles, statistics: source.kafkaStatistics,
            health: HealthReport(source.status),
            devices: source.sessions, build: BuildVersion(version: "1"))
        let others = [MetricFamily.gauge("tether_status_clients", 0)].compactMap { $0 }
        let families = registry.families(with: figures.families + ProcessFigures.current().families + others)
        let served = families.filter { !$0.samples.isEmpty }.map(\.description.name)
        #expect(Set(served) == Set(MetricCatalogue.all.map(\.name)))
        // Each once, and in the catalogue's order.
        #expect(served == MetricCatalogue.all.map(\.name))
    }
}
