import Foundation
import Jobs
import Kafka
import Lab
import Testing

extension Integration {
    @Suite("tether submit, and requests as Spring makes them")
    struct Submitting {
        private func submit(_ arguments: [String], to fleet: Fleet) async throws -> (
            status: Int32, output: Data, errors: String
        ) {
            try await ChildProcess.run(
                SiblingProgram.url("tether").path,
                ["submit", "--kafka", fleet.cluster.bootstrapServers, "--topic-prefix", fleet.topics.prefix]
                    + arguments,
                on: fleet.cluster.leash)
        }

        @Test("the exit status says whether every task succeeded, and --json prints the replies as they are")
        func exitStatus() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                let good = try await self.submit(
                    ["group:lab", "-c", "show clock", "--json", "--id", "good"], to: fleet)
                #expect(good.status == 0, "\(good.errors)")
                let replies = try good.output.split(separator: UInt8(ascii: "\n")).map {
                    try Reply(decoding: [UInt8]($0))
                }
                #expect(replies.map(\.type) == ["accepted", "result", "result"])
                #expect(replies.allSatisfy { $0.job == "good" })

                let bad = try await self.submit(["dev-0001", "nowhere", "-c", "show clock"], to: fleet)
                #expect(bad.status == 1, "\(bad.errors)")
                let text = String(decoding: bad.output, as: UTF8.self)
                #expect(text.contains("dev-0001 · succeeded") && text.contains("target.unknown"))

                let refused = try await self.submit(["dev-0001", "-c", "no such command"], to: fleet)
                #expect(refused.status == 1, "\(refused.errors)")
                #expect(String(decoding: refused.output, as: UTF8.self).contains("command.rejected"))

                let nonsense = try await self.submit(["dev-0001", "-c", "show clock", "--effect", "maybe"], to: fleet)
                #expect(nonsense.status == 64)
            }
        }

        @Test("without a worker the results are missing after the deadline, and the exit status says so")
        func nobody() async throws {
            try await Fleet.with { fleet in
                let nobody = try await self.submit(["dev-0001", "-c", "show clock", "--deadline", "500ms"], to: fleet)
                #expect(nobody.status == 3)
                #expect(nobody.errors.contains("is a worker running?"))
            }
        }

        @Test("Spring's reply topic is used, and its headers come back byte for byte on every reply")
        func spring() async throws {
            try await Fleet.with { fleet in
                let answers = try await fleet.createTopic("\(fleet.topics.prefix)-answers")
                try await fleet.startWorkers("worker")
                // Sixteen bytes that are no text, as Spring makes them.
                let correlation = [UInt8](0x80..<0x90)
                let sent = [
                    KafkaHeader("kafka_replyTopic", answers.topic),
                    KafkaHeader("kafka_correlationId", correlation),
                    KafkaHeader("kafka_replyPartition", [0, 0, 0, 1]),
                    KafkaHeader("__TypeId__", "com.example.Job"),
                ]
                try await fleet.submit(
                    Job(id: "spring", targets: ["dev-0001"], operation: .run([Command("show clock")])), headers: sent)
                #expect(try await answers.result(of: "spring").outcome == .succeeded)
                #expect(answers.records.count == 2)
                for record in answers.records {
                    #expect(record.topicPartition.partition == 1)
                    #expect(Array(record.headers.dropFirst()) == Array(sent.dropLast()))
                }
                await answers.close()
            }
        }
    }
}
