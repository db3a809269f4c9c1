import Kafka
import Logging
import TestSupport
import Testing

@Suite("Stopping")
struct StopTests {
    @Test("a consumer may be stopped at any moment of its joining")
    func whileJoining() async {
        // In a process of its own: what goes wrong here aborts it.
        await #expect(processExitsWith: .success) {
            try await TestBroker.with { broker in
                let configuration = KafkaConfiguration.test(broker.bootstrapServers)
                let admin = try KafkaAdmin(configuration, logger: quietLogger)
                _ = try await admin.create([.init(name: "t", partitions: 2, replicationFactor: 1)])
                await admin.close()
                for milliseconds in stride(from: 0, to: 60, by: 2) {
                    let delegate = RecordingDelegate()
                    let consumer = try KafkaConsumer(
                        configuration,
                        group: .init(id: "stopped-after-\(milliseconds)"),
                        topics: ["t"],
                        delegate: delegate,
                        logger: quietLogger
                    )
                    let running = Task { try await consumer.run() }
                    // Not a wait for something: the moment is what varies.
                    try await Task.sleep(for: .milliseconds(milliseconds))
                    consumer.stop()
                    try await running.value
                }
            }
        }
    }

    @Test("a consumer may be stopped while its group doesn't come about")
    func withoutAssignment() async {
        // In a process of its own: what goes wrong here aborts it.
        await #expect(processExitsWith: .success) {
            let mock = try MockCluster()
            mock.createTopic("t", partitions: 2)
            // Rebalance in progress: again and again, there is no assignment.
            mock.answer(.syncGroup, with: [Int32](repeating: 27, count: 1_000))
            let log = CapturedLog()
            let consumer = try KafkaConsumer(
                .test(mock.bootstrapServers, ["debug": "cgrp"]), group: .init(id: "g", sessionTimeout: .seconds(6)),
                topics: ["t"], delegate: RecordingDelegate(), logger: Logger(label: "test") { _ in log.handler })
            let running = Task { try await consumer.run() }
            try await until("it has joined, and asked for its assignment") { log.text.contains("SyncGroup response") }
            consumer.stop()
            let start = ContinuousClock.now
            try await running.value
            #expect(ContinuousClock.now - start < .seconds(9))
        }
    }

    @Test("a consumer that owns partitions ends although no broker can be reached any more", .timeLimit(.minutes(2)))
    func withoutBroker() async throws {
        try await TestBroker.with { broker in
            let configuration = KafkaConfiguration.test(broker.bootstrapServers)
            let admin = try KafkaAdmin(configuration, logger: quietLogger)
            _ = try await admin.create([.init(name: "t", partitions: 2, replicationFactor: 1)])
            await admin.close()
            let consumer = try KafkaConsumer(
                configuration, group: .init(id: "g", instanceID: "i"), topics: ["t"], delegate: RecordingDelegate(),
                logger: quietLogger)
            let running = Task { try? await consumer.run() }
            try await until("it owns the topic") { consumer.assignment.count == 2 }
            await broker.stop()
            let start = ContinuousClock.now
            consumer.stop()
            _ = await running.value
            #expect(ContinuousClock.now - start < .seconds(45))
        }
    }
}
