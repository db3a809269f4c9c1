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
            try await TestBroker.with { broker in
                let configuration = KafkaConfiguration.test(broker.bootstrapServers)
                // The first rounds open what stays for good.
                for _ in 0..<2 { try await useEveryClientFourTimes(configuration) }
                let descriptors = try openDescriptors()
                for _ in 0..<5 { try await useEveryClientFourTimes(configuration) }
                try await until("no thread of a client is left", within: .seconds(15)) { try clientThreads() == [] }
                #expect(try openDescriptors() <= descriptors)
            }
        }
    }
}

private func useEveryClientFourTimes(_ configuration: KafkaConfiguration) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 { group.addTask { try await useEveryClient(configuration) } }
        try await group.waitForAll()
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
    _ = try KafkaConsumer(
        configuration, group: .init(id: topic), topics: [topic], delegate: delegate, logger: quietLogger)
    _ = try KafkaAdmin(configuration, logger: quietLogger)
}

/// The names of the threads that belong to a client of this module or of librdkafka.
private func clientThreads() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap { thread in
        guard let name = try? String(contentsOfFile: "/proc/self/task/\(thread)/comm", encoding: .utf8) else {
            return nil
        }
        return name.hasPrefix("rdk:") || name.hasPrefix("kafka-") ? name : nil
    }
}

/// Sockets and pipes; librdkafka wakes its threads by pipes.
private func openDescriptors() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { descriptor in
        let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")) ?? ""
        return target.hasPrefix("socket:") || target.hasPrefix("pipe:")
    }
}
