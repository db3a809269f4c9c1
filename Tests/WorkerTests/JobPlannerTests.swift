import Devices
import Jobs
import Kafka
import Testing

@testable import Worker

@Suite struct JobPlannerTests {
    private func planner(allowsAdHoc: Bool = false, maximumFanOutBytes: Int = 1 << 20) throws -> JobPlanner {
        let devices = ["r1", "r2", "sw1"].map {
            Device(name: $0, host: "192.0.2.1", platform: $0 == "sw1" ? "arista_eos" : "cisco_iosxe", tags: ["lab"])
        }
        return JobPlanner(
            configuration: WorkerConfiguration(
                kafka: KafkaConfiguration(bootstrapServers: "unused:9092"),
                name: "worker-1",
                allowsAdHocTargets: allowsAdHoc,
                replyTopics: [NamePattern("mine")],
                maximumFanOutBytes: maximumFanOutBytes
            ),
            inventory: try Inventory(devices: devices, groups: ["core": ["r1", "r2"]]),
            taskPartitions: 8,
            isReadOnly: { command, platform in command.hasPrefix("show") && platform == "cisco_iosxe" },
            sequence: { name, platform in name == "health" && platform == "cisco_iosxe" ? ["show version"] : nil }
        )
    }

    private func record(_ json: String?, headers: [KafkaHeader] = []) -> KafkaRecord {
        KafkaRecord(
            topicPartition: TopicPartition("tether.jobs", 3),
            offset: 17,
            timestamp: 1_000_000,
            key: Array("k".utf8),
            value: json.map { Array($0.utf8) },
            headers: headers
        )
    }

    private func plan(
        _ json: String?,
        planner: JobPlanner? = nil,
        headers: [KafkaHeader] = [],
        replyPartitions: Int32? = 4
    ) throws -> [ProducerRecord] {
        try (planner ?? self.planner()).plan(self.record(json, headers: headers), now: 5) { _ in replyPartitions }
            .records
    }

