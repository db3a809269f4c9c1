import Kafka
import NIOConcurrencyHelpers
import TestSupport
import Testing

@Suite("Transactions")
struct TransactionTests {
    @Test("what is committed is read, what is aborted is not, and neither is what is open")
    func isolation() async throws {
        try await withBroker(topics: ["t": 2]) { configuration, _ in
            let reader = try await KafkaReader(configuration, topic: "t", from: .beginning, logger: quietLogger)
            try await withProducer(configuration, transactionalID: "t") { producer in
                try await blocking { try producer.initializeTransactions() }
                try await self.transaction(producer, "dropped") { try producer.abortTransaction() }
                try await self.transaction(producer, "kept") { try producer.commitTransaction() }
                let kept = try await reader.read(10)
                #expect(kept.allSatisfy { String(decoding: $0.value ?? [], as: UTF8.self).hasPrefix("kept") })
                try await self.transaction(producer, "open") {}
                #expect(try await reader.next(timeout: .milliseconds(200)).isEmpty)
                try await blocking { try producer.commitTransaction() }
                let late = try await reader.read(10)
                #expect(late.allSatisfy { String(decoding: $0.value ?? [], as: UTF8.self).hasPrefix("open") })
            }
            await reader.close()
        }
    }

    /// Begins a transaction, writes ten records into it, and waits until they have reached the broker.
    private func transaction(
        _ producer: KafkaProducer,
        _ value: String,
        end: @escaping @Sendable () throws -> Void
    ) async throws {
        try await blocking {
            try producer.beginTransaction()
            for index in 0..<10 { try producer.send(.text("t", "\(value) \(index)", partition: Int32(index % 2))) }
            try producer.flush(timeout: .seconds(10))
            try end()
        }
    }

    @Test("offsets in a transaction are committed or aborted with it")
    func offsets() async throws {
        try await withBroker(topics: ["in": 1, "out": 1]) { configuration, admin in
            let partition = TopicPartition("in", 0)
            let delegate = RecordingDelegate()
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["in"], delegate: delegate) {
                consumer in
                try await until("assigned") { !consumer.assignment.isEmpty }
                try await withProducer(configuration, transactionalID: "tx") { producer in
                    try await blocking {
                        try producer.initializeTransactions()
                        try producer.beginTransaction()
                        try producer.send(.text("out", "x"))
                        try producer.sendOffsets([.init(partition, offset: 7, metadata: "seven")], of: consumer)
                        try producer.commitTransaction()
                        try producer.beginTransaction()
                        try producer.sendOffsets([.init(partition, offset: 9, metadata: "nine")], of: consumer)
                        try producer.abortTransaction()
                        try producer.beginTransaction()
                        let error = #expect(throws: KafkaError.self) {
                            try producer.sendOffsets([.init(TopicPartition("out", 0), offset: 1)], of: consumer)
                        }
                        #expect(error?.code == "kafka.illegal_generation")
                        #expect(error?.requiresAbort == true)
                        try producer.abortTransaction()
                    }
                }
            }
            #expect(
                try await admin.committedOffsets(group: "g", [partition]) == [
                    .init(partition, offset: 7, metadata: "seven")
                ]
            )
        }
    }

    @Test("a newer producer of the same transactional id fences the older one for good")
    func zombie() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            try await withProducer(configuration, transactionalID: "tx") { zombie in
                try await blocking {
                    try zombie.initializeTransactions()
                    try zombie.beginTransaction()
                    try zombie.send(.text("t", "zombie"))
                    try zombie.flush(timeout: .seconds(10))
                }
                try await withProducer(configuration, transactionalID: "tx") { producer in
                    try await blocking {
                        try producer.initializeTransactions()
                        try producer.beginTransaction()
                        try producer.send(.text("t", "successor"))
                        try producer.commitTransaction()
                    }
                    let error = await #expect(throws: KafkaError.self) {
                        try await blocking { try zombie.commitTransaction(timeout: .seconds(10)) }
                    }
                    #expect(error?.isFatal == true)
                    #expect(error?.code == "kafka.fenced")
                    let again = #expect(throws: KafkaError.self) { try zombie.send(.text("t", "again")) }
                    #expect(again?.isFatal == true)
                }
            }
            let reader = try await KafkaReader(configuration, topic: "t", from: .beginning, logger: quietLogger)
            #expect(try await reader.read(1).first?.value == Array("successor".utf8))
            await reader.close()
        }
    }

    @Test("an unavailable coordinator is waited for")
    func retries() async throws {
        let mock = try MockCluster()
        mock.createTopic("t")
        try await withProducer(.test(mock.bootstrapServers), transactionalID: "tx") { producer in
            try await blocking {
                try producer.initializeTransactions()
                try producer.beginTransaction()
                try producer.send(.text("t", "x"))
                mock.answer(.endTransaction, with: [15, 15])
                try producer.commitTransaction()
            }
        }
    }

    @Test("initialising without a broker ends with its timeout, retriable")
    func timeout() async throws {
        try await withProducer(.test("127.0.0.1:1"), transactionalID: "tx") { producer in
            let error = await #expect(throws: KafkaError.self) {
                try await blocking { try producer.initializeTransactions(timeout: .milliseconds(500)) }
            }
            #expect(error?.code == "kafka.timed_out")
            #expect(error?.isRetriable == true)
        }
    }

    @Test(
        "a commit whose generation is old must be aborted; a fenced producer is done",
        arguments: [
            (22, "kafka.illegal_generation", false), (82, "kafka.fenced_instance_id", false),
            (47, "kafka.fenced", true),
        ] as [(Int32, String, Bool)])
    func refusedOffsets(code: Int32, expected: String, isFatal: Bool) async throws {
        let mock = try MockCluster()
        mock.createTopic("t")
        let delegate = RecordingDelegate()
        try await withConsumer(.test(mock.bootstrapServers), group: .init(id: "g"), topics: ["t"], delegate: delegate) {
            consumer in
            try await until("assigned") { !consumer.assignment.isEmpty }
            try await withProducer(.test(mock.bootstrapServers), transactionalID: "tx") { producer in
                try await blocking {
                    try producer.initializeTransactions()
                    try producer.beginTransaction()
                    mock.answer(.transactionOffsetCommit, with: [code])
                    let error = #expect(throws: KafkaError.self) {
                        try producer.sendOffsets(
                            [.init(TopicPartition("t", 0), offset: 1)], of: consumer, timeout: .seconds(10))
                    }
                    #expect(error?.code == expected)
                    #expect(error?.isFatal == isFatal)
                    if !isFatal {
                        #expect(error?.requiresAbort == true)
                        try producer.abortTransaction()
                        try producer.beginTransaction()
                        try producer.commitTransaction()
                    }
                }
            }
        }
    }
}
