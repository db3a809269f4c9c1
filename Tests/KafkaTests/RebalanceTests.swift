import Foundation
import Kafka
import NIOConcurrencyHelpers
import TestSupport
import Testing

@Suite("Rebalances")
struct RebalanceTests {
    /// While a group waits for all its members to join again, a broker takes commits of the old generation. The mock cluster refuses
    /// them, always so with the eager protocol. Hence two outcomes of the drain's commit here.
    @Test(
        "partitions are drained before another member gets them, with either protocol",
        arguments: ["cooperative-sticky", "range"]
    )
    func draining(strategy: String) async throws {
        let mock = try MockCluster()
        mock.createTopic("t", partitions: 4)
        let configuration = KafkaConfiguration.test(
            mock.bootstrapServers,
            ["partition.assignment.strategy": strategy]
        )
        let group = KafkaConsumer.Group(id: "g", sessionTimeout: .seconds(6))
        let drained = NIOLockedValueBox<[TopicPartition: String]>([:])
        let first = RecordingDelegate(onRevoking: { consumer, partitions in
            Thread.blocking(seconds: 0.3)
            var outcome = "committed"
            do throws(KafkaError) {
                try consumer.commitBlocking(
                    partitions.map { .init($0, offset: 1, metadata: "drained \($0.partition)") }
                )
            } catch {
                outcome = error.code
            }
            for partition in partitions { drained.withLockedValue { $0[partition] = outcome } }
        })
        let tooEarly = NIOLockedValueBox<[TopicPartition]>([])
        let second = RecordingDelegate(onAssigned: { _, offsets in
            let drained = drained.withLockedValue { $0 }
            tooEarly.withLockedValue { $0 += offsets.map(\.topicPartition).filter { drained[$0] == nil } }
        })
        try await withConsumer(configuration, group: group, topics: ["t"], delegate: first) { one in
            try await until("the first owns all", within: .seconds(40)) { one.assignment.count == 4 }
            try await withConsumer(configuration, group: group, topics: ["t"], delegate: second) { two in
                try await until("both own half", within: .seconds(40)) {
                    one.assignment.count == 2 && two.assignment.count == 2
                }
                #expect(one.assignment.isDisjoint(with: two.assignment))
                for offset in second.assigned {
                    let partition = offset.topicPartition
                    switch drained.withLockedValue({ $0[partition] }) {
                    case "committed":
                        // It moved with what the first one committed while it drained.
                        #expect(offset == .init(partition, offset: 1, metadata: "drained \(partition.partition)"))
                    case let outcome:
                        #expect(outcome == "kafka.rebalance_in_progress")
                        #expect(offset.offset == nil)
                    }
                }
            }
        }
        #expect(tooEarly.withLockedValue { $0 }.isEmpty)
    }

    @Test("a static member that restarts gets its partitions back, and nobody else notices")
    func staticRestart() async throws {
        try await withBroker(topics: ["t": 4]) { configuration, _ in
            let other = RecordingDelegate()
            try await withConsumer(
                configuration, group: .init(id: "g", instanceID: "a"), topics: ["t"], delegate: other
            ) { one in
                var before: Set<TopicPartition> = []
                let delegate = RecordingDelegate()
                try await withConsumer(
                    configuration, group: .init(id: "g", instanceID: "b"), topics: ["t"], delegate: delegate
                ) { two in
                    try await until("both own half") { one.assignment.count == 2 && two.assignment.count == 2 }
                    before = two.assignment
                }
                let events = other.events
                let restarted = RecordingDelegate()
                try await withConsumer(
                    configuration, group: .init(id: "g", instanceID: "b"), topics: ["t"], delegate: restarted
                ) { two in
                    try await until("back") { two.assignment == before }
                }
                #expect(other.events == events)
                #expect(one.assignment.count == 2)
            }
        }
    }

    @Test(
        "a member whose instance id is taken by another ends with the fatal error, and is told that its partitions are lost"
    )
    func fencedInstance() async throws {
        try await withBroker(topics: ["t": 2]) { configuration, _ in
            let old = RecordingDelegate()
            let consumer = try KafkaConsumer(
                configuration,
                group: .init(id: "g", instanceID: "a", sessionTimeout: .seconds(6)),
                topics: ["t"],
                delegate: old,
                logger: quietLogger
            )
            let run = Task { try await consumer.run() }
            try await until("assigned") { consumer.assignment.count == 2 }
            let new = RecordingDelegate()
            try await withConsumer(
                configuration, group: .init(id: "g", instanceID: "a", sessionTimeout: .seconds(6)), topics: ["t"],
                delegate: new
            ) { two in
                let error = await #expect(throws: KafkaError.self) { try await run.value }
                #expect(error?.code == "kafka.fenced_instance_id")
                #expect(error?.isFatal == true)
                try await until("the new one owns all") { two.assignment.count == 2 }
            }
            guard case .lost(let lost, _) = old.events.last else {
                Issue.record("not told: \(old.events)")
                return
            }
            #expect(lost.count == 2)
            #expect(consumer.assignment.isEmpty)
        }
    }