    private func reply(_ record: ProducerRecord) throws -> Reply { try Reply(decoding: #require(record.value)) }

    @Test("a job becomes one task for each device, on the partition of its key, after one accepted record")
    func fanOut() throws {
        let records = try self.plan(
            #"{"targets":["group:core","r1"],"operation":{"type":"run","commands":["show version"]},"deadline":"30s"}"#)
        #expect(records.count == 4)
        #expect(records[0].topic == "tether.results")
        #expect(
            try self.reply(records[0])
                == .accepted(Accepted(job: "tether.jobs-3-17", tasks: 2, devices: 2, unknown: []))
        )
        for (record, device) in zip(records.dropFirst(2), ["r1", "r2"]) {
            let task = try DeviceTask(decoding: #require(record.value))
            #expect(record.topic == "tether.tasks")
            #expect(record.key == Array(device.utf8))
            #expect(record.partition == Murmur2.partition(of: Array(device.utf8), count: 8))
            #expect(task.id == "tether.jobs-3-17/\(device)")
            #expect(task.effect == .read)
            #expect(task.deadline == 1_000_000 + 30_000)
            #expect(task.submitted == 1_000_000)
        }
    }

    @Test("the effect is judged for each platform: what isn't known to only read is a change")
    func effects() throws {
        let records = try self.plan(#"{"targets":["r1","sw1"],"operation":{"type":"run","commands":["show version"]}}"#)
        let tasks = try records.dropFirst(2).map { try DeviceTask(decoding: #require($0.value)) }
        #expect(tasks.map(\.effect) == [.read, .change])
    }

    @Test("a sequence becomes what it stands for on each platform; where it stands for nothing, the device is refused")
    func sequences() throws {
        for steps in [false, true] {
            let sequence = #"{"type":"sequence","name":"health"}"#
            let operation = steps ? #"{"type":"steps","steps":[{"type":"probe"},\#(sequence)]}"# : sequence
            let records = try self.plan(#"{"id":"j","targets":["r1","sw1"],"operation":\#(operation)}"#)
            let tasks = try records.filter { $0.topic == "tether.tasks" }.map {
                try DeviceTask(decoding: #require($0.value))
            }
            let resolved = Operation.sequence(.init("health", commands: [Command("show version")]))
            #expect(tasks.map(\.device) == ["r1"])
            #expect(tasks[0].operation == (steps ? .steps([.probe, resolved]) : resolved))
            #expect(tasks[0].effect == .read)
            guard case .result(let result) = try self.reply(#require(records.last)) else { throw Unexpected() }
            #expect(result.device == "sw1" && result.outcome == .rejected)
            #expect(result.error?.code == "operation.unsupported")
        }
    }

    @Test(
        "what an operation changes decides its effect",
        arguments: [
            (#"{"type":"configure","lines":["a"]}"#, .change),
            (#"{"type":"configure","lines":["a"],"commit":"dry_run"}"#, .read),
            (#"{"type":"configure","commit":"confirm"}"#, .change),
            (#"{"type":"upload","source":{"inline":""},"remote_path":"a"}"#, .change),
            (#"{"type":"download","remote_file":"a"}"#, .read), (#"{"type":"backup"}"#, .read),
            (#"{"type":"diff","against":{"text":"a"}}"#, .read), (#"{"type":"close"}"#, .read),
            (#"{"type":"diff","against":{"text":"a"},"command":"reload"}"#, .change),
            (#"{"type":"check","assertions":[{"command":"show clock","contains":"a"}]}"#, .read),
            (#"{"type":"check","assertions":[{"command":"reload","contains":"a"}]}"#, .change),
            (#"{"type":"run","commands":[{"command":"show x","ends_session":true}]}"#, .change),
            (#"{"type":"run","commands":[{"command":"show x","mode":"configuration"}]}"#, .change),
            (#"{"type":"run","commands":[{"command":"show x","answers":[{"expect":"a","answer":"b"}]}]}"#, .change),
            (#"{"type":"run","commands":[{"command":"show x","fail_when":["a"]}]}"#, .read),
            (#"{"type":"steps","steps":[{"type":"backup"},{"type":"probe"}]}"#, .read),
            (#"{"type":"steps","steps":[{"type":"backup"},{"type":"configure","lines":["a"]}]}"#, .change),
        ] as [(String, Effect)])
    func operationEffects(operation: String, effect: Effect) throws {
        let records = try self.plan(#"{"targets":["r1"],"operation":\#(operation)}"#)
        #expect(try DeviceTask(decoding: #require(records.last?.value)).effect == effect)
    }

    @Test("a name that stands for nothing gets its own terminal result, and counts as a task")
    func unknownTarget() throws {
        let records = try self.plan(#"{"id":"j","targets":["r1","nope","group:none"],"operation":{"type":"probe"}}"#)
        guard case .accepted(let accepted) = try self.reply(records[0]) else { throw Unexpected() }
        #expect(accepted.tasks == 3)
        #expect(accepted.devices == 1)
        #expect(accepted.unknown == ["nope", "group:none"])
        let terminal = try records.filter { $0.topic == "tether.results" }.dropFirst().map { try self.reply($0) }
        #expect(terminal.count == 2)
        for case .result(let result) in terminal {
            #expect(result.outcome == .rejected)
            #expect(result.error?.code == "target.unknown")
        }
    }

    @Test("addresses outside the inventory are refused unless allowed")
    func adHoc() throws {
        let json = #"{"id":"j","targets":["admin@192.0.2.9:2222"],"operation":{"type":"probe"},"platform":"linux"}"#
        let refused = try self.plan(json)
        guard case .result(let result) = try self.reply(refused[2]) else { throw Unexpected() }
        #expect(result.error?.code == "target.refused")
        let allowed = try self.plan(json, planner: self.planner(allowsAdHoc: true))
        let task = try DeviceTask(decoding: #require(allowed[2].value))
        #expect(task.device == "192.0.2.9:2222")
        #expect(task.address == "admin@192.0.2.9:2222")
    }

    @Test("what can't be decoded is a dead letter with reason and origin", arguments: [nil, "", "{", "[]", "\u{0}"])
    func undecodable(json: String?) throws {
        let records = try self.plan(json)
        #expect(records.count == 1)
        #expect(records[0].topic == "tether.dead-letters")
        #expect(records[0].value == json.map { Array($0.utf8) })
        let headers = Dictionary(records[0].headers.map { ($0.name, String(decoding: $0.value ?? [], as: UTF8.self)) })
        { $1 }
        #expect(headers["tether-error-code"] == "job.undecodable")
        #expect(headers["tether-error-message"]?.isEmpty == false)
        #expect(headers["tether-origin-topic"] == "tether.jobs")
        #expect(headers["tether-origin-partition"] == "3")
        #expect(headers["tether-origin-offset"] == "17")
        #expect(headers["tether-origin-timestamp"] == "1000000")
    }

    @Test("a reply that its topic doesn't take is a dead letter with the task that it answers as its origin")
    func undeliverable() throws {
        let reply = ProducerRecord(
            topic: "gone", partition: 3, key: [1], value: [2], headers: [KafkaHeader("type", "result")])
        let letter = DeadLetter.undeliverable(
            reply, topic: "letters", task: TopicPartition("tasks", 5), offset: 8, reason: "no such topic")
        #expect(letter.topic == "letters" && letter.partition == nil && letter.key == [1] && letter.value == [2])
        #expect(
            letter.headers == [
                KafkaHeader("type", "result"), KafkaHeader("tether-error-code", "reply.undeliverable"),
                KafkaHeader("tether-error-message", "gone: no such topic"), KafkaHeader("tether-origin-topic", "tasks"),
                KafkaHeader("tether-origin-partition", "5"), KafkaHeader("tether-origin-offset", "8"),
            ])
    }

    @Test(
        "no dead letter is too large for its topic, whatever the record's key, value and headers are",
        arguments: [(0, 600_000, 420_000), (500_000, 400_000, 300_000), (0, 880_000, 200_000), (10, 10, 1_040_000)])
    func largeDeadLetters(key: Int, value: Int, header: Int) {
        var record = self.record("{")
        record.key = [UInt8](repeating: 1, count: key)
        record.value = [UInt8](repeating: 1, count: value)
        record.headers = [KafkaHeader("a", "b"), KafkaHeader("large", [UInt8](repeating: 1, count: header))]
        let reply = ProducerRecord(topic: "mine", key: record.key, value: record.value, headers: record.headers)
        let letters = [
            DeadLetter.record(for: record, topic: "letters", code: "job.undecodable", reason: "not JSON"),
            DeadLetter.undeliverable(
                reply, topic: "letters", task: TopicPartition("tasks", 5), offset: 8, reason: "too large"),
        ]
        for letter in letters {
            #expect(Self.size(letter) <= 1_000_000)
            #expect(letter.headers.contains { $0.name == "tether-error-message" })
            #expect(letter.headers.contains { $0.name == "tether-origin-offset" })
        }
    }

    @Test("a job that is wrong but names itself is answered as well")
    func invalidButNamed() throws {
        let records = try self.plan(#"{"id":"j","targets":[],"operation":{"type":"probe"},"reply_to":"mine"}"#)
        #expect(records.map(\.topic) == ["tether.dead-letters", "mine"])
        guard case .rejected(let rejected) = try self.reply(records[1]) else { throw Unexpected() }
        #expect(rejected.job == "j")
        #expect(rejected.error.code == "job.invalid")
    }

    @Test("replies never go to the topics that workers act on, nor to one that doesn't exist")
    func replyTopics() throws {
        for topic in ["tether.tasks", "tether.jobs", "tether.dead-letters"] {
            let records = try self.plan(#"{"targets":["r1"],"operation":{"type":"probe"},"reply_to":"\#(topic)"}"#)
            #expect(records.map(\.topic) == ["tether.dead-letters"])
        }
        let missing = try self.plan(
            #"{"targets":["r1"],"operation":{"type":"probe"},"reply_to":"mine"}"#, replyPartitions: nil)
        #expect(missing.map(\.topic) == ["tether.dead-letters"])
    }

    @Test("Spring's reply headers choose topic and partition, and correlation headers come back on every reply")
    func springHeaders() throws {
        let headers = [
            KafkaHeader("kafka_replyTopic", "mine"), KafkaHeader("kafka_replyPartition", [0, 0, 0, 2]),
            KafkaHeader("kafka_correlationId", [1, 2, 3]), KafkaHeader("x-mine", "a"), KafkaHeader("x-other", "b"),
        ]
        let json = #"{"targets":["r1","nope"],"operation":{"type":"probe"},"echo_headers":["x-mine"]}"#
        let records = try self.plan(json, headers: headers)
        for record in records where record.topic == "mine" {
            #expect(record.partition == 2)
            #expect(Array(record.headers.dropFirst()) == Array(headers.dropLast()))
        }
        let task = try DeviceTask(decoding: #require(records.first { $0.topic == "tether.tasks" }?.value))
        #expect(task.replyTo == "mine")
        #expect(task.replyPartition == 2)
        let tooFew = try self.plan(json, headers: headers, replyPartitions: 2)
        #expect(tooFew[0].partition == nil)
    }

    @Test("a repeated id is answered with the original's counts and not run; one that is derived can't repeat")
    func duplicate() throws {
        var planner = try self.planner()
        planner.known = { id in
            .init(job: id, tasks: 7, devices: 6, submitted: 0, deadline: 0, replyTo: "elsewhere")
        }
        let json = #"{"id":"j","targets":["r1"],"operation":{"type":"probe"},"reply_to":"mine","labels":{"a":"b"}}"#
        let records = try self.plan(json, planner: planner)
        #expect(records.map(\.topic) == ["mine"])
        #expect(
            try self.reply(records[0])
                == .accepted(
                    Accepted(job: "j", tasks: 7, devices: 6, unknown: [], duplicate: true, labels: ["a": "b"])))
        #expect(try self.plan(#"{"targets":["r1"],"operation":{"type":"probe"}}"#, planner: planner).count == 3)
    }

    @Test("what the collector needs goes into the same transaction; tasks are numbered from 0 in order")
    func progress() throws {
        let records = try self.plan(
            #"{"id":"j","targets":["r1","sw1","nope"],"operation":{"type":"probe"},"priority":"interactive","deadline":"30s"}"#
        )
        #expect(records[1].topic == "tether.progress" && records[1].key == Array("j".utf8))
        #expect(
            try JobProgress(decoding: #require(records[1].value))
                == .accepted(
                    .init(
                        job: "j", tasks: 3, devices: 2, submitted: 1_000_000, deadline: 1_030_000,
                        replyTo: "tether.results")))
        let tasks = try records.filter { $0.topic == "tether.tasks" }.map {
            try DeviceTask(decoding: #require($0.value))
        }
        #expect(tasks.map(\.index) == [0, 1] && tasks.map(\.priority) == [.interactive, .interactive])
    }

    @Test("a job that comes to more devices than one may is refused whole")
    func tooMany() throws {
        var planner = try self.planner()
        planner.configuration.maximumTargets = 2
        let records = try self.plan(
            #"{"id":"j","targets":["all"],"operation":{"type":"probe"}}"#, planner: planner)
        #expect(records.map(\.topic) == ["tether.dead-letters", "tether.results"])
        guard case .rejected(let rejected) = try self.reply(records[1]) else { throw Unexpected() }
        #expect(rejected.error.code == "job.too_large" && rejected.error.message.contains("3 devices"))
    }

    /// One record that can't be written would hold up the whole transaction, and every job behind it.
    @Test(
        "whatever a job asks to have repeated, every record of its plan can be written",
        arguments: [["r1"], ["nope"], ["r1", "nope"]])
    func largeEcho(targets: [String]) throws {
        let names = targets.map { "\"\($0)\"" }.joined(separator: ",")
        for size in [100_000, 700_000, 735_000, 800_000, 1_040_000] {
            let records = try self.plan(
                #"{"id":"j","targets":[\#(names)],"operation":{"type":"probe"}}"#,
                headers: [KafkaHeader("correlation-id", [UInt8](repeating: 1, count: size))])
            #expect(records.allSatisfy { Self.size($0) <= 1_000_000 }, "\(size): \(records.map(Self.size))")
        }
    }

    @Test("a task just under the limit can be written, one just over it makes the job too large")
    func largeTask() throws {
        func records(_ lines: Int) throws -> [ProducerRecord] {
            let text = String(repeating: #"\n"#, count: lines)
            return try self.plan(#"{"id":"j","targets":["r1"],"operation":{"type":"configure","text":"\#(text)"}}"#)
        }
        let overhead = try Self.size(#require(records(400_000).last)) - 800_000
        for excess in [-300, -120, -60, -20, 0, 20, 100] {
            let records = try records((1_000_000 - overhead + excess) / 2)
            #expect(records.allSatisfy { Self.size($0) <= 1_000_000 }, "\(excess): \(records.map(Self.size))")
        }
    }

    @Test("refusals of single targets count against what a job may come to")
    func largeRefusals() throws {
        let targets = (0..<1_000).map { "\"nope-\($0)\"" }.joined(separator: ",")
        let label = String(repeating: "x", count: 1_000)
        let records = try self.plan(
            #"{"id":"j","targets":[\#(targets)],"operation":{"type":"probe"},"labels":{"a":"\#(label)"}}"#,
            planner: self.planner(maximumFanOutBytes: 500_000))
        #expect(records.map(\.topic) == ["tether.dead-letters", "tether.results"])
    }

    /// What a broker and librdkafka count of a record, at most.
    private static func size(_ record: ProducerRecord) -> Int {
        record.headers.reduce((record.key?.count ?? 0) + (record.value?.count ?? 0) + 100) {
            $0 + $1.name.utf8.count + ($1.value?.count ?? 0) + 10
        }
    }
    @Test("a job that would fan out to too many bytes is refused whole")
    func tooLarge() throws {
        let records = try self.plan(
            #"{"id":"j","targets":["all"],"operation":{"type":"run","commands":["show version"]}}"#,
            planner: self.planner(maximumFanOutBytes: 300)
        )
        #expect(records.map(\.topic) == ["tether.dead-letters", "tether.results"])
        guard case .rejected(let rejected) = try self.reply(records[1]) else { throw Unexpected() }
        #expect(rejected.error.code == "job.too_large")
    }
}

private struct Unexpected: Error {}
