import Foundation
import Jobs
import Kafka
import Operations
import Testing

extension Integration {
    @Suite("What a worker tells those who operate it")
    struct Operating {
        /// A span as the collector gets it.
        private struct Span: Decodable {
            struct Attribute: Decodable {
                struct Value: Decodable { var stringValue: String? }
                var key: String
                var value: Value
            }
            var traceId: String
            var spanId: String
            var parentSpanId: String?
            var name: String
            var startTimeUnixNano: String
            var endTimeUnixNano: String
            var attributes: [Attribute]

            subscript(key: String) -> String? { self.attributes.first { $0.key == key }?.value.stringValue }
        }

        private struct Request: Decodable {
            struct Resource: Decodable { var scopeSpans: [Scope] }
            struct Scope: Decodable { var spans: [Span] }
            var resourceSpans: [Resource]
        }

        private static func context(of record: KafkaRecord) -> [Substring] {
            let header = record.headers.last { $0.name == "traceparent" }?.value ?? []
            return String(decoding: header, as: UTF8.self).split(separator: "-")
        }

        @Test("a job's trace goes through router, task and commands to the replies, and to the collector")
        func tracing() async throws {
            try await Fleet.with(devices: 2) { fleet in
                let web = try await WebServer.start(on: fleet.cluster.leash)
                defer { web.stop() }
                _ = try await fleet.startProcesses("worker", arguments: ["--otlp-endpoint", web.url("")])
                let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
                let parent = "00f067aa0ba902b7"
                try await fleet.submit(
                    Job(
                        id: "traced", targets: ["group:lab"],
                        operation: .run([Command("show clock"), Command("show version")])),
                    headers: [
                        KafkaHeader("traceparent", "00-\(trace)-\(parent)-01"), KafkaHeader("tracestate", "vendor=x"),
                    ])
                _ = try await fleet.replies.finished("traced")
                try await fleet.submit(
                    Job(id: "unwanted", targets: ["dev-0001"], operation: .probe),
                    headers: [KafkaHeader("traceparent", "00-\(trace)-\(parent)-00")])
                _ = try await fleet.replies.finished("unwanted")
                let journal = fleet.journals
                // What is left is sent on the way out.
                try await fleet.stopWorkers()

                let spans = try web.posted.flatMap { body in
                    try JSONDecoder().decode(Request.self, from: body).resourceSpans.flatMap {
                        $0.scopeSpans.flatMap(\.spans)
                    }
                }
                // Nothing of the job whose trace nobody wants recorded.
                #expect(spans.allSatisfy { $0.traceId == trace })
                let route = try #require(spans.first { $0.name == "route job" })
                #expect(spans.count { $0.name == "route job" } == 1)
                #expect(route.parentSpanId == parent && route["tether.job"] == "traced")
                let tasks = spans.filter { $0.name == "task run" }
                #expect(Set(tasks.compactMap { $0["tether.device"] }) == ["dev-0001", "dev-0002"])
                for task in tasks {
                    #expect(task.parentSpanId == route.spanId)
                    #expect(task["tether.outcome"] == "succeeded")
                    let children = spans.filter { $0.parentSpanId == task.spanId }
                    let login = try #require(children.first { $0.name == "login" })
                    #expect(login["server.address"] == "127.0.0.1")
                    #expect(task["messaging.operation.name"] == "execute")
                    #expect(
                        children.map(\.name).sorted() == ["command", "command", "login", "wait for the device"])
                    #expect(
                        children.filter { $0.name == "command" }.compactMap { $0["tether.command"] }.sorted()
                            == ["show clock", "show version"])
                    for child in children {
                        #expect(UInt64(child.startTimeUnixNano) ?? 0 >= UInt64(task.startTimeUnixNano) ?? .max)
                        #expect(UInt64(child.endTimeUnixNano) ?? .max <= UInt64(task.endTimeUnixNano) ?? 0)
                    }
                }
                // Each reply names the span that it comes from.
                for received in try fleet.replies.replies {
                    let context = Self.context(of: received.record)
                    #expect(context.count == 4 && context[1] == trace)
                    switch received.reply {
                    case .accepted(let accepted) where accepted.job == "traced":
                        #expect(context[2] == route.spanId && context[3] == "01")
                    case .finished(let finished) where finished.job == "traced":
                        #expect(context[2] == route.spanId)
                    case .result(let result) where result.job == "traced":
                        #expect(context[2] == tasks.first { $0["tether.device"] == result.device }?.spanId ?? "")
                        #expect(received.record.headers.count { $0.name == "traceparent" } == 1)
                        #expect(received.record.headers.contains { $0.name == "tracestate" })
                    default: #expect(context[3] == "00")
                    }
                }
                #expect(journal.contains("trace=\(trace) task ended"))
            }
        }

        @Test("without a collector, trace headers come back as they came")
        func untraced() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                let context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                try await fleet.submit(
                    Job(id: "echoed", targets: ["group:lab"], operation: .probe),
                    headers: [KafkaHeader("traceparent", context)])
                _ = try await fleet.replies.finished("echoed")
                for received in try fleet.replies.replies {
                    #expect(Self.context(of: received.record).joined(separator: "-") == context)
                }
            }
        }

        @Test("a worker serves every metric of the catalogue, and counts what it has done")
        func metrics() async throws {
            try await Fleet.with(devices: 3) { fleet in
                let worker = try await fleet.startProcesses(
                    "worker", arguments: ["--kafka-property", "statistics.interval.ms=500"])[0]
                try await fleet.submit("first", "show clock")
                try await fleet.submit("second", "show clock")
                _ = try await fleet.replies.finished("first")
                _ = try await fleet.replies.finished("second")
                try await fleet.submit("first", "show clock")
                try await fleet.replies.read("the answer to the repeated job") { _ in
                    try fleet.replies.replies.contains {
                        if case .accepted(let accepted) = $0.reply { accepted.duplicate } else { false }
                    }
                }
                let port = try #require(worker.findHealthPort())
                var text = ""
                func value(_ series: String) -> Double? {
                    text.split(separator: "\n").first { $0.hasPrefix("\(series) ") }.flatMap {
                        Double($0.dropFirst(series.count + 1))
                    }
                }
                // Counted when Kafka has acknowledged it, and its clients count in intervals.
                try await until("everything is counted", state: { text }) {
                    text = try await HealthProbe.get("/metrics", port: port)
                    return value("tether_tasks_finished_total") == 6 && text.contains("tether_consumer_lag_records{")
                        && value("tether_commit_duration_seconds_count") ?? 0 > 0
                }
                let served = Set(
                    text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map {
                        String($0.split(separator: " ")[2])
                    })
                let expected = MetricCatalogue.all.map(\.name).filter {
                    // Only where somebody wants them.
                    !$0.hasPrefix("tether_device_session") && !$0.hasPrefix("tether_device_tasks")
                        && !$0.hasPrefix("tether_spans")
                }
                #expect(served == Set(expected))
                #expect(value("tether_jobs_routed_total{result=\"accepted\"}") == 2)
                #expect(value("tether_jobs_routed_total{result=\"duplicate\"}") == 1)
                #expect(value("tether_tasks_ended_total{operation=\"run\",outcome=\"succeeded\"}") == 6)
                #expect(value("tether_replies_published_total{type=\"result\"}") == 6)
                #expect(value("tether_replies_published_total{type=\"accepted\"}") == 3)
                #expect(value("tether_replies_published_total{type=\"finished\"}") == 2)
                #expect(value("tether_logins_total{outcome=\"succeeded\"}") == 3)
                #expect(value("tether_login_duration_seconds_count") == 3)
                #expect(value("tether_ssh_handshake_duration_seconds_count") == 3)
                #expect(value("tether_command_duration_seconds_count{outcome=\"succeeded\"}") == 6)
                #expect(value("tether_sessions{state=\"idle\"}") == 3)
                #expect(value("tether_ready") == 1)
                #expect(value("tether_partitions_assigned{role=\"execute\"}") == Double(Fleet.taskPartitions))
                #expect(try await HealthProbe.get("/health/live", port: port) == "{\"live\":true,\"reasons\":[]}\n")
            }
        }

        @Test("a worker without its broker says so to probes")
        func unreachable() async throws {
            try await Fleet.with { fleet in
                let worker = try await fleet.startProcesses(
                    "lonely", arguments: ["--session-timeout", "6s"])[0]
                let port = try #require(worker.findHealthPort())
                try await until("it is ready") {
                    try await HealthProbe.get("/health/ready", port: port).contains("\"ready\":true")
                }
                try await fleet.cluster.setFault(.blackHole, clientID: "lonely")
                var answer = ""
                try await until("it notices", state: { answer }) {
                    answer = try await HealthProbe.get("/health/ready", port: port)
                    return answer.contains("no broker has answered the role execute for")
                }
                #expect(try await HealthProbe.get("/health/live", port: port).contains("true"))
                try await fleet.cluster.setFault(nil, clientID: "lonely")
                try await until("it is ready again", state: { answer }) {
                    answer = try await HealthProbe.get("/health/ready", port: port)
                    return answer.contains("\"ready\":true")
                }
            }
        }
    }
}
