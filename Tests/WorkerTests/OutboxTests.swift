import Kafka
import Logging
import TestSupport
import Testing

@testable import Worker

@Suite("Results that wait for a transaction")
struct OutboxTests {
    @Test("a transaction that breaks off says nothing about the records in it")
    func innocentRecords() async throws {
        let mock = try MockCluster()
        mock.createTopic("replies")
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let producer = try KafkaProducer(
            KafkaConfiguration(bootstrapServers: mock.bootstrapServers), transactionalID: "t", logger: logger)
        let failures = RecordFailures()
        let error = await #expect(throws: KafkaError.self) {
            try await Blocking.run {
                try producer.initializeTransactions()
                // INVALID_TXN_STATE: the coordinator has ended the transaction.
                mock.answer(.produce, with: [48])
                try producer.transact(limit: .seconds(20)) { () throws(KafkaError) in
                    let deadline = ContinuousClock.now + .seconds(10)
                    while ContinuousClock.now < deadline {
                        do throws(KafkaError) {
                            try producer.sendWhenRoom(ProducerRecord(topic: "replies", key: nil, value: [1])) {
                                if case .failure(let error) = $0 { failures.note(0, error) }
                            }
                            try producer.flush(timeout: .seconds(5))
                        } catch {
                            failures.note(1, error)
                            throw error
                        }
                    }
                }
            }
        }
        #expect(error?.isRetriable == false)
        #expect(failures[0] == nil)
        #expect(failures[1] == nil)
        await producer.close(flushTimeout: .zero)
    }

    @Test(
        "what a record's topic or size is refused for is noted, and nothing else",
        arguments: [
            ("kafka.msg_size_too_large", true), ("kafka.topic_authorization_failed", true),
            ("kafka.unknown_topic", true), ("kafka.state", false), ("kafka.invalid_producer_epoch", false),
            ("kafka.out_of_order_sequence_number", false), ("kafka.purge_queue", false), ("kafka.closed", false),
            ("kafka.illegal_generation", false),
        ])
    func reasons(code: String, isNoted: Bool) {
        let failures = RecordFailures()
        failures.note(7, KafkaError(code: code, number: 1, message: "no"))
        #expect((failures[7] != nil) == isNoted)
    }
}