    @Test(
        "a refused commit says why",
        arguments: [
            (12, "kafka.offset_metadata_too_large", false), (22, "kafka.illegal_generation", true),
            (25, "kafka.unknown_member_id", true), (27, "kafka.rebalance_in_progress", false),
            (30, "kafka.group_authorization_failed", false),
        ] as [(Int32, String, Bool)]
    )
    func commitErrors(code: Int32, expected: String, losesAll: Bool) async throws {
        let mock = try MockCluster()
        mock.createTopic("t", partitions: 1)
        let delegate = RecordingDelegate()
        try await withConsumer(.test(mock.bootstrapServers), group: .init(id: "g"), topics: ["t"], delegate: delegate) {
            consumer in
            try await until("assigned") { !consumer.assignment.isEmpty }
            mock.answer(.offsetCommit, with: [code])
            let error = await #expect(throws: KafkaError.self) {
                try await consumer.commit([.init(TopicPartition("t", 0), offset: 1)])
            }
            #expect(error?.code == expected)
            if losesAll {
                try await until("told that all is lost") {
                    delegate.events.contains(.lost([TopicPartition("t", 0)], 2))
                }
            } else {
                try await consumer.commit([.init(TopicPartition("t", 0), offset: 1)])
            }
        }
    }

    @Test("a commit that says that this instance is fenced ends the consumer")
    func fencedCommit() async throws {
        let mock = try MockCluster()
        mock.createTopic("t", partitions: 1)
        let delegate = RecordingDelegate()
        var ending: KafkaError?
        do {
            try await withConsumer(
                .test(mock.bootstrapServers), group: .init(id: "g"), topics: ["t"], delegate: delegate
            ) { consumer in
                try await until("assigned") { !consumer.assignment.isEmpty }
                mock.answer(.offsetCommit, with: [82])
                let error = await #expect(throws: KafkaError.self) {
                    try await consumer.commit([.init(TopicPartition("t", 0), offset: 1)])
                }
                #expect(error?.code == "kafka.fenced_instance_id")
                #expect(error?.isFatal == true)
                try await until("ended") { consumer.assignment.isEmpty }
            }
        } catch let error as KafkaError {
            ending = error
        }
        #expect(ending?.code == "kafka.fenced_instance_id")
        #expect(delegate.events.contains(.lost([TopicPartition("t", 0)], 2)))
    }

    @Test("commits survive a coordinator that is loading or moving")
    func retriedCommits() async throws {
        let mock = try MockCluster()
        mock.createTopic("t", partitions: 1)
        let delegate = RecordingDelegate()
        try await withConsumer(.test(mock.bootstrapServers), group: .init(id: "g"), topics: ["t"], delegate: delegate) {
            consumer in
            try await until("assigned") { !consumer.assignment.isEmpty }
            mock.answer(.offsetCommit, with: [14, 16])
            async let one: Void = consumer.commit([.init(TopicPartition("t", 0), offset: 1)])
            async let two: Void = consumer.commit([.init(TopicPartition("t", 0), offset: 2)])
            _ = try await (one, two)
        }
    }

    @Test("nothing begins before the committed offsets are known, however often they must be asked for")
    func offsetFetchErrors() async throws {
        let mock = try MockCluster()
        mock.createTopic("t", partitions: 1)
        let delegate = RecordingDelegate()
        // Group authorisation failed, three times.
        mock.answer(.offsetFetch, with: [30, 30, 30])
        try await withProducer(.test(mock.bootstrapServers)) { _ = try await $0.send(acknowledged: .text("t", "x")) }
        try await withConsumer(.test(mock.bootstrapServers), group: .init(id: "g"), topics: ["t"], delegate: delegate) {
            _ in
            try await until("received") { delegate.records.count == 1 }
            #expect(delegate.failures.filter { $0.code == "kafka.group_authorization_failed" }.count == 1)
            #expect(delegate.assigned == [.init(TopicPartition("t", 0), offset: nil)])
        }
    }

    @Test("a member that stalls loses its partitions, is told so, and joins again")
    func stalled() async throws {
        let mock = try MockCluster()
        mock.createTopic("t", partitions: 1)
        let configuration = KafkaConfiguration.test(mock.bootstrapServers, ["max.poll.interval.ms": "3000"])
        let stalls = NIOLockedValueBox(1)
        let commit = NIOLockedValueBox<String?>(nil)
        let delegate = RecordingDelegate(onReceived: { consumer, _ in
            guard
                stalls.withLockedValue({ stalls -> Bool in
                    defer { stalls -= 1 }
                    return stalls > 0
                })
            else { return }
            Thread.blocking(seconds: 4.5)
            do throws(KafkaError) {
                try consumer.commitBlocking([.init(TopicPartition("t", 0), offset: 1)])
                commit.withLockedValue { $0 = "committed" }
            } catch {
                commit.withLockedValue { $0 = error.code }
            }
        })
        try await withProducer(.test(mock.bootstrapServers)) { _ = try await $0.send(acknowledged: .text("t", "x")) }
        try await withConsumer(
            configuration, group: .init(id: "g", sessionTimeout: .seconds(3)), topics: ["t"], delegate: delegate
        ) { _ in
            try await until("lost and granted again", within: .seconds(40)) { delegate.assigned.count == 2 }
            #expect(delegate.events.contains(.lost([TopicPartition("t", 0)], 2)))
            #expect(delegate.failures.contains { $0.code == "kafka.max_poll_exceeded" })
            #expect(commit.withLockedValue { $0 } != "committed")
        }
    }
}

extension Thread {
    /// Blocks the calling thread, as work in a delegate call would.
    static func blocking(seconds: Double) {
        _ = DispatchSemaphore(value: 0).wait(timeout: .now() + seconds)
    }
}
