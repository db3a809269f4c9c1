import Jobs
import Kafka
import Testing

extension Integration {
    @Suite("Records that can't be used")
    struct RefusedRecords {
        @Test("undecodable and null job records become dead letters, and the job behind them runs")
        func jobs() async throws {
            try await Fleet.with { fleet in
                try await fleet.write(
                    Array("{".utf8), to: fleet.topics.jobs, key: "junk", partition: 0,
                    headers: [KafkaHeader("from", "somebody")])
                try await fleet.write(nil, to: fleet.topics.jobs, key: "null", partition: 0)
                try await fleet.submit(
                    Job(id: "good", targets: ["dev-0001"], operation: .run([Command("show clock")])), partition: 0)
                try await fleet.startWorkers("worker")
                #expect(try await fleet.replies.result(of: "good").outcome == .succeeded)
                try await self.expectDeadLetters(
                    fleet, from: TopicPartition(fleet.topics.jobs, 0),
                    [("junk", Array("{".utf8)), ("null", nil)])
                #expect(fleet.deadLetters.records.first?.headers.first == KafkaHeader("from", "somebody"))
            }
        }

        @Test("undecodable and null task records become dead letters, and the task behind them runs")
        func tasks() async throws {
            try await Fleet.with { fleet in
                let home = fleet.home(of: "dev-0001")
                try await fleet.write(
                    Array(#"{"device": "dev-0001"}"#.utf8), to: fleet.topics.tasks, key: "junk", partition: home)
                try await fleet.write(nil, to: fleet.topics.tasks, key: "null", partition: home)
                try await fleet.startWorkers("worker")
                try await fleet.submit("good", "show clock")
                #expect(try await fleet.replies.result(of: "good").outcome == .succeeded)
                try await self.expectDeadLetters(
                    fleet, from: TopicPartition(fleet.topics.tasks, home),
                    [("junk", Array(#"{"device": "dev-0001"}"#.utf8)), ("null", nil)])
            }
        }

        @Test("records that are too large to be kept with their reason stop neither a router nor an executor")
        func largeLetters() async throws {
            try await Fleet.with { fleet in
                let headers = [KafkaHeader("large", [UInt8](repeating: 1, count: 499_000))]
                let value = [UInt8](repeating: UInt8(ascii: "{"), count: 500_700)
                try await fleet.write(value, to: fleet.topics.jobs, partition: 0, headers: headers)
                try await fleet.write(
                    value, to: fleet.topics.tasks, partition: fleet.home(of: "dev-0001"), headers: headers)
                try await fleet.startWorkers("worker")
                try await fleet.submit(
                    Job(id: "good", targets: ["dev-0001"], operation: .run([Command("show clock")])), partition: 0)
                #expect(try await fleet.replies.result(of: "good").outcome == .succeeded)
                try await fleet.deadLetters.read("dead letters") { $0.count >= 2 }
                for letter in fleet.deadLetters.records {
                    #expect(letter.text("tether-error-code") == "job.undecodable")
                    #expect(letter.text("tether-value-kept") == "false" && letter.value == nil)
                }
            }
        }

        @Test("a job whose records don't fit under the limit is refused, and the jobs behind it run")
        func tooLarge() async throws {
            try await Fleet.with { fleet in
                let labels = Dictionary(
                    uniqueKeysWithValues: (0..<40).map { ("label-\($0)", String(repeating: "x", count: 1_000)) })
                let nowhere = (0..<500).map { "a-device-that-nobody-knows-\($0)" }
                let run = Jobs.Operation.run([Command("show clock")])
                // The refusal fits; then one that is as large itself.
                try await fleet.submit(Job(id: "many", targets: nowhere, operation: run), partition: 0)
                try await fleet.submit(
                    Job(id: "labelled", targets: ["dev-0001"], operation: run, labels: labels), partition: 0)
                try await fleet.submit(Job(id: "good", targets: ["dev-0001"], operation: run), partition: 0)
                try await fleet.startWorkers("worker") { $0.kafka.properties["message.max.bytes"] = "12000" }
                #expect(try await fleet.replies.result(of: "good").outcome == .succeeded)
                try await fleet.deadLetters.read("dead letters") { $0.count >= 2 }
                let codes = fleet.deadLetters.records.map { $0.text("tether-error-code") }
                #expect(codes == ["job.too_large", "job.too_large"])
                let rejected = try fleet.replies.replies.compactMap {
                    if case .rejected(let rejected) = $0.reply { rejected.job } else { nil }
                }
                #expect(rejected == ["many"])
                #expect(try fleet.replies.results().map(\.job) == ["good"])
            }
        }

        /// The dead letters are exactly these keys and values, from the first offsets of one partition.
        private func expectDeadLetters(
            _ fleet: Fleet, from origin: TopicPartition, _ expected: [(key: String, value: [UInt8]?)]
        ) async throws {
            try await fleet.deadLetters.read("dead letters") { $0.count >= expected.count }
            try await fleet.stopWorkers()
            try await fleet.deadLetters.readToEnd()
            #expect(fleet.deadLetters.records.count == expected.count)
            for (offset, (key, value)) in expected.enumerated() {
                let letter = try #require(fleet.deadLetters.records.first { $0.key == Array(key.utf8) })
                #expect(letter.value == value)
                #expect(letter.text("tether-origin-topic") == origin.topic)
                #expect(letter.text("tether-origin-partition") == String(origin.partition))
                #expect(letter.text("tether-origin-offset") == String(offset))
                #expect(letter.text("tether-origin-timestamp").flatMap(Int64.init) != nil)
                #expect(["job.undecodable", "job.invalid"].contains(letter.text("tether-error-code")))
                #expect(letter.text("tether-error-message")?.isEmpty == false)
            }
        }

        @Test("a job that is invalid but has an id is answered with its rejection, and kept as a dead letter")
        func invalid() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                let job = Array(
                    #"{"id": "wrong", "targets": ["dev-0001"], "operation": {"type": "run", "commands": []}}"#.utf8)
                try await fleet.write(
                    job, to: fleet.topics.jobs, key: "wrong", headers: [KafkaHeader("correlation-id", "7")])
                try await fleet.replies.read("the rejection") { !$0.isEmpty }
                try await fleet.deadLetters.read("the dead letter") { !$0.isEmpty }
                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                let replies = try fleet.replies.replies
                #expect(replies.count == 1)
                guard case .rejected(let rejected)? = replies.first?.reply else {
                    Issue.record("no rejection: \(replies)")
                    return
                }
                #expect(rejected.job == "wrong")
                #expect(rejected.error.code == "job.invalid")
                #expect(rejected.error.message.contains("operation.commands"))
                #expect(replies.first?.record.text("correlation-id") == "7")
                let letter = try #require(fleet.deadLetters.records.first)
                #expect(letter.value == job)
                #expect(letter.text("tether-error-code") == "job.invalid")
                #expect(letter.text("tether-error-message") == rejected.error.message)
                #expect(fleet.device.counters.connections == 0)
            }
        }

        @Test("an unknown target gets a result of its own, which the count of tasks includes")
        func unknownTarget() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("partly", to: ["dev-0001", "nowhere", "dev-0002"], "show clock")
                let results = try await fleet.replies.results(of: "partly", count: 3)
                let accepted = try #require(try fleet.replies.accepted("partly"))
                #expect(accepted.tasks == 3 && accepted.devices == 2 && accepted.unknown == ["nowhere"])
                #expect(Set(results.map(\.device)) == ["dev-0001", "dev-0002", "nowhere"])
                for result in results {
                    #expect(result.outcome == (result.device == "nowhere" ? .rejected : .succeeded))
                    #expect(result.error?.code == (result.device == "nowhere" ? "target.unknown" : nil))
                }
            }
        }
    }
}

extension KafkaRecord {
    /// A header's value as text.
    func text(_ header: String) -> String? {
        self.headers.last { $0.name == header }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
}
