import Kafka
import NIOConcurrencyHelpers
import TestSupport
import Testing

@Suite("Producer")
struct ProducerTests {
    @Test("records come back as they were sent: keys, values, headers, null and empty told apart")
    func roundTrip() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            let records = [
                ProducerRecord(
                    topic: "t", key: Array("k".utf8), value: Array("v".utf8),
                    headers: [.init("h", "1"), .init("h", "2")]),
                ProducerRecord(topic: "t", key: nil, value: Array((0...255).map { UInt8($0) })),
                ProducerRecord(
                    topic: "t", key: [0, 255, 0], value: nil, headers: [.init("null", nil), .init("empty", [])]),
                ProducerRecord(topic: "t", key: nil, value: nil),
                ProducerRecord(topic: "t", key: nil, value: []),
                ProducerRecord(
                    topic: "t", key: Array("big".utf8), value: [],
                    headers: [.init("big", [UInt8](repeating: 7, count: 200_000))]),
                ProducerRecord(topic: "t", key: nil, value: [1], headers: [.init("bytes \u{1F600}", [0, 1, 255])]),
            ]
            let reader = try await KafkaReader(configuration, topic: "t", from: .beginning, logger: quietLogger)
            try await withProducer(configuration) { producer in
                for (index, record) in records.enumerated() {
                    let place = try await producer.send(acknowledged: record)
                    #expect(place == (0, Int64(index)))
                }
            }
            let read = try await reader.read(records.count)
            await reader.close()
            for (sent, got) in zip(records, read) {
                #expect(got.key == sent.key)
                #expect(got.value == sent.value)
                #expect(got.headers == sent.headers)
                #expect(got.timestamp ?? 0 > 1_600_000_000_000)
            }
        }
    }

    @Test("keys go where Java's partitioner puts them")
    func partitioning() async throws {
        try await withBroker(topics: ["t": 7]) { configuration, _ in
            try await withProducer(configuration) { producer in
                #expect(try await blocking { try producer.partitionCount(of: "t") } == 7)
                let keys = ["21", "foobar", "router1", "", "a-little-bit-long-string", "192.0.2.7:2222"]
                for key in keys {
                    let place = try await producer.send(acknowledged: .text("t", "x", key: key))
                    #expect(place.partition == Murmur2.partition(of: Array(key.utf8), count: 7), "\(key)")
                }
            }
        }
    }

    @Test("a topic that doesn't exist is an error, and asking for it doesn't create it")
    func unknownTopic() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, admin in
            try await withProducer(configuration) { producer in
                let error = await #expect(throws: KafkaError.self) {
                    try await blocking { try producer.partitionCount(of: "missing") }
                }
                #expect(error?.code == "kafka.unknown_topic_or_part")
            }
            #expect(try await admin.describe(["missing"]).isEmpty)
        }
    }

    @Test("a record beyond the limit is refused at once")
    func tooLarge() async throws {
        let mock = try MockCluster()
        try await withProducer(.test(mock.bootstrapServers)) { producer in
            let error = #expect(throws: KafkaError.self) {
                try producer.send(ProducerRecord(topic: "t", key: nil, value: [UInt8](repeating: 0, count: 2_000_000)))
                { _ in
                    Issue.record("completed although it was refused")
                }
            }
            #expect(error?.code == "kafka.msg_size_too_large")
        }
    }

    @Test("a full queue refuses records, waiting senders get through in time, and a cancelled one stops waiting")
    func queueFull() async throws {
        let mock = try MockCluster()
        mock.createTopic("t")
        let configuration = KafkaConfiguration.test(mock.bootstrapServers, ["queue.buffering.max.messages": "10"])
        try await withProducer(configuration) { producer in
            try await producer.send(acknowledged: .text("t", "first"))
            mock.setRoundTrip(1, milliseconds: 1_500)
            let delivered = NIOLockedValueBox(0)
            for index in 0..<10 {
                try producer.send(.text("t", "\(index)")) { result in
                    if case .success = result { delivered.withLockedValue { $0 += 1 } }
                }
            }
            let error = #expect(throws: KafkaError.self) { try producer.send(.text("t", "over")) }
            #expect(error?.code == "kafka.queue_full")
            #expect(error?.isRetriable == true)

            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<50 {
                    group.addTask { try await producer.send(acknowledged: .text("t", "waiting \(index)")) }
                }
                let impatient = Task { try await producer.send(acknowledged: .text("t", "impatient")) }
                impatient.cancel()
                let error = await #expect(throws: KafkaError.self) { try await impatient.value }
                #expect(error?.code == "kafka.cancelled")
                mock.setRoundTrip(1, milliseconds: 0)
                try await group.waitForAll()
            }
            #expect(delivered.withLockedValue { $0 } == 10)
        }
    }

    @Test("every record is completed once, also those that a close gives up")
    func completions() async throws {
        let mock = try MockCluster()
        mock.createTopic("t")
        mock.setDown(1)
        let outcomes = NIOLockedValueBox<[Int: [String]]>([:])
        let producer = try KafkaProducer(.test(mock.bootstrapServers), logger: quietLogger)
        for index in 0..<1_000 {
            try producer.send(.text("t", "\(index)")) { result in
                outcomes.withLockedValue { outcomes in
                    switch result {
                    case .success: outcomes[index, default: []].append("delivered")
                    case .failure(let error): outcomes[index, default: []].append(error.code)
                    }
                }
            }
        }
        let waiting = Task { try await producer.send(acknowledged: .text("t", "waits")) }
        await producer.close(flushTimeout: .milliseconds(50))
        await producer.close()
        _ = await waiting.result
        let found = outcomes.withLockedValue { $0 }
        #expect(found.count == 1_000)
        #expect(found.values.allSatisfy { $0 == ["kafka.purge_queue"] || $0 == ["kafka.purge_inflight"] })
        let error = #expect(throws: KafkaError.self) { try producer.send(.text("t", "late")) }
        #expect(error?.code == "kafka.closed")
    }

    @Test("a producer that is dropped without a close still completes its records")
    func dropped() async throws {
        let completed = NIOLockedValueBox(0)
        do {
            let producer = try KafkaProducer(.test("127.0.0.1:1"), logger: quietLogger)
            for _ in 0..<10 { try producer.send(.text("t", "x")) { _ in completed.withLockedValue { $0 += 1 } } }
        }
        try await until("all completed") { completed.withLockedValue { $0 } == 10 }
    }

    @Test("a broker that goes away and comes back costs no record and makes none twice")
    func brokerDown() async throws {
        try await TestBroker.with { broker in
            let configuration = KafkaConfiguration.test(broker.bootstrapServers)
            let admin = try KafkaAdmin(configuration, logger: quietLogger)
            _ = try await admin.create([.init(name: "t", partitions: 1, replicationFactor: 1)])
            await admin.close()
            try await withProducer(configuration) { producer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<50 {
                        group.addTask { try await producer.send(acknowledged: .text("t", "\(index)")) }
                    }
                    try await broker.restart()
                    for index in 50..<100 {
                        group.addTask { try await producer.send(acknowledged: .text("t", "\(index)")) }
                    }
                    try await group.waitForAll()
                }
            }
            let reader = try await KafkaReader(configuration, topic: "t", from: .beginning, logger: quietLogger)
            let values = try await reader.read(100).map { String(decoding: $0.value ?? [], as: UTF8.self) }
            #expect(Set(values).count == 100)
            #expect(try await reader.next(timeout: .milliseconds(50)).isEmpty)
            await reader.close()
        }
    }

    @Test("a flush that can't be done ends with its timeout")
    func flushTimeout() async throws {
        try await withProducer(.test("127.0.0.1:1")) { producer in
            try producer.send(.text("t", "x"))
            let error = await #expect(throws: KafkaError.self) {
                try await blocking { try producer.flush(timeout: .milliseconds(100)) }
            }
            #expect(error?.code == "kafka.timed_out")
        }
    }

    @Test(
        "errors of the broker reach the sender with their code",
        arguments: [(29, "kafka.topic_authorization_failed"), (10, "kafka.msg_size_too_large")] as [(Int32, String)]
    )
    func deliveryErrors(code: Int32, expected: String) async throws {
        let mock = try MockCluster()
        mock.createTopic("t")
        try await withProducer(.test(mock.bootstrapServers)) { producer in
            mock.answer(.produce, with: [code])
            let error = await #expect(throws: KafkaError.self) {
                try await producer.send(acknowledged: .text("t", "x"))
            }
            #expect(error?.code == expected)
        }
    }
}

extension KafkaReader {
    /// Reads until there are `count` records.
    func read(_ count: Int, within timeout: Duration = .seconds(20)) async throws -> [KafkaRecord] {
        let deadline = ContinuousClock.now.advanced(by: timeout)
        var records: [KafkaRecord] = []
        while records.count < count, ContinuousClock.now < deadline {
            records += try await self.next(timeout: .seconds(1))
        }
        try #require(records.count == count, "\(records.count) of \(count) records")
        return records
    }
}
