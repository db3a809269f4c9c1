import Foundation
import Kafka
import TestSupport
import Testing

@Suite("Leaks")
struct LeakTests {
    /// In a process of its own, so that no other test's threads are counted.
    @Test("twenty rounds of opening and closing every client leave no thread and no descriptor behind")
    func rounds() async {
        await #expect(processExitsWith: .success) {
            try await DevelopmentBroker.with { broker in
                let configuration = KafkaConfiguration.test(broker.bootstrapServers)
                // The first rounds start what stays for good: the pool's threads, the resolver's descriptors.
                for _ in 0..<5 { try await useEveryClient(configuration) }
                let threads = try count("/proc/self/task")
                let descriptors = try count("/proc/self/fd")
                for _ in 0..<20 { try await useEveryClient(configuration) }
                try await until("threads are back to \(threads)", within: .seconds(10)) {
                    try count("/proc/self/task") <= threads + 2
                }
                #expect(try count("/proc/self/fd") <= descriptors + 2)
            }
        }
    }
}

private func useEveryClient(_ configuration: KafkaConfiguration) async throws {
    let topic = "t-\(UInt64.random(in: 0 ... .max))"
    let admin = try KafkaAdmin(configuration, logger: quietLogger)
    _ = try await admin.create([.init(name: topic, partitions: 2, replicationFactor: 1)])
    let reader = try await KafkaReader(configuration, topic: topic, from: .end, logger: quietLogger)
    let delegate = RecordingDelegate()
    try await withConsumer(configuration, group: .init(id: topic), topics: [topic], delegate: delegate) { consumer in
        try await withProducer(configuration, transactionalID: topic) { producer in
            try await blocking {
                try producer.initializeTransactions()
                try producer.beginTransaction()
                for index in 0..<10 { try producer.send(.text(topic, "\(index)")) }
                try producer.commitTransaction()
            }
        }
        try await until("all records") { delegate.records.count == 10 }
        if let partition = consumer.assignment.first { try await consumer.commit([.init(partition, offset: 1)]) }
    }
    _ = try await reader.read(10)
    await reader.close()
    try await admin.delete([topic])
    await admin.close()
    // Dropped without being closed or run.
    _ = try KafkaProducer(configuration, logger: quietLogger)
    _ = try KafkaConsumer(configuration, group: .init(id: topic), topics: [topic], delegate: delegate, logger: quietLogger)
    _ = try KafkaAdmin(configuration, logger: quietLogger)
}

private func count(_ folder: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: folder).count
}
