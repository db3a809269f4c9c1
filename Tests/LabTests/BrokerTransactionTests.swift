import Foundation
import Kafka
import Lab
import Testing

/// Librdkafka's producers and consumers through the proxy, in front of a real broker process.
@Suite("Transactions through the proxy", .timeLimit(.minutes(2)))
struct BrokerTransactionTests {
    private func withProxy(_ body: (BrokerProxy, KafkaConfiguration) async throws -> Void) async throws {
        try await BrokerFixture.withProxy(topics: ["in": 1, "out": 1]) { _, proxy, configuration in
            var configuration = configuration
            configuration.properties["transaction.timeout.ms"] = "1500"
            try await body(proxy, configuration)
        }
    }

    private func withMember(
        _ configuration: KafkaConfiguration, instanceID: String? = nil,
        _ body: (KafkaConsumer, BrokerFixture.Owner) async throws -> Void
    ) async throws {
        try await BrokerFixture.withMember(
            configuration, .init(id: "g", instanceID: instanceID, sessionTimeout: .seconds(20)), topic: "in", body)
    }

    private func until(_ what: Comment, _ condition: () async throws -> Bool) async throws {
        try await BrokerFixture.until(what, condition)
    }

    private func withProducer(
        _ configuration: KafkaConfiguration, _ name: String, _ body: (KafkaProducer) async throws -> Void
    ) async throws {
        let producer = try KafkaProducer(configuration, transactionalID: name, logger: BrokerFixture.logger)
        do {
            try await blocking { try producer.initializeTransactions() }
            try await body(producer)
        } catch {
            await producer.close(flushTimeout: .zero)
            throw error
        }
        await producer.close(flushTimeout: .zero)
    }

