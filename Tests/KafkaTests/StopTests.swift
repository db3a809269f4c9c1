import Kafka
import TestSupport
import Testing

@Suite("Stopping")
struct StopTests {
    @Test("a consumer may be stopped at any moment of its joining")
    func whileJoining() async {
        // In a process of its own: what goes wrong here aborts it.
        await #expect(processExitsWith: .success) {
            try await DevelopmentBroker.with { broker in
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
}
