import Foundation
import Jobs
import Testing

extension Integration {
    @Suite("Results in transactions")
    struct ExactlyOnce {
        @Test(
            "two workers, streamed and large outputs, a reply topic that goes: readers of committed records see each result once, in order"
        )
        func results() async throws {
            try await Fleet.with(devices: 8) { fleet in
                let doomed = try await fleet.createTopic("\(fleet.topics.prefix)-doomed")
                let workers = try await fleet.startWorkers("left", "right") { $0.resultDelivery = .exactlyOnce }
                let device = fleet.devices[0]
                try await fleet.submit(
                    Job(
                        id: "gone", targets: [device.name], operation: .run([Command("lab sleep 600000")]),
                        replyTo: doomed.topic, effect: .read))
                try await doomed.read("the job is accepted") { !$0.isEmpty }
                await doomed.close()
                try await fleet.cluster.admin.delete([doomed.topic])
                var value: [UInt8] = []
                Control.cancel(.init(job: "gone")).encode(into: &value)
                try await fleet.write(value, to: fleet.topics.control)

                try await fleet.submit("stream", "lab output 300000", stream: true)
                try await fleet.submit("large", "lab output 700000")
                try await fleet.submit("change", "lab count changes", effect: .change)
                for job in ["stream", "large", "change"] {
                    #expect(try await fleet.replies.finished(job).outcomes == OutcomeCounts([.succeeded: 8]))
                }
                try await until("everything is settled", state: { "\(workers.map(\.status))" }) {
                    workers.allSatisfy { $0.status.execution?.unfinishedTasks == 0 }
                }
                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                let results = try fleet.replies.results()
                #expect(results.count == 24 && Set(results.map(\.task)).count == 24)
                #expect(results.allSatisfy { !$0.redelivered })
                #expect(fleet.devices.allSatisfy { $0.count(of: "changes") == 1 })
                var pieces: [String: [Int]] = [:]
                for received in try fleet.replies.replies {
                    switch received.reply {
                    case .output(let output): pieces[output.task, default: []].append(output.sequence)
                    case .result(let result) where result.job != "change":
                        let sequence = pieces[result.task] ?? []
                        #expect(!sequence.isEmpty && sequence == Array(0..<sequence.count), "\(result.task)")
                    default: break
                    }
                }
                try await fleet.deadLetters.read("the result without a topic") { !$0.isEmpty }
            }
        }

        @Test("kill -9 during work: no result is lost, none is seen twice, and no change runs twice")
        func crash() async throws {
            try await Fleet.with(devices: 12) { fleet in
                let arguments = ["--session-timeout", "6s", "--results", "exactly_once"]
                let workers = try await fleet.startProcesses("left", "right", arguments: arguments)
                try await fleet.submit("warm", "show version")
                try await fleet.replies.results(of: "warm", count: 12)
                for device in fleet.devices { device.setResponseDelay(.milliseconds(60)) }
                let jobs = (1...6).map { "job-\($0)" }
                for (number, job) in jobs.enumerated() {
                    try await fleet.submit(job, "lab count \(job)", effect: number % 2 == 0 ? .change : .read, key: "k")
                }
                try await fleet.replies.read("the first results") { _ in
                    try fleet.replies.results(of: "job-2").count > 2
                }
                workers[0].send(signal: SIGKILL)
                _ = try await workers[0].process.end()
                try await until("the other has everything", state: { fleet.journals }) {
                    try await workers[1].partitionCount == Int(Fleet.taskPartitions)
                }
                // Its name ends the transaction that was open; a broker would, after `transaction.timeout.ms`.
                try await fleet.startAgain("left", arguments: arguments)
                do {
                    for job in jobs { _ = try await fleet.replies.finished(job, within: .seconds(60)) }
                } catch {
                    throw Unexpected("\(error)\n\(fleet.journals)")
                }
                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                let results = try fleet.replies.results()
                #expect(results.count == 7 * 12, "\(fleet.journals)")
                #expect(Set(results.map(\.task)).count == 7 * 12)
                for result in results where result.outcome != .succeeded {
                    #expect(result.outcome == .unknown && result.error?.code == "worker.crashed")
                }
                for (number, job) in jobs.enumerated() where number % 2 == 0 {
                    #expect(fleet.devices.allSatisfy { $0.count(of: job) <= 1 }, "\(job) ran twice")
                }
                let finished = try fleet.replies.replies.map(\.reply).filter { $0.type == "finished" }.map(\.job)
                #expect(finished.sorted() == jobs + ["warm"])
            }
        }
    }

    @Suite("Job ids that come again")
    struct RepeatedJobs {
        @Test("a repeated id is answered with the first one's counts and not run, whoever routes it")
        func duplicates() async throws {
            try await Fleet.with(devices: 2) { fleet in
                let mine = try await fleet.createTopic("\(fleet.topics.prefix)-mine")
                let first = try await fleet.startWorkers("first")[0]
                try await fleet.submit("job", "lab count runs", effect: .change, key: "a")
                _ = try await fleet.replies.finished("job")
                // On every partition, and to a topic of its own.
                for partition in 0..<Fleet.otherPartitions {
                    try await fleet.submit(
                        Job(id: "job", targets: ["nobody"], operation: .probe, replyTo: mine.topic),
                        partition: partition)
                }
                try await mine.read("the answers") { $0.count >= Int(Fleet.otherPartitions) }
                // Another router has it from the log.
                try await first.stop()
                _ = try fleet.startWorker("second")
                for partition in 0..<Fleet.otherPartitions {
                    try await fleet.submit(
                        Job(id: "job", targets: ["all"], operation: .probe, replyTo: mine.topic), partition: partition)
                }
                try await mine.read("the answers") { $0.count >= 2 * Int(Fleet.otherPartitions) }
                try await fleet.submit("other", "show clock")
                _ = try await fleet.replies.finished("other")
                try await fleet.stopWorkers()
                try await mine.readToEnd()
                for answer in try mine.replies {
                    #expect(
                        answer.reply
                            == .accepted(Accepted(job: "job", tasks: 2, devices: 2, unknown: [], duplicate: true)))
                }
                #expect(mine.records.count == 2 * Int(Fleet.otherPartitions))
                #expect(fleet.devices.allSatisfy { $0.count(of: "runs") == 1 })
                await mine.close()
            }
        }

        @Test("the same record many times in one batch runs once")
        func batch() async throws {
            try await Fleet.with { fleet in
                for _ in 0..<20 { try await fleet.submit("job", "lab count runs", effect: .change, key: "a") }
                try await fleet.startWorkers("worker")
                _ = try await fleet.replies.finished("job")
                try await fleet.submit("last", "show clock", key: "a")
                _ = try await fleet.replies.finished("last")
                #expect(fleet.device.count(of: "runs") == 1)
                try await fleet.replies.readToEnd()
                let answers = try fleet.replies.replies.compactMap { received -> Accepted? in
                    guard case .accepted(let accepted) = received.reply, accepted.job == "job" else { return nil }
                    return accepted
                }
                #expect(answers.count == 20 && answers.count { $0.duplicate } == 19)
            }
        }
    }
}
