import Foundation
import Jobs
import Kafka
import Testing

extension Integration {
    @Suite("Jobs finish")
    struct FinishedJobs {
        @Test("after its last result a job gets one finished record, with the outcomes of all of its tasks")
        func counts() async throws {
            try await Fleet.with(devices: 12) { fleet in
                try await fleet.startWorkers("left", "right")
                let refused = fleet.devices[0]
                refused.setFault(.refuseConnections)
                try await fleet.submit("mixed", to: ["group:lab", "nobody"], "show version", deadline: .seconds(30))
                try await fleet.submit("none", to: ["nobody"], "show version")
                let finished = try await fleet.replies.finished("mixed")
                #expect(finished.tasks == 13 && finished.missing == 0)
                #expect(finished.outcomes == OutcomeCounts([.succeeded: 11, .failed: 1, .rejected: 1]))
                #expect(finished.elapsed > .zero && finished.elapsed < .seconds(30))
                #expect(try await fleet.replies.finished("none").outcomes == OutcomeCounts([.rejected: 1]))

                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                // One key, one partition: the log's order is that of the records.
                let mixed = try fleet.replies.replies.filter { $0.reply.job == "mixed" }.map(\.reply.type)
                #expect(mixed == ["accepted"] + Array(repeating: "result", count: 13) + ["finished"])
                #expect(try fleet.replies.replies.count { $0.reply.type == "finished" } == 2)
            }
        }

        @Test("collectors that come and go finish each job once, and what nobody reports is missing after the grace")
        func takeover() async throws {
            try await Fleet.with { fleet in
                // Only collectors: the test writes what routers and executors would.
                let now = Int64(Date.now.timeIntervalSince1970 * 1_000)
                func note(_ progress: JobProgress, job: String) async throws {
                    var value: [UInt8] = []
                    progress.encode(into: &value)
                    try await fleet.write(value, to: fleet.topics.progress, key: job)
                }
                func begin(_ job: String, tasks: Int, deadline: Int64) async throws {
                    try await note(
                        .accepted(
                            .init(
                                job: job, tasks: tasks, devices: tasks, submitted: now, deadline: deadline,
                                replyTo: fleet.topics.results)),
                        job: job)
                }
                func collector(_ name: String) throws -> InProcessWorker {
                    try fleet.startWorker(name) {
                        $0.roles = [.collect]
                        $0.collectionGrace = .seconds(2)
                    }
                }
                try await begin("long", tasks: 2, deadline: now + 600_000)
                try await begin("lost", tasks: 3, deadline: now - 60_000)
                try await note(.ended(.init(job: "long", index: 0, outcome: .failed)), job: "long")
                try await note(.ended(.init(job: "lost", index: 2, outcome: .expired)), job: "lost")
                let first = try collector("first")
                let lost = try await fleet.replies.finished("lost")
                #expect(lost.missing == 2 && lost.outcomes == OutcomeCounts([.expired: 1]))
                try await begin("short", tasks: 1, deadline: now + 600_000)
                try await note(.ended(.init(job: "short", index: 0, outcome: .succeeded)), job: "short")
                _ = try await fleet.replies.finished("short")
                try await first.stop()

                let second = try collector("second")
                try await note(.ended(.init(job: "long", index: 1, outcome: .succeeded)), job: "long")
                // Too late, and once more.
                try await note(.ended(.init(job: "lost", index: 0, outcome: .succeeded)), job: "lost")
                try await note(.ended(.init(job: "short", index: 0, outcome: .succeeded)), job: "short")
                let long = try await fleet.replies.finished("long")
                #expect(long.outcomes == OutcomeCounts([.failed: 1, .succeeded: 1]))
                try await second.stop()
                try await fleet.replies.readToEnd()
                #expect(try fleet.replies.replies.map(\.reply.job).sorted() == ["long", "lost", "short"])
            }
        }
    }
}
