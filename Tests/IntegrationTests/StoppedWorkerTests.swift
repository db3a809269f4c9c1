import Foundation
import Jobs
import Testing

extension Integration {
    @Suite("A worker that was stopped for longer than its session lasts")
    struct StoppedWorkers {
        @Test(
            "SIGTERM while no broker can be reached: the sessions are closed before the devices may be another worker's"
        )
        func stoppedInIsolation() async throws {
            try await Fleet.with(devices: 6) { fleet in
                let workers = try await fleet.startProcesses(
                    "left", "right", arguments: ["--session-timeout", "6s", "--drain-timeout", "3s"])
                try await fleet.submit("warm", "show version")
                let warm = try await fleet.replies.results(of: "warm", count: 6)
                let victims = warm.filter { $0.owner?.worker == "left" }.map(\.device)
                #expect(!victims.isEmpty)
                // It ends while the broker is away: its result can't be published.
                for device in fleet.devices { device.setResponseDelay(.seconds(1)) }
                try await fleet.submit("cut", "lab count cut", effect: .read)
                try await until("the victims work") {
                    try victims.allSatisfy { try fleet.device($0).count(of: "cut") > 0 }
                }
                try await fleet.cluster.setFault(.blackHole, clientID: "left")
                workers[0].send(signal: SIGTERM)
                for result in try await fleet.replies.results(of: "cut", count: 6, within: .seconds(90)) {
                    #expect(result.outcome == .succeeded)
                }
                try await fleet.cluster.setFault(nil, clientID: "left")
                for device in fleet.devices {
                    #expect(device.counters.maximumConcurrentSessions == 1, "\(device.name)\n\(fleet.journals)")
                }
            }
        }

        @Test(
            "SIGSTOP in the middle of work, SIGCONT after the other has taken over: the first sends no byte of a command more"
        )
        func fencing() async throws {
            try await Fleet.with(devices: 6) { fleet in
                let workers = try await fleet.startProcesses("left", "right", arguments: ["--session-timeout", "6s"])
                try await fleet.submit("warm", "show version")
                let warm = try await fleet.replies.results(of: "warm", count: 6)
                let victims = warm.filter { $0.owner?.worker == "left" }.map(\.device)
                for device in fleet.devices { device.setResponseDelay(.milliseconds(400)) }
                // Several commands each: the next ones are due when the worker wakes.
                let commands = (1...8).map { "lab count step-\($0)" }
                for (number, effect) in [Effect.read, .change].enumerated() {
                    try await fleet.submit(
                        Job(
                            id: "job-\(number)", targets: ["group:lab"], operation: .run(commands.map { Command($0) }),
                            effect: effect), key: "k")
                }
                try await until("the victims work") {
                    try victims.allSatisfy { try fleet.device($0).count(of: "step-2") > 0 }
                }
                workers[0].send(signal: SIGSTOP)
                // What was sent before the stop may still be answered.
                for job in 0...1 {
                    _ = try await fleet.replies.results(of: "job-\(job)", count: 6, within: .seconds(90))
                }
                let before = try victims.map { try fleet.device($0).commands.map(\.command) }
                let results = try fleet.replies.results().filter { $0.job != "warm" }
                #expect(results.count == 12, "\(fleet.journals)")
                workers[0].send(signal: SIGCONT)
                // It finds out, and becomes a member again.
                try await until("the first worker has partitions again", state: { fleet.journals }) {
                    workers[0].journal.contains("partitions lost") || !workers[0].isRunning
                }
                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                for (victim, before) in zip(victims, before) {
                    let more = try fleet.device(victim).commands.map(\.command).dropFirst(before.count)
                    // A worker that gives a device up in order takes leave of it.
                    #expect(more.allSatisfy { $0 == "exit" }, "\(victim): \(Array(more))\n\(before)\n\(fleet.journals)")
                }
                let all = try fleet.replies.results().filter { $0.job != "warm" }
                #expect(all.count == 12, "\(all.map { "\($0.task) \($0.outcome) \($0.owner?.worker ?? "")" })")
                for device in fleet.devices {
                    // The second job's change began at most once on each device.
                    #expect(device.count(of: "step-1") <= 3)
                }
            }
        }
    }
}
