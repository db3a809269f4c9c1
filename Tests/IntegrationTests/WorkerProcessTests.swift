import Foundation
import Jobs
import Testing

extension Integration {
    @Suite("Worker processes that end")
    struct WorkerProcesses {
        @Test("a second signal ends a worker that drains, at once")
        func secondSignal() async throws {
            try await Fleet.with { fleet in
                let worker = try await fleet.startProcesses("worker", arguments: ["--drain-timeout", "10m"])[0]
                try await fleet.submit("job", "lab sleep 600000", effect: .read)
                try await until("the command runs") { fleet.device.counters.logins == 1 }
                worker.send(signal: SIGTERM)
                try await until("it drains") { worker.journal.contains("worker drains") }
                worker.send(signal: SIGINT)
                #expect(try await worker.process.end() == 128 + SIGINT)
            }
        }

        @Test(
            "SIGTERM during work: the worker drains, the other takes over, every task has exactly one result and no device two sessions"
        )
        func drain() async throws {
            try await Fleet.with(devices: 16) { fleet in
                let workers = try await fleet.startProcesses("left", "right", isStatic: false)
                try await fleet.submit("warm", "show version")
                let warm = try await fleet.replies.results(of: "warm", count: 16)
                for device in fleet.devices { device.setResponseDelay(.milliseconds(300)) }
                let jobs = (1...4).map { "job-\($0)" }
                for job in jobs { try await fleet.submit(job, "show clock") }
                try await fleet.replies.read("the first results") { _ in try !fleet.replies.results(of: "job-1").isEmpty
                }

                let status = try await workers[0].terminate()
                #expect(status == 0, "\(workers[0].journal.suffix(3_000))")
                for job in jobs { try await fleet.replies.results(of: job, count: 16) }
                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                let results = try fleet.replies.results()
                #expect(results.count == 5 * 16, "\(fleet.journals)")
                #expect(Set(results.map(\.task)).count == 5 * 16)
                #expect(results.allSatisfy { $0.outcome == .succeeded && !$0.redelivered })
                #expect(Set(results.compactMap(\.owner?.worker)).count == 2)
                let before = Dictionary(warm.map { ($0.device, $0.owner?.worker) }) { $1 }
                #expect(results.contains { $0.owner?.worker != before[$0.device] }, "no device has moved")
                for device in fleet.devices {
                    #expect(device.counters.maximumConcurrentSessions == 1)
                    #expect(device.commands.count { $0.command == "show clock" } == jobs.count)
                }
            }
        }

        @Test(
            "kill -9 during work: the other takes over, reads run to their end, and a change that had begun is unknown and isn't repeated"
        )
        func crash() async throws {
            try await Fleet.with(devices: 12) { fleet in
                let workers = try await fleet.startProcesses("left", "right", arguments: ["--session-timeout", "6s"])
                try await fleet.submit("warm", "show version")
                let warm = try await fleet.replies.results(of: "warm", count: 12)
                let victims = Set(warm.filter { $0.owner?.worker == "left" }.map(\.device))
                let changed = try fleet.device(#require(victims.min()))

                try await fleet.submit("change", to: [changed.name], "lab count changes 600000", effect: .change)
                try await until("the change is on the device") { changed.count(of: "changes") == 1 }
                for device in fleet.devices { device.setResponseDelay(.milliseconds(150)) }
                let jobs = (1...3).map { "read-\($0)" }
                for job in jobs { try await fleet.submit(job, "show clock") }
                for job in jobs {
                    try await fleet.replies.read("\(job) is accepted") { _ in try fleet.replies.accepted(job) != nil }
                }
                try await until("the victim's devices are reading") {
                    try victims.contains { name in
                        try fleet.device(name).commands.contains { $0.command == "show clock" }
                    }
                }
                workers[0].send(signal: SIGKILL)
                #expect(try await workers[0].process.end() == -SIGKILL)

                let change = try await fleet.replies.result(of: "change")
                #expect(change.outcome == .unknown)
                #expect(change.error?.code == "worker.crashed")
                #expect(change.owner?.worker == "right")
                for job in jobs {
                    try await fleet.replies.read("every device's result of \(job)") { _ in
                        try Set(fleet.replies.results(of: job).map(\.device)).count == 12
                    }
                }
                // The dead worker's share of the counting moves in its own time.
                for job in ["warm", "change"] + jobs {
                    try await fleet.replies.read("\(job) is finished") { _ in
                        try fleet.replies.replies.contains { $0.reply.type == "finished" && $0.reply.job == job }
                    }
                }
                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                let results = try fleet.replies.results()
                for (task, ends) in Dictionary(grouping: results, by: \.task) {
                    // The log has them in the order in which they were published.
                    #expect(
                        ends.dropFirst().allSatisfy { $0.redelivered }, "\(task) has several results that aren't marked"
                    )
                    #expect(task.hasPrefix("change/") || ends.allSatisfy { $0.outcome == .succeeded })
                }
                #expect(Set(results.map(\.task)).count == 49)
                #expect(results.count { $0.job == "change" } == 1, "\(fleet.journals)")
                #expect(changed.count(of: "changes") == 1)
                let finished = try fleet.replies.replies.map(\.reply).filter { $0.type == "finished" }.map(\.job)
                #expect(Set(finished) == Set(["warm", "change"] + jobs), "\(fleet.journals)")
                #expect(finished.count == 5, "\(finished)")
                #expect(changed.commands.count { $0.command.hasPrefix("lab count") } == 1)
                #expect(fleet.devices.allSatisfy { $0.counters.maximumConcurrentSessions == 1 })
            }
        }
    }
}
