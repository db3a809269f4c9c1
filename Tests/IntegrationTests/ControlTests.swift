import Foundation
import Jobs
import Kafka
import Lab
import Testing

extension Integration {
    @Suite("Orders to the workers")
    struct Orders {
        private func order(_ control: Control, to fleet: Fleet) async throws {
            var value: [UInt8] = []
            control.encode(into: &value)
            try await fleet.write(value, to: fleet.topics.control, key: control.key)
        }

        @Test("a cancelled job ends at once: what waits unsent, what runs interrupted, a change in doubt; others go on")
        func cancel() async throws {
            try await Fleet.with(devices: 3) { fleet in
                try await fleet.startWorkers("worker")
                let (slow, changing, free) = (fleet.devices[0], fleet.devices[1], fleet.devices[2])
                try await fleet.submit("first", to: [slow.name], "lab sleep 600000", effect: .read, key: "k")
                try await fleet.submit("job", to: [slow.name], "show clock", key: "k")
                try await fleet.submit("other", to: [slow.name], "show version", key: "k")
                try await fleet.submit("change", to: [changing.name], "lab count changes 600000", effect: .change)
                try await until("the slow command runs") { slow.counters.logins == 1 }
                try await until("the change runs") { changing.count(of: "changes") == 1 }
                try await fleet.replies.read("the jobs are routed") { _ in try fleet.replies.accepted("other") != nil }

                try await self.order(.cancel(.init(job: "job")), to: fleet)
                let waiting = try await fleet.replies.result(of: "job")
                #expect(waiting.outcome == .cancelled && waiting.error?.code == "cancelled")
                #expect(waiting.attempts == 0 && waiting.commands.isEmpty)
                #expect(try await fleet.replies.finished("job").outcomes == OutcomeCounts([.cancelled: 1]))
                #expect(try fleet.replies.results(of: "first").isEmpty)

                try await self.order(.cancel(.init(job: "first", devices: ["nobody", slow.name])), to: fleet)
                let running = try await fleet.replies.result(of: "first")
                #expect(running.outcome == .cancelled && running.attempts == 1)
                #expect(try await fleet.replies.result(of: "other").outcome == .succeeded)

                try await self.order(.cancel(.init(job: "change", devices: [free.name])), to: fleet)
                try await self.order(.cancel(.init(job: "change")), to: fleet)
                let change = try await fleet.replies.result(of: "change")
                #expect(change.outcome == .unknown && change.error?.code == "cancelled")
                #expect(!slow.commands.contains { $0.command == "show clock" })
                #expect(changing.count(of: "changes") == 1)
            }
        }

        @Test("a cancellation holds for a job that comes later, and for a worker that starts later")
        func cancelBefore() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await self.order(.cancel(.init(job: "job", devices: [fleet.device.name])), to: fleet)
                // Not to be obeyed by one that starts afterwards.
                try await self.order(.drain(worker: "worker"), to: fleet)
                try await fleet.write(Array("junk".utf8), to: fleet.topics.control)
                try await fleet.startWorkers("worker")
                try await fleet.submit("job", "show clock")
                let results = try await fleet.replies.results(of: "job", count: 2)
                #expect(results.first { $0.device == fleet.device.name }?.outcome == .cancelled)
                #expect(results.first { $0.device != fleet.device.name }?.outcome == .succeeded)
                #expect(fleet.device.counters.logins == 0)
            }
        }

        @Test("`tether cancel`, `close` and `drain` do what they say")
        func commandLine() async throws {
            try await Fleet.with { fleet in
                let workers = try await fleet.startProcesses("worker")
                let kafka = ["--kafka", fleet.cluster.bootstrapServers, "--topic-prefix", fleet.topics.prefix]
                func tether(_ arguments: String...) async throws -> Int32 {
                    try await ChildProcess.run(
                        SiblingProgram.url("tether").path, [arguments[0]] + kafka + arguments.dropFirst(),
                        on: fleet.cluster.leash
                    ).status
                }
                try await fleet.submit("job", "lab sleep 600000", effect: .read)
                try await until("the command runs") { fleet.device.counters.logins == 1 }
                try await fleet.replies.read("the job is routed") { _ in try fleet.replies.accepted("job") != nil }
                #expect(try await tether("cancel", "job", fleet.device.name) == 0)
                #expect(try await fleet.replies.result(of: "job").outcome == .cancelled)

                try await fleet.submit("again", "show clock")
                #expect(try await fleet.replies.result(of: "again").outcome == .succeeded)
                #expect(fleet.farm.counters.openSessions == 1)
                #expect(try await tether("close", fleet.device.name) == 0)
                try await until("the session is closed") { fleet.farm.counters.openSessions == 0 }

                #expect(try await tether("drain", "another") == 0)
                #expect(try await tether("drain", "worker") == 0)
                #expect(try await workers[0].process.end() == 0)
                #expect(try await tether("cancel", "") == 64)
            }
        }

        @Test("interactive tasks come before the bulk ones that wait, in order among themselves")
        func priority() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("running", "lab count running 600000", effect: .change, key: "k")
                try await until("the device is busy") { fleet.device.count(of: "running") == 1 }
                for (name, priority) in [
                    ("b1", Priority.bulk), ("b2", .bulk), ("i1", .interactive), ("b3", .bulk), ("i2", .interactive),
                ] {
                    try await fleet.submit(
                        Job(
                            id: name, targets: [fleet.device.name], operation: .run([Command("show \(name)")]),
                            effect: .read, priority: priority), key: "k")
                }
                try await fleet.replies.read("all are routed") { _ in try fleet.replies.accepted("i2") != nil }
                try await until("all wait in the lane") { fleet.workers[0].status.execution?.takenTasks == 6 }
                try await self.order(.cancel(.init(job: "running")), to: fleet)
                for name in ["b1", "b2", "b3", "i1", "i2"] { _ = try await fleet.replies.result(of: name) }
                let order = fleet.device.commands.map(\.command).filter { $0.hasPrefix("show ") }
                #expect(order.filter { $0.count == 7 } == ["i1", "i2", "b1", "b2", "b3"].map { "show \($0)" })
            }
        }
    }
}
