import Devices
import Kafka
import Logging
import Testing

@testable import Worker

@Suite("Events")
struct EventPublisherTests {
    @Test("while Kafka doesn't take them, the oldest are dropped and counted, and nobody waits")
    func bounded() async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        // A port that refuses: nobody may listen on it without privileges, and nothing does.
        let producer = try KafkaProducer(KafkaConfiguration(bootstrapServers: "127.0.0.1:1"), logger: logger)
        let events = EventPublisher(
            producer: producer, topic: "events", worker: "worker", capacity: 50, maximumSent: 10, logger: logger)
        let elapsed = ContinuousClock().measure {
            for number in 0..<1_000 {
                events.take(
                    DeviceEvent(device: "dev-\(number % 7)", kind: .sessionOpened(session: "\(number)", elapsed: .zero))
                )
            }
        }
        #expect(events.figures == EventPublisher.Figures(waiting: 60, dropped: 940))
        #expect(elapsed < .seconds(5))
        await events.close(flushTimeout: .zero)
        // What could not be written is counted, and nothing waits on.
        #expect(events.figures.dropped >= 950)
    }
}