    private func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try body() }) }.start()
        }
    }

    private let partition = Kafka.TopicPartition("in", 0)

    @Test("a member commits in a transaction, and another whose place was taken doesn't, and may abort and go on")
    func fencing() async throws {
        try await withProxy { proxy, configuration in
            try await withMember(configuration, instanceID: "i") { consumer, _ in
                try await until("assigned") { !consumer.assignment.isEmpty }
                try await withProducer(configuration, "tx") { producer in
                    let partition = self.partition
                    try await blocking {
                        try producer.transact { () throws(KafkaError) in
                            try producer.sendOffsets([.init(partition, offset: 7)], of: consumer)
                        }
                    }
                    // Its next heartbeat tells it; until then it believes in its place.
                    try await GroupFrames.leave(port: proxy.port, group: "g", instanceID: "i")
                    let error = await #expect(throws: KafkaError.self) {
                        try await blocking {
                            try producer.transact { () throws(KafkaError) in
                                try producer.sendOffsets([.init(partition, offset: 9)], of: consumer)
                            }
                        }
                    }
                    #expect(error?.code == "kafka.unknown_member_id")
                    #expect(error?.isFatal == false)
                    let counters = await proxy.counters()
                    #expect(counters.refusedOffsets == 1)
                    try await blocking {
                        try producer.transact { () throws(KafkaError) in
                            try producer.sendWhenRoom(
                                ProducerRecord(topic: "out", key: nil, value: Array("after".utf8)))
                        }
                    }
                }
            }
            let admin = try KafkaAdmin(configuration, logger: BrokerFixture.logger)
            let committed = try await admin.committedOffsets(group: "g", [partition])
            await admin.close()
            #expect(committed.map(\.offset) == [7])
        }
    }

    @Test("a member of an old generation is refused, in its place among the answers of its connection")
    func order() async throws {
        try await withProxy { proxy, _ in
            let answers = try await GroupFrames.commitBetweenOthers(port: proxy.port, group: "raw")
            #expect(answers.correlationIDs == [10, 11, 12, 13])
            #expect(answers.errors == [22, 0])
        }
    }

    @Test("the next owner begins only when the open transaction has ended, and where that says")
    func unstable() async throws {
        try await withProxy { proxy, configuration in
            var slow = configuration
            slow.properties["transaction.timeout.ms"] = "60000"
            try await withProducer(slow, "tx") { producer in
                let partition = self.partition
                try await withMember(configuration) { consumer, _ in
                    try await until("assigned") { !consumer.assignment.isEmpty }
                    try await blocking {
                        try producer.beginTransaction()
                        try producer.sendOffsets([.init(partition, offset: 7)], of: consumer)
                    }
                }
                try await withMember(configuration) { _, owner in
                    let before = await proxy.counters().unstableOffsets
                    try await until("asked for the offsets") { await proxy.counters().unstableOffsets > before + 2 }
                    #expect(owner.assigned.isEmpty)
                    try await blocking { try producer.commitTransaction() }
                    try await until("assigned") { !owner.assigned.isEmpty }
                    #expect(owner.assigned.map(\.offset) == [7])
                }
            }
        }
    }

    @Test("a transaction that takes too long is aborted: readers and owners go on, and its producer is fenced")
    func timeout() async throws {
        try await withProxy { proxy, configuration in
            try await withProducer(configuration, "dead") { dead in
                let partition = self.partition
                try await withMember(configuration) { consumer, _ in
                    try await until("assigned") { !consumer.assignment.isEmpty }
                    try await blocking {
                        try dead.beginTransaction()
                        try dead.send(ProducerRecord(topic: "out", key: nil, value: Array("dead".utf8)))
                        try dead.sendOffsets([.init(partition, offset: 7)], of: consumer)
                        try dead.flush(timeout: .seconds(10))
                    }
                }
                try await withProducer(configuration, "alive") { alive in
                    try await blocking {
                        try alive.transact { () throws(KafkaError) in
                            try alive.sendWhenRoom(ProducerRecord(topic: "out", key: nil, value: Array("alive".utf8)))
                        }
                    }
                }
                let reader = try await KafkaReader(
                    configuration, topic: "out", from: .beginning, logger: BrokerFixture.logger)
                var values: [[UInt8]] = []
                try await until("read on") {
                    values += try await reader.next(timeout: .milliseconds(100)).map { $0.value ?? [] }
                    return !values.isEmpty
                }
                await reader.close()
                #expect(values == [Array("alive".utf8)])
                #expect(await proxy.counters().expiredTransactions == 1)
                try await withMember(configuration) { _, owner in
                    try await until("assigned") { !owner.assigned.isEmpty }
                    #expect(owner.assigned.map(\.offset) == [nil])
                }
                let error = await #expect(throws: KafkaError.self) {
                    try await blocking { try dead.commitTransaction(timeout: .seconds(10)) }
                }
                #expect(error?.isFatal == true)
                #expect(error?.code == "kafka.fenced")
            }
        }
    }

    @Test(
        "what a producer from before a restart of the broker leaves open is aborted, for its successor or after its time"
    )
    func orphans() async throws {
        try await BrokerFixture.withProxy(topics: ["out": 1]) { broker, proxy, configuration in
            for (name, timeout) in [("succeeded", "60000"), ("left", "1500")] {
                var slow = configuration
                slow.properties["transaction.timeout.ms"] = timeout
                try await withProducer(slow, name) { producer in
                    let isDone = try await proxy.withBrokerAway(within: .seconds(1)) { try await broker.restart() }
                    #expect(isDone)
                    try await blocking {
                        try producer.beginTransaction()
                        try producer.send(ProducerRecord(topic: "out", key: nil, value: Array("open".utf8)))
                        try producer.flush(timeout: .seconds(10))
                    }
                }
                // Its own successor, or somebody else.
                try await withProducer(configuration, "succeeded") { producer in
                    try await blocking {
                        try producer.transact { () throws(KafkaError) in
                            try producer.sendWhenRoom(ProducerRecord(topic: "out", key: nil, value: Array(name.utf8)))
                        }
                    }
                }
                let reader = try await KafkaReader(
                    configuration, topic: "out", from: .beginning, logger: BrokerFixture.logger)
                var values: [[UInt8]] = []
                try await until("read on") {
                    values += try await reader.next(timeout: .milliseconds(100)).map { $0.value ?? [] }
                    return values.last == Array(name.utf8)
                }
                await reader.close()
                #expect(!values.contains(Array("open".utf8)))
            }
            #expect(await proxy.counters().expiredTransactions == 2)
        }
    }

    @Test("what a producer commits after it has aborted is read by those who come then")
    func afterAbort() async throws {
        try await withProxy { _, configuration in
            let reader = try await KafkaReader(
                configuration, topic: "out", from: .beginning, logger: BrokerFixture.logger)
            try await withProducer(configuration, "tx") { producer in
                for number in 0..<3 {
                    try await blocking {
                        try producer.beginTransaction()
                        try producer.send(ProducerRecord(topic: "out", key: nil, value: Array("dropped".utf8)))
                        try producer.flush(timeout: .seconds(10))
                        try producer.abortTransaction()
                        try producer.transact { () throws(KafkaError) in
                            try producer.sendWhenRoom(ProducerRecord(topic: "out", key: nil, value: [UInt8(number)]))
                        }
                    }
                    var values: [[UInt8]] = []
                    try await until("read") {
                        values += try await reader.next(timeout: .milliseconds(100)).map { $0.value ?? [] }
                        return !values.isEmpty
                    }
                    #expect(values == [[UInt8(number)]])
                }
            }
            await reader.close()
        }
    }
}
