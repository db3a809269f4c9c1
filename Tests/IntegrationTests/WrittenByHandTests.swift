import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Records that other programs write and read")
    struct WrittenByHand {
        /// A record as kcat shows it with `-J`.
        private struct Shown: Decodable {
            var key: String?
            var payload: String?
            var headers: [String]?

            var headersByName: [String: String] {
                var result: [String: String] = [:]
                let headers = self.headers ?? []
                for index in stride(from: 0, to: headers.count - 1, by: 2) {
                    result[headers[index]] = headers[index + 1]
                }
                return result
            }
        }

        private func records(on topic: String, of fleet: Fleet) async throws -> [Shown] {
            let read = try await ChildProcess.run(
                "kcat",
                ["-C", "-b", fleet.cluster.bootstrapServers, "-t", topic, "-o", "beginning", "-e", "-q", "-J"],
                on: fleet.cluster.leash)
            try #require(read.status == 0, "\(read.errors)")
            return try read.output.split(separator: UInt8(ascii: "\n")).map {
                try JSONDecoder().decode(Shown.self, from: $0)
            }
        }

        @Test(
            "a job written with kcat is accepted and answered once for each device, in records that the schemas allow")
        func kcat() async throws {
            try await Fleet.with(devices: 3) { fleet in
                try await fleet.startWorkers("worker")
                let job = #"""
                    {"id": "by-hand", "targets": ["group:lab", "nowhere"], "operation": {"type": "run", "commands": ["show clock", {"command": "show version", "timeout": "30s"}]}, "labels": {"ticket": "CHG-1"}, "stream": true}
                    """#
                let junk = "not a job"
                let written = try await ChildProcess.run(
                    "kcat",
                    [
                        "-P", "-b", fleet.cluster.bootstrapServers, "-t", fleet.topics.jobs,
                        "-H", "correlation-id=alert-7", "-H", "ours=not theirs",
                    ],
                    input: Data("\(job)\n\(junk)\n".utf8), on: fleet.cluster.leash)
                try #require(written.status == 0, "\(written.errors)")
                try await fleet.replies.results(of: "by-hand", count: 4)
                try await fleet.deadLetters.read("the junk") { !$0.isEmpty }
                try await fleet.stopWorkers()

                let replies = try await self.records(on: fleet.topics.results, of: fleet)
                let tasks = try await self.records(on: fleet.topics.tasks, of: fleet)
                let letters = try await self.records(on: fleet.topics.deadLetters, of: fleet)
                #expect(replies.allSatisfy { $0.key == "by-hand" })
                #expect(
                    replies.allSatisfy {
                        $0.headersByName["correlation-id"] == "alert-7" && $0.headersByName["ours"] == nil
                    })
                let types = replies.compactMap { $0.headersByName["type"] }
                #expect(types.first == "accepted")
                #expect(types.count { $0 == "accepted" } == 1)
                #expect(types.count { $0 == "result" } == 4)
                #expect(types.count { $0 == "output" } >= 6)
                #expect(tasks.count == 3)
                #expect(Set(tasks.map(\.key)) == Set(fleet.devices.map(\.name)))
                #expect(letters.map(\.payload) == [junk])

                var instances = [SchemaValidator.Instance("job", Array(job.utf8))]
                instances += tasks.map { .init("task", Array(($0.payload ?? "").utf8)) }
                for reply in replies {
                    instances.append(.init(reply.headersByName["type"] ?? "none", Array((reply.payload ?? "").utf8)))
                    instances.append(.init("reply-headers", [UInt8](try JSONEncoder().encode(reply.headersByName))))
                }
                for letter in letters {
                    instances.append(.init("dead-letter", [UInt8](try JSONEncoder().encode(letter.headersByName))))
                }
                for (instance, problems) in zip(instances, try await SchemaValidator.problems(in: instances)) {
                    #expect(problems.isEmpty, "\(instance.schema): \(instance.record): \(problems)")
                }
            }
        }
    }
}
