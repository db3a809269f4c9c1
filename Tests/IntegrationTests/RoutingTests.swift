import Jobs
import Kafka
import Testing

extension Integration {
    @Suite("Routing")
    struct Routing {
        /// Jobs that waited while no router was there can come to more records than one transaction can hold, or finish in its time.
        @Test("jobs that wait are routed in as many transactions as they need, each job once")
        func severalTransactions() async throws {
            try await Fleet.with { fleet in
                for number in 1...9 {
                    try await fleet.submit(
                        Job(
                            id: "job-\(number)", targets: ["dev-0001"],
                            operation: .run([Command("lab output \(number)")])),
                        partition: 0)
                }
                // A job comes to three records: two of them go past the limit.
                try await fleet.startWorkers("worker") { $0.maximumTransactionRecords = 4 }
                try await fleet.replies.read("9 results") { _ in try fleet.replies.results().count >= 9 }
                try await fleet.stopWorkers()
                let commands = fleet.device.commands.map(\.command).filter { $0.hasPrefix("lab output") }
                #expect(commands == (1...9).map { "lab output \($0)" })
                // Each transaction leaves a mark on the partition after its tasks.
                let home = TopicPartition(fleet.topics.tasks, fleet.home(of: "dev-0001"))
                let committed = try await fleet.cluster.admin.committedOffsets(
                    group: "\(fleet.topics.prefix).executor", [home])
                #expect(try #require(committed.first?.offset) >= 9 + 4)
            }
        }
    }
}
