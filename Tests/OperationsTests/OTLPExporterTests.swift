import Foundation
import Hummingbird
import Logging
import Metrics
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle
import Testing
import Tracing

@testable import Operations

@Suite struct OTLPExporterTests {
    @Test("spans arrive at a collector over HTTP with their ids, parents, times, attributes, events and status")
    func export() async throws {
        try await SpanCollector.with { collector in
            let registry = MetricRegistry()
            try await self.exporting(to: collector.endpoint, registry) { exporter in
                let tracer = SpanTracer { exporter.take($0) }
                var context = ServiceContext.topLevel
                context.trace = TraceContext(
                    parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", state: "vendor=x")
                let span = tracer.startSpan("task run", context: context, ofKind: .consumer)
                span.updateAttributes { attributes in
                    attributes["text"] = "quote \" \u{1B}[0m é"
                    attributes["number"] = 9_007_199_254_740_993
                    attributes["fraction"] = 0.5
                    attributes["truth"] = true
                }
                span.addEvent(SpanEvent(name: "began", attributes: ["n": 1]))
                span.setStatus(SpanStatus(code: .error, message: "it failed"))
                let child = tracer.startSpan("command", context: span.context, ofKind: .client)
                child.end()
                span.end()
            }
            let spans = collector.spans
            let task = try #require(spans.first { $0.name == "task run" })
            let command = try #require(spans.first { $0.name == "command" })
            #expect(task.traceId == "4bf92f3577b34da6a3ce929d0e0e4736" && task.parentSpanId == "00f067aa0ba902b7")
            #expect(command.traceId == task.traceId && command.parentSpanId == task.spanId)
            #expect(task.spanId.wholeMatch(of: /[0-9a-f]{16}/) != nil && task.spanId != command.spanId)
            #expect(task.kind == 5 && command.kind == 3)
            #expect(task.traceState == "vendor=x")
            let times = [
                task.startTimeUnixNano, command.startTimeUnixNano, command.endTimeUnixNano, task.endTimeUnixNano,
            ]
            .compactMap { UInt64($0) }
            #expect(times.count == 4 && times == times.sorted())
            #expect(task["text"]?.stringValue == "quote \" \u{1B}[0m é")
            #expect(task["number"]?.intValue == "9007199254740993")
            #expect(task["fraction"]?.doubleValue == 0.5)
            #expect(task["truth"]?.boolValue == true)
            #expect(task.events.map(\.name) == ["began"])
            #expect(task.status.code == 2 && task.status.message == "it failed")
            #expect(command.status.code == nil)
            #expect(collector.resource["service.name"] == "tether" && collector.resource["service.instance.id"] == "w1")
            #expect(collector.authorization == ["Bearer abc"])
            #expect(Self.value("tether_spans_exported_total", registry) == 2)
        }
    }

    @Test("a collector that is busy is asked again; one that refuses loses the batch, which is counted")
    func refusals() async throws {
        try await SpanCollector.with { collector in
            collector.answers([503, 200])
            let registry = MetricRegistry()
            try await self.exporting(to: collector.endpoint, registry) { exporter in
                SpanTracer { exporter.take($0) }.startSpan("again", context: .topLevel).end()
                // On its way out it doesn't ask again.
                try await until("the batch is taken") { !collector.spans.isEmpty }
            }
            #expect(collector.spans.map(\.name) == ["again"])
            #expect(collector.requestCount == 2)

            collector.answers([400])
            let other = MetricRegistry()
            try await self.exporting(to: collector.endpoint, other) { exporter in
                SpanTracer { exporter.take($0) }.startSpan("refused", context: .topLevel).end()
            }
            #expect(collector.requestCount == 3)
            #expect(Self.value("tether_spans_dropped_total", other) == 1)
            #expect(Self.value("tether_spans_exported_total", other) == 0)
        }
    }

    @Test("spans past the bound of the queue are dropped and counted; nobody waits")
    func bound() throws {
        let registry = MetricRegistry()
        let exporter = OTLPExporter(
            try #require(.init(endpoint: "http://127.0.0.1:1", instance: "w1")), metrics: registry,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let tracer = SpanTracer { exporter.take($0) }
        for _ in 0..<SpanQueue.capacity + 7 { tracer.startSpan("span", context: .topLevel).end() }
        #expect(Self.value("tether_spans_dropped_total", registry) == 7)
    }

    @Test(
        "an address gets the signal's path where it has none",
        arguments: [
            ("http://c:4318", "http://c:4318/v1/traces"), ("http://c:4318/", "http://c:4318/v1/traces"),
            ("https://c/custom", "https://c/custom"), ("c:4318", nil), ("grpc://c:4317", nil), ("http://", nil),
        ] as [(String, String?)])
    func endpoints(text: String, expected: String?) {
        #expect(OTLPExporter.Configuration(endpoint: text, instance: "w")?.endpoint == expected)
    }

    // MARK: Surroundings

    private struct Beacon: Service {
        let started: AsyncStream<Void>.Continuation

        func run() async throws {
            self.started.yield()
            try await gracefulShutdown()
        }
    }

    static func value(_ name: String, _ registry: MetricRegistry) -> Double? {
        guard
            case .number(let value)? = registry.families().first(where: { $0.description.name == name })?.samples.first?
                .value
        else { return nil }
        return value
    }

    /// Runs an exporter for the time of `body`; when this returns, all that was taken has gone out or been given up.
    private func exporting(
        to endpoint: String, _ registry: MetricRegistry, _ body: (OTLPExporter) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let configuration = try #require(
            OTLPExporter.Configuration(
                endpoint: endpoint, headers: [("authorization", "Bearer abc")], instance: "w1",
                interval: .milliseconds(20)))
        let exporter = OTLPExporter(configuration, metrics: registry, logger: logger)
        // A group that is told to end before it runs never does.
        let (starts, started) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let group = ServiceGroup(services: [exporter, Beacon(started: started)], logger: logger)
        let run = Task { try await group.run() }
        for await _ in starts { break }
        try await body(exporter)
        await group.triggerGracefulShutdown()
        try await run.value
    }
}
