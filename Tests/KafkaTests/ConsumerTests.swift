import Foundation
import Kafka
import NIOConcurrencyHelpers
import TestSupport
import Testing

@Suite("Consumer")
struct ConsumerTests {
    private let partition = TopicPartition("t", 0)

    @Test("records arrive in order, and what was committed comes back with its metadata at the next assignment")
    func resume() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, admin in
            try await withProducer(configuration) { producer in
                for index in 0..<10 { try await producer.send(acknowledged: .text("t", "\(index)")) }
            }
            let metadata = "map: \u{2713} " + String(repeating: "x", count: 4_096 - 9)
            let first = RecordingDelegate()
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["t"], delegate: first) { consumer in
                try await until("all records") { first.records.count == 10 }
                #expect(first.values == (0..<10).map(String.init))
                #expect(first.assigned == [.init(self.partition, offset: nil)])
                #expect(consumer.assignment == [self.partition])
                let partition = self.partition
                let ranges = try await blocking { try consumer.logRanges(of: [partition]) }
                #expect(ranges == [partition: 0..<10])
                try await consumer.commit([.init(self.partition, offset: 3)])
                try await consumer.commit([.init(self.partition, offset: 4, metadata: metadata)])
            }
            #expect(first.events.last == .revoking([self.partition], 2))
            #expect(
                try await admin.committedOffsets(group: "g", [self.partition])
                    == [.init(self.partition, offset: 4, metadata: metadata)]
            )

            let second = RecordingDelegate()
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["t"], delegate: second) { _ in
                try await until("the rest") { second.records.count == 6 }
            }
            #expect(second.assigned == [.init(self.partition, offset: 4, metadata: metadata)])
            #expect(second.records.map(\.offset) == Array(4..<10))
        }
    }

    @Test("going back hands over the same record again, also the very last one")
    func goingBack() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            try await withProducer(configuration) { producer in
                _ = try await producer.send(acknowledged: .text("t", "one"))
            }
            let hasGoneBack = NIOLockedValueBox(false)
            let delegate = RecordingDelegate(onReceived: { consumer, records in
                let again = hasGoneBack.withLockedValue { hasGoneBack in
                    defer { hasGoneBack = true }
                    return hasGoneBack
                }
                guard !again, let first = records.first else { return }
                try? consumer.seek([first.topicPartition: first.offset])
            })
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["t"], delegate: delegate) { _ in
                try await until("the record, twice") { delegate.records.count == 2 }
            }
            #expect(delegate.records.map(\.offset) == [0, 0])
        }
    }

    @Test("a null value, a null key, a tombstone and a huge header are records like others")
    func oddRecords() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            let records = [
                ProducerRecord(topic: "t", key: nil, value: nil),
                ProducerRecord(topic: "t", key: Array("k".utf8), value: nil),
                ProducerRecord(
                    topic: "t", key: [], value: [],
                    headers: [.init("", nil), .init("x", [UInt8](repeating: 1, count: 300_000))]),
            ]
            try await withProducer(configuration) { producer in
                for record in records { try await producer.send(acknowledged: record) }
            }
            let delegate = RecordingDelegate()
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["t"], delegate: delegate) { _ in
                try await until("all records") { delegate.records.count == 3 }
            }
            for (sent, got) in zip(records, delegate.records) {
                #expect(got.key == sent.key && got.value == sent.value && got.headers == sent.headers)
            }
        }
    }

    @Test("metadata beyond 4,096 bytes and commits of foreign partitions are refused without a request")
    func refusedCommits() async throws {
        try await withBroker(topics: ["t": 1, "other": 1]) { configuration, _ in
            let delegate = RecordingDelegate()
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["t"], delegate: delegate) {
                consumer in
                try await until("assigned") { !consumer.assignment.isEmpty }
                let large = await #expect(throws: KafkaError.self) {
                    try await consumer.commit([
                        .init(self.partition, offset: 0, metadata: String(repeating: "x", count: 4_097))
                    ])
                }
                #expect(large?.code == "kafka.offset_metadata_too_large")
                #expect(large?.number == 12)
                let foreign = await #expect(throws: KafkaError.self) {
                    try await consumer.commit([.init(TopicPartition("other", 0), offset: 0)])
                }
                #expect(foreign?.code == "kafka.illegal_generation")
                try await consumer.commit([])
                try await consumer.commit([.init(self.partition, offset: 0)])
            }
        }
    }

    @Test("a paused partition stands still while the others go on, and loses and repeats nothing")
    func pausing() async throws {
        try await withBroker(topics: ["t": 2]) { configuration, _ in
            let other = TopicPartition("t", 1)
            let delegate = RecordingDelegate(onReceived: { consumer, records in
                // Pauses itself after each record.
                if records.contains(where: { $0.topicPartition == self.partition }) {
                    try? consumer.pause([self.partition])
                }
            })
            try await withConsumer(
                configuration,
                group: .init(id: "g", maximumBatch: 1),
                topics: ["t"],
                delegate: delegate
            ) { consumer in
                try await until("assigned") { consumer.assignment.count == 2 }
                try await withProducer(configuration) { producer in
                    for index in 0..<10 {
                        try await producer.send(acknowledged: .text("t", "\(index)", partition: 0))
                        try await producer.send(acknowledged: .text("t", "\(index)", partition: 1))
                    }
                }
                try await until("the other partition is done") {
                    delegate.records.filter { $0.topicPartition == other }.count == 10
                        && delegate.records.contains { $0.topicPartition == self.partition }
                }
                #expect(delegate.records.filter { $0.topicPartition == self.partition }.count == 1)
                for count in 2...10 {
                    try consumer.resume([self.partition])
                    try await until("record \(count)") {
                        delegate.records.filter { $0.topicPartition == self.partition }.count >= count
                    }
                }
                #expect(delegate.records.filter { $0.topicPartition == self.partition }.map(\.offset) == Array(0..<10))
                let error = #expect(throws: KafkaError.self) { try consumer.pause([TopicPartition("t", 9)]) }
                #expect(error?.code == "kafka.unknown_partition")
            }
        }
    }

    @Test("pausing from other threads under load loses and repeats nothing")
    func pausingConcurrently() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            try await withProducer(configuration) { producer in
                for index in 0..<5_000 { try producer.send(.text("t", "\(index)")) }
                try await blocking { try producer.flush(timeout: .seconds(30)) }
            }
            let delegate = RecordingDelegate()
            try await withConsumer(
                configuration,
                group: .init(id: "g", maximumBatch: 7),
                topics: ["t"],
                delegate: delegate
            ) { consumer in
                try await until("assigned") { !consumer.assignment.isEmpty }
                let deadline = ContinuousClock.now.advanced(by: .seconds(20))
                while delegate.records.count < 5_000, ContinuousClock.now < deadline {
                    try await blocking {
                        try consumer.pause([self.partition])
                        try consumer.resume([self.partition])
                    }
                    // Let some through.
                    let count = delegate.records.count
                    try? await until("progress", within: .seconds(5)) {
                        delegate.records.count > count || count == 5_000
                    }
                }
                #expect(delegate.records.map(\.offset) == Array(0..<5_000))
            }
        }
    }

    @Test("a pause in the assigned call takes effect before the first record")
    func pauseOnAssign() async throws {
        try await withBroker(topics: ["t": 2]) { configuration, _ in
            try await withProducer(configuration) { producer in
                for index in 0..<10 {
                    try await producer.send(acknowledged: .text("t", "\(index)", partition: Int32(index % 2)))
                }
            }
            let delegate = RecordingDelegate(onAssigned: { consumer, _ in try? consumer.pause([self.partition]) })
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["t"], delegate: delegate) {
                consumer in
                try await until("the other partition is done") { delegate.records.count == 5 }
                let polls = delegate.state.withLockedValue { $0.polls }
                try await until("some more polls") { delegate.state.withLockedValue { $0.polls } > polls + 3 }
                #expect(delegate.records.allSatisfy { $0.topicPartition.partition == 1 })
                try consumer.resume([self.partition])
                try await until("all") { delegate.records.count == 10 }
                #expect(delegate.records.suffix(5).map(\.offset) == Array(0..<5))
            }
        }
    }

    @Test("stopping drains first: commits work inside the revocation, and nothing is delivered after it")
    func stopDrains() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, admin in
            try await withProducer(configuration) { producer in
                for index in 0..<2_000 { try producer.send(.text("t", "\(index)")) }
                try await blocking { try producer.flush(timeout: .seconds(30)) }
            }
            let outcome = NIOLockedValueBox<String?>(nil)
            let atRevocation = NIOLockedValueBox(-1)
            let box = NIOLockedValueBox<RecordingDelegate?>(nil)
            let delegate = RecordingDelegate(onRevoking: { consumer, partitions in
                do throws(KafkaError) {
                    let count = box.withLockedValue { $0?.records.count ?? 0 }
                    atRevocation.withLockedValue { $0 = count }
                    try consumer.commitBlocking([.init(partitions[0], offset: Int64(count), metadata: "drained")])
                    outcome.withLockedValue { $0 = "committed" }
                } catch {
                    outcome.withLockedValue { $0 = error.code }
                }
            })
            box.withLockedValue { $0 = delegate }
            defer { box.withLockedValue { $0 = nil } }
            try await withConsumer(
                configuration,
                group: .init(id: "g", maximumBatch: 10),
                topics: ["t"],
                delegate: delegate
            ) { _ in
                try await until("under way") { delegate.records.count > 100 }
            }
            let count = atRevocation.withLockedValue { $0 }
            #expect(outcome.withLockedValue { $0 } == "committed")
            #expect(delegate.records.count == count)
            #expect(
                try await admin.committedOffsets(group: "g", [self.partition])
                    == [.init(self.partition, offset: Int64(count), metadata: "drained")]
            )
        }
    }

    @Test("commits are acknowledged while the consumer's thread is inside a delegate call")
    func commitsWhileBusy() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            let entered = NIOLockedValueBox(false)
            let gate = DispatchSemaphore(value: 0)
            let delegate = RecordingDelegate(onReceived: { _, _ in
                entered.withLockedValue { $0 = true }
                _ = gate.wait(timeout: .now() + 20)
            })
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["t"], delegate: delegate) {
                consumer in
                try await until("assigned") { !consumer.assignment.isEmpty }
                try await withProducer(configuration) { _ = try await $0.send(acknowledged: .text("t", "x")) }
                try await until("in the delegate") { entered.withLockedValue { $0 } }
                for _ in 0..<5 { try await consumer.commit([.init(self.partition, offset: 1)]) }
                // Many at once share requests, and the last one wins.
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<200 {
                        group.addTask { try await consumer.commit([.init(self.partition, offset: 1, metadata: "m")]) }
                    }
                    try await group.waitForAll()
                }
                gate.signal()
            }
        }
    }

    @Test("run ends in order by stop, by cancellation, before it has begun, and runs only once")
    func ends() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            let idle = RecordingDelegate()
            let consumer = try KafkaConsumer(
                configuration, group: .init(id: "g"), topics: ["t"], delegate: idle, logger: quietLogger)
            let run = Task { try await consumer.run() }
            try await until("assigned") { !consumer.assignment.isEmpty }
            run.cancel()
            try await run.value
            #expect(
                idle.events == [.assigned([.init(self.partition, offset: nil)], 1), .revoking([self.partition], 2)])
            #expect(consumer.assignment.isEmpty)
            #expect(await #expect(throws: KafkaError.self) { try await consumer.run() }?.code == "kafka.state")
            #expect(
                await #expect(throws: KafkaError.self) { try await consumer.commit([.init(self.partition, offset: 0)]) }
                    != nil)

            let early = RecordingDelegate()
            let stopped = try KafkaConsumer(
                configuration, group: .init(id: "g"), topics: ["t"], delegate: early, logger: quietLogger)
            stopped.stop()
            try await stopped.run()
            #expect(early.events.isEmpty)
        }
    }

    @Test("run ends soon though no broker can be reached, and the trouble is told")
    func unreachable() async throws {
        let delegate = RecordingDelegate()
        try await withConsumer(.test("127.0.0.1:1"), group: .init(id: "g"), topics: ["t"], delegate: delegate) { _ in
            try await until("told") {
                delegate.failures.contains { $0.code == "kafka.all_brokers_down" || $0.code == "kafka.transport" }
            }
        }
    }

    @Test("a subscribed topic that doesn't exist is told, and the consumer lives on")
    func missingTopic() async throws {
        try await withBroker(topics: ["t": 1]) { configuration, _ in
            let delegate = RecordingDelegate()
            try await withConsumer(configuration, group: .init(id: "g"), topics: ["missing", "t"], delegate: delegate) {
                consumer in
                try await until("told") { delegate.failures.contains { $0.code == "kafka.unknown_topic_or_part" } }
                try await until("assigned") { consumer.assignment == [self.partition] }
            }
        }
    }
}
