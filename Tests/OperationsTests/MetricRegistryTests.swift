import Metrics
import Testing

@testable import Operations

@Suite struct MetricRegistryTests {
    private let catalogue = [
        MetricDescription("jobs_total", .counter, "Jobs.", labels: ["kind"]),
        MetricDescription("time_seconds", .histogram, "Time.", buckets: [0.1, 1]),
        MetricDescription("depth", .gauge, "Depth."),
    ]

    private func text(_ registry: MetricRegistry) -> String {
        String(decoding: PrometheusText.write(registry.families()), as: UTF8.self)
    }

    @Test("what is made twice with the same labels is one series, whatever order the labels come in")
    func shared() {
        let registry = MetricRegistry([MetricDescription("a_total", .counter, "A.", labels: ["x", "y"])])
        Counter(label: "a_total", dimensions: [("x", "1"), ("y", "2")], factory: registry).increment()
        Counter(label: "a_total", dimensions: [("y", "2"), ("x", "1")], factory: registry).increment(by: 2)
        #expect(self.text(registry).contains("a_total{x=\"1\",y=\"2\"} 3\n"))
    }

    @Test("a counter never goes back, and stays at its end")
    func counter() {
        let registry = MetricRegistry(self.catalogue)
        let counter = Counter(label: "jobs_total", dimensions: [("kind", "a")], factory: registry)
        counter.increment(by: 5)
        counter.increment(by: -3)
        #expect(self.text(registry).contains("jobs_total{kind=\"a\"} 5\n"))
        counter.increment(by: Int64.max)
        counter.increment(by: Int64.max)
        guard case .number(let value)? = registry.families().first?.samples.first?.value else {
            Issue.record("no value")
            return
        }
        #expect(value == Double(Int64.max))
    }

    @Test(
        "a value stands in the first bucket that it doesn't exceed",
        arguments: [
            (0.0, [1, 0, 0]), (0.1, [1, 0, 0]), (0.100_001, [0, 1, 0]), (1, [0, 1, 0]), (1.5, [0, 0, 1]),
            (.infinity, [0, 0, 1]), (.nan, [0, 0, 0]),
        ] as [(Double, [Int])])
    func buckets(value: Double, expected: [Int]) {
        let meter = HistogramMeter([0.1, 1])
        meter.record(value)
        guard case .histogram(let counts, _) = meter.value else {
            Issue.record("no histogram")
            return
        }
        #expect(counts == expected)
    }

    @Test("a name that stands for one kind of metric isn't taken for another")
    func kinds() {
        let registry = MetricRegistry(self.catalogue)
        Counter(label: "depth", factory: registry).increment()
        Timer(label: "jobs_total", factory: registry).recordSeconds(1)
        #expect(registry.families().isEmpty)
    }

    @Test("a metric that is destroyed isn't served any more")
    func destroyed() {
        let registry = MetricRegistry(self.catalogue)
        let gauge = Gauge(label: "depth", factory: registry)
        gauge.record(4)
        #expect(self.text(registry).contains("depth 4\n"))
        gauge.destroy()
        #expect(!self.text(registry).contains("depth 4\n"))
    }

    @Test("threads that count at the same time lose nothing")
    func threads() async {
        let registry = MetricRegistry(self.catalogue)
        await withTaskGroup { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    let counter = Counter(label: "jobs_total", dimensions: [("kind", "a")], factory: registry)
                    let timer = Timer(label: "time_seconds", factory: registry)
                    for _ in 0..<2_000 {
                        counter.increment()
                        timer.recordMilliseconds(50)
                    }
                }
            }
        }
        let text = self.text(registry)
        #expect(text.contains("jobs_total{kind=\"a\"} 16000\n"))
        #expect(text.contains("time_seconds_count 16000\n"))
    }
}
