import Foundation
import Jobs
import Operations
import TestSupport
import Testing
import Yams

/// The dashboard and the alerts speak of metrics that exist.
@Suite("Queries of the dashboard and the alerts")
struct QueryTests {
    struct Query: Sendable, CustomTestStringConvertible {
        var place: String
        var expression: String
        /// `{{label}}` in the texts that go with it.
        var shown: Set<String> = []
        var testDescription: String { self.place }
    }

    private static let deploy = Repository.root.appendingPathComponent("deploy")

    /// What a scrape and Prometheus add to each series.
    private static let scraped: Set = ["job", "instance", "alertname", "alertstate", "severity"]

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: self.deploy.appendingPathComponent(path), encoding: .utf8)
    }

    private static func labels(in text: String) -> Set<String> {
        Set(text.matches(of: #/\{\{ ?(?:\$labels\.)?(\w+)/#).map { String($0.output.1) })
    }

    private static func alerts() throws -> [Query] {
        let root = try #require(try Yams.load(yaml: self.text("prometheus/alerts.yaml")) as? [String: Any])
        let groups = try #require(root["groups"] as? [[String: Any]])
        return try groups.flatMap { group in
            try #require(group["rules"] as? [[String: Any]]).map { rule in
                let annotations = try #require(rule["annotations"] as? [String: String])
                let texts = annotations.values.joined(separator: " ")
                return Query(
                    place: try #require(rule["alert"] as? String),
                    expression: try #require(rule["expr"] as? String),
                    shown: self.labels(in: texts)
                )
            }
        }
    }

    private static func dashboard() throws -> [Query] {
        let data = Data(try self.text("grafana/tether.json").utf8)
        let root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(root["panels"] as? [[String: Any]])
        var queries: [Query] = []
        for panel in panels {
            for target in panel["targets"] as? [[String: Any]] ?? [] {
                queries.append(
                    Query(
                        place: try #require(panel["title"] as? String),
                        expression: try #require(target["expr"] as? String),
                        shown: self.labels(in: target["legendFormat"] as? String ?? "")
                    ))
            }
        }
        return queries
    }

    /// What is wrong with a query, by the catalogue.
    private static func problems(in query: Query) -> [String] {
        let metrics = Dictionary(uniqueKeysWithValues: MetricCatalogue.all.map { ($0.name, $0) })
        let expression = PromQL(query.expression)
        var problems: [String] = []
        var known = Self.scraped
        if expression.selectors.isEmpty { problems.append("names no metric") }
        for selector in expression.selectors {
            if ["up", "ALERTS"].contains(selector.metric) { continue }
            let base = ["_bucket", "_sum", "_count"].first { suffix in
                selector.metric.hasSuffix(suffix)
                    && metrics[String(selector.metric.dropLast(suffix.count))]?.kind == .histogram
            }.map { String(selector.metric.dropLast($0.count)) }
            guard let metric = metrics[base ?? selector.metric] else {
                problems.append("there is no metric \(selector.metric)")
                continue
            }
            if base == nil, metric.kind == .histogram { problems.append("\(metric.name) is a histogram") }
            let grows = metric.kind != .gauge
            if let function = selector.rangeFunction, ["rate", "increase", "irate"].contains(function) != grows {
                problems.append("\(function) of \(metric.name), a \(metric.kind)")
            }
            if grows, selector.rangeFunction == nil { problems.append("\(metric.name) without a rate") }
            let labels = Self.scraped.union(metric.labels).union(base == nil ? [] : ["le"])
            known.formUnion(labels)
            for matcher in selector.matchers {
                if !labels.contains(matcher.label) { problems.append("\(metric.name) has no label \(matcher.label)") }
                // The catalogue's sentence names a label's values, but for the outcomes of tasks, which are the contract's.
                guard metric.labels.contains(matcher.label), matcher.label != "topic" else { continue }
                for value in matcher.values
                where !metric.help.contains(value) && Outcome(rawValue: value) == nil {
                    problems.append("\(metric.name): \(matcher.label) is never \(value)")
                }
            }
        }
        for label in expression.labels.union(query.shown).subtracting(known) { problems.append("no label \(label)") }
        return problems
    }

    @Test("every metric, label and value exists, and counters are asked for their rate")
    func queries() throws {
        let queries = try Self.alerts() + Self.dashboard()
        #expect(queries.count > 100)
        for query in queries {
            let problems = Self.problems(in: query)
            #expect(problems.isEmpty, "\(query.place): \(problems.joined(separator: "; ")): \(query.expression)")
        }
    }

    @Test(
        "a query that can't be right is found out",
        arguments: [
            #"tehter_ready == 0"#,
            #"sum(rate(tether_tasks_ended_totl[5m]))"#,
            #"sum by (outcme) (rate(tether_tasks_ended_total[5m]))"#,
            #"tether_sessions{stat="idle"}"#,
            #"tether_sessions{state="idel"}"#,
            #"tether_sessions{state=~"idle|bussy"}"#,
            #"rate(tether_ready[5m])"#,
            #"tether_tasks_ended_total > 5"#,
            #"tether_task_queued_seconds > 5"#,
            #"histogram_quantile(0.9, rate(tether_ready_bucket[5m]))"#,
            #"tether_ready and on (instanc) tether_stalled"#,
            #"quantile_over_time(0.5, sum(tether_partition_assigned)[6h:1m])"#,
        ])
    func mistakes(_ expression: String) {
        #expect(!Self.problems(in: Query(place: "a mistake", expression: expression)).isEmpty)
    }

    @Test("each alert has a runbook and a test that it fires")
    func runbooks() throws {
        let guide = try String(
            contentsOf: Repository.sources.appendingPathComponent("Worker/Worker.docc/OperationsGuide.md"),
            encoding: .utf8)
        let sections = Set(
            guide.components(separatedBy: "\n").filter { $0.hasPrefix("### ") }.map { String($0.dropFirst(4)) })
        let names = try Self.alerts().map(\.place)
        #expect(Set(names).count == names.count)
        #expect(sections == Set(names))
        let rules = try Self.text("prometheus/alerts.yaml")
        let tests = try Self.text("prometheus/alerts.test.yaml")
        for name in names {
            #expect(rules.contains("runbook: OperationsGuide.md#\(name)\n"), "\(name)")
            #expect(tests.contains("alertname=\"\(name)\""), "no test of \(name)")
        }
    }
}
