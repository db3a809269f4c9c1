import Foundation
import Metrics
import TestSupport
import Testing

@testable import Operations

@Suite struct PrometheusTextTests {
    private struct Sample: Decodable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    private struct Family: Decodable {
        var name: String
        var type: String
        var help: String
        var samples: [Sample]
    }

    private struct Missing: Error { let name: String }

    static let nasty = "back\\slash \"quoted\"\nnew line, {braces} = é ⚡"

    @Test("each kind of metric is written as the format says")
    func kinds() {
        let text = PrometheusText.write([
            MetricFamily(
                MetricDescription("a_total", .counter, "Help with \\ and\nnew line."), [.init([], .number(3))]),
            MetricFamily(
                MetricDescription("b", .gauge, "B.", labels: ["x", "y"]),
                [.init(["1", Self.nasty], .number(0.5)), .init(["2", ""], .number(.infinity))]),
            MetricFamily(
                MetricDescription("c_seconds", .histogram, "C.", buckets: [0.1, 1]),
                [.init([], .histogram(counts: [1, 2, 4], sum: 12.25))]),
            MetricFamily(MetricDescription("empty", .gauge, "Nothing."), []),
        ])
        #expect(
            String(decoding: text, as: UTF8.self) == #"""
                # HELP a_total Help with \\ and\nnew line.
                # TYPE a_total counter
                a_total 3
                # HELP b B.
                # TYPE b gauge
                b{x="1",y="back\\slash \"quoted\"\nnew line, {braces} = é ⚡"} 0.5
                b{x="2",y=""} +Inf
                # HELP c_seconds C.
                # TYPE c_seconds histogram
                c_seconds_bucket{le="0.1"} 1
                c_seconds_bucket{le="1"} 3
                c_seconds_bucket{le="+Inf"} 7
                c_seconds_sum 12.25
                c_seconds_count 7

                """#)
    }

    @Test(
        "numbers read back as they are",
        arguments: [0, -0.0, 1, -1, 0.1, 1e-9, 1e21, 9_007_199_254_740_992, Double.pi, .greatestFiniteMagnitude])
    func numbers(value: Double) {
        #expect(Double(PrometheusText.number(value)) == value)
    }

    @Test("what isn't a number has its own words")
    func unusual() {
        #expect(PrometheusText.number(.nan) == "NaN")
        #expect(PrometheusText.number(.infinity) == "+Inf")
        #expect(PrometheusText.number(-.infinity) == "-Inf")
    }

    @Test("Prometheus' own parser reads back every family, label and value")
    func parser() async throws {
        let registry = MetricRegistry()
        Counter(label: "tether_jobs_routed_total", dimensions: [("result", Self.nasty)], factory: registry)
            .increment(by: 7)
        let timer = Timer(label: "tether_drain_duration_seconds", factory: registry)
        for milliseconds in [1, 20, 20, 700_000] { timer.recordMilliseconds(milliseconds) }
        Gauge(label: "strange name-of.another library", dimensions: [("a label", "v")], factory: registry).record(2.5)
        let source = SyntheticWorker(devices: 40)
        let figures = WorkerFigures(
            status: source.status, lanes: await source.lanes(), sessions: source.sessionCounts, sessionLimit: 10_000,
            inventoryCount: 40, troubles: source.troubles, statistics: source.kafkaStatistics,
            health: HealthReport(source.status),
            devices: source.sessions, build: BuildVersion(version: "1.2.3"))
        let text = PrometheusText.write(registry.families(with: figures.families + ProcessFigures.current().families))

        let script = #"""
            import json, sys
            from prometheus_client.parser import text_string_to_metric_families
            text = sys.stdin.buffer.read().decode("utf-8")
            json.dump([{"name": f.name, "type": f.type, "help": f.documentation,
                        "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in f.samples]}
                       for f in text_string_to_metric_families(text)], sys.stdout)
            """#
        let families = try JSONDecoder().decode(
            [Family].self, from: try await Python.run(script, input: Data(text), arguments: []))
        func family(_ name: String) throws -> Family {
            guard let found = families.first(where: { $0.name == name }) else { throw Missing(name: name) }
            return found
        }

        // The parser gives counters their name without the suffix.
        let routed = try family("tether_jobs_routed")
        #expect(routed.type == "counter" && routed.samples.first?.value == 7)
        #expect(routed.samples.first?.labels == ["result": Self.nasty])
        let drain = try family("tether_drain_duration_seconds")
        #expect(drain.type == "histogram")
        let buckets = Dictionary(
            uniqueKeysWithValues: drain.samples.filter { $0.name.hasSuffix("_bucket") }.map {
                ($0.labels["le"] ?? "", $0.value)
            })
        #expect(buckets["0.001"] == 1 && buckets["0.025"] == 3 && buckets["600"] == 3 && buckets["+Inf"] == 4)
        let strange = try family("strange_name_of_another_library")
        #expect(strange.samples.first?.labels == ["a_label": "v"])
        let sessions = try family("tether_sessions")
        #expect(sessions.samples.count == 5)
        let lag = try family("tether_consumer_lag_records")
        #expect(lag.samples.map(\.value) == [14])
        let roundTrips = try family("tether_kafka_broker_rtt_p99_seconds")
        #expect(roundTrips.samples.first?.value == 0.009)
        let memory = try family("process_resident_memory_bytes").samples.first?.value ?? 0
        #expect(memory > 1_000_000)
        let files = try family("process_open_fds").samples.first?.value ?? 0
        #expect(files >= 3)
    }

    @Test("promtool has nothing to object to, where it is installed")
    func promtool() async throws {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool") else { return }
        let registry = MetricRegistry()
        let source = SyntheticWorker(devices: 40)
        let figures = WorkerFigures(
            status: source.status, lanes: await source.lanes(), sessions: source.sessionCounts, sessionLimit: 10_000,
            inventoryCount: 40, troubles: source.troubles, statistics: source.kafkaStatistics,
            health: HealthReport(source.status),
            devices: source.sessions, build: BuildVersion(version: "1.2.3"))
        for metric in MetricCatalogue.all where metric.kind == .histogram {
            Timer(
                label: metric.name, dimensions: metric.labels.map { ($0, "value") }, factory: registry
            ).recordMilliseconds(5)
        }
        for metric in MetricCatalogue.all where metric.kind == .counter && metric.name.hasPrefix("tether_t") {
            Counter(label: metric.name, dimensions: metric.labels.map { ($0, "value") }, factory: registry).increment()
        }
        let known = Set(registry.families().map(\.description.name))
        let others = (figures.families + ProcessFigures.current().families).filter {
            !known.contains($0.description.name)
        }
        let text = PrometheusText.write(registry.families(with: others))
        let script = #"""
            import subprocess, sys
            check = subprocess.run(["promtool", "check", "metrics"], input=sys.stdin.buffer.read(), capture_output=True)
            sys.stdout.write(check.stdout.decode() + check.stderr.decode())
            sys.exit(0)
            """#
        let answer = try await Python.run(script, input: Data(text), arguments: [])
        #expect(String(decoding: answer, as: UTF8.self) == "")
    }
}
