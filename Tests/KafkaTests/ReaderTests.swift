import Foundation
import Kafka
import TestSupport
import Testing

@Suite("Reader")
struct ReaderTests {
    @Test("reading from the end sees what is produced after the start, and nothing from before")
    func fromEnd() async throws {
        try await withBroker(topics: ["t": 4]) { configuration, _ in
            try await withProducer(configuration) { producer in
                for partition in Int32(0)..<4 {
                    try await producer.send(acknowledged: .text("t", "before", partition: partition))
                }
                let reader = try await KafkaReader(configuration, topic: "t", from: .end, logger: quietLogger)
                for partition in Int32(0)..<4 {
                    try await producer.send(acknowledged: .text("t", "after", partition: partition))
                }
                let records = try await reader.read(4)
                #expect(records.allSatisfy { $0.value == Array("after".utf8) })
                #expect(Set(records.map(\.topicPartition.partition)) == [0, 1, 2, 3])
                #expect(try await reader.next(timeout: .milliseconds(50)).isEmpty)
                await reader.close()
            }
        }
    }

    @Test("reading since a time begins with the first record of that time, and knows when it has read what was there")
    func since() async throws {
        try await withBroker(topics: ["t": 2]) { configuration, _ in
            try await withProducer(configuration) { producer in
                try await producer.send(acknowledged: .text("t", "old", partition: 0))
                let old = try await KafkaReader(configuration, topic: "t", from: .beginning, logger: quietLogger)
                let time = try #require(try await old.read(1).first?.timestamp) + 1
                await old.close()
                // The clock of the records has to move on.
                while Int64(Date.now.timeIntervalSince1970 * 1_000) <= time { await Task.yield() }
                for partition in Int32(0)..<2 {
                    try await producer.send(acknowledged: .text("t", "new", partition: partition))
                }
                let reader = try await KafkaReader(configuration, topic: "t", from: .since(time), logger: quietLogger)
                var values: [[UInt8]?] = []
                let deadline = ContinuousClock.now + .seconds(30)
                while try await !reader.hasReachedEnd() {
                    try #require(ContinuousClock.now < deadline)
                    values += try await reader.next(timeout: .seconds(5), untilEnd: true).map(\.value)
                }
                #expect(values == [Array("new".utf8), Array("new".utf8)])
                await reader.close()
                // Nothing is that young: what comes later is seen all the same.
                let late = try await KafkaReader(
                    configuration, topic: "t", from: .since(time + 3_600_000), logger: quietLogger)
                try await producer.send(acknowledged: .text("t", "later", partition: 1))
                #expect(try await late.read(1).map(\.value) == [Array("later".utf8)])
                await late.close()
            }
        }
    }

    @Test("reading from an offset begins there, and a batch has a maximum")
    func fromOffset() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            try await withProducer(configuration) { producer in
                for index in 0..<20 { try await producer.send(acknowledged: .text("t", "\(index)")) }
            }
            let reader = try await KafkaReader(configuration, topic: "t", from: .offset(5), logger: quietLogger)
            var offsets: [Int64] = []
            while offsets.count < 15 {
                let records = try await reader.next(maximum: 4, timeout: .seconds(10))
                #expect((1...4).contains(records.count))
                offsets += records.map(\.offset)
            }
            #expect(offsets == Array(5..<20))
            await reader.close()
        }
    }

    @Test("a record ends the wait for it, and so do cancellation and the timeout")
    func waits() async throws {
        let mock = try MockCluster()
        mock.createTopic("t")
        let configuration = KafkaConfiguration.test(mock.bootstrapServers)
        let reader = try await KafkaReader(configuration, topic: "t", from: .end, logger: quietLogger)
        let clock = ContinuousClock()

        let start = clock.now
        #expect(try await reader.next(timeout: .milliseconds(100)).isEmpty)
        #expect(start.duration(to: clock.now) >= .milliseconds(90))

        let waiting = Task { try await reader.next(timeout: .seconds(60)) }
        try await withProducer(configuration) { _ = try await $0.send(acknowledged: .text("t", "x")) }
        #expect(try await waiting.value.count == 1)

        let cancelled = Task { try await reader.next(timeout: .seconds(60)) }
        cancelled.cancel()
        let cancellation = clock.now
        #expect(try await cancelled.value.isEmpty)
        #expect(cancellation.duration(to: clock.now) < .seconds(10))

        await reader.close()
        await reader.close()
        let error = await #expect(throws: KafkaError.self) { try await reader.next(timeout: .seconds(1)) }
        #expect(error?.code == "kafka.closed")
    }

    @Test("a topic that doesn't exist is an error of the start")
    func unknownTopic() async throws {
        try await withBroker(topics: [:]) { configuration, _ in
            let error = await #expect(throws: KafkaError.self) {
                _ = try await KafkaReader(configuration, topic: "missing", from: .end, logger: quietLogger)
            }
            #expect(error?.code == "kafka.unknown_topic_or_part")
        }
    }
}

@Suite("Administration")
struct AdminTests {
    @Test("topics are created once, described, and deleted")
    func topics() async throws {
        try await withBroker(topics: [:]) { _, admin in
            let topics = [
                KafkaAdmin.Topic(name: "a", partitions: 3, configuration: ["cleanup.policy": "compact"]),
                KafkaAdmin.Topic(name: "b", partitions: 1, replicationFactor: 1),
            ]
            #expect(try await admin.create([topics[0]]) == ["a": .created])
            #expect(try await admin.create(topics) == ["a": .existed, "b": .created])
            #expect(try await admin.describe(["a", "c"]) == ["a": .init(partitions: 3, replicationFactor: 1)])
            #expect(Set(try await admin.describe().keys).isSuperset(of: ["a", "b"]))
            try await admin.delete(["b"])
            #expect(try await admin.describe(["b"]).isEmpty)
            let error = await #expect(throws: KafkaError.self) { try await admin.delete(["b"]) }
            #expect(error?.code == "kafka.unknown_topic_or_part")
        }
    }

    @Test("requests end with their timeout when no broker answers, and at once when their task is cancelled")
    func timeouts() async throws {
        let admin = try KafkaAdmin(.test("127.0.0.1:1"), logger: quietLogger)
        let error = await #expect(throws: KafkaError.self) {
            try await admin.create([.init(name: "a", partitions: 1)], timeout: .milliseconds(300))
        }
        #expect(error?.code == "kafka.timed_out")
        let cancelled = Task { try await admin.describe(timeout: .seconds(3)) }
        cancelled.cancel()
        #expect(await #expect(throws: KafkaError.self) { try await cancelled.value }?.code == "kafka.cancelled")
        await admin.close()
        #expect(await #expect(throws: KafkaError.self) { try await admin.describe() }?.code == "kafka.closed")
    }
}
