import Foundation
import Jobs
import Kafka
import Testing
import Worker

extension Integration {
    @Suite("The policy")
    struct PolicyRules {
        @Test("jobs from two topics do what each topic's policy allows, and nothing else reaches a device")
        func topics() async throws {
            try await Fleet.with(devices: 2) { fleet in
                let oncall = try await fleet.createTopic("\(fleet.topics.prefix)-oncall")
                let policy = try Policy(
                    yaml: """
                        topics:
                          \(fleet.topics.jobs):
                            limits: {output: 2KiB}
                            rules:
                              - {deny: no restarts, commands: [reload, write erase]}
                              - {allow: first, targets: [dev-0001]}
                          \(oncall.topic):
                            rules:
                              - {allow: shows, operations: [run], commands: [show]}
                        """)
                let source = PolicySource(policy)
                try await fleet.startWorkers("worker") { $0.policy = source }

                try await fleet.submit("hidden", to: ["dev-0001"], "show clock", "  rel in 5")
                try await fleet.replies.read("the rejection") { _ in try !fleet.replies.replies.isEmpty }
                guard case .rejected(let rejected)? = try fleet.replies.replies.first?.reply else {
                    throw Unexpected("no rejection")
                }
                #expect(rejected.error.code == "policy.denied")
                #expect(
                    rejected.error.message.contains("no restarts") && rejected.error.message.contains("commands[1]"))
                try await fleet.deadLetters.read("the dead letter") { !$0.isEmpty }

                // One device is allowed, the other isn't.
                try await fleet.submit("some", "show clock")
                let some = try await fleet.replies.results(of: "some", count: 2)
                #expect(Set(some.filter { $0.outcome == .succeeded }.map(\.device)) == ["dev-0001"])
                #expect(some.first { $0.device == "dev-0002" }?.error?.code == "policy.denied")

                // What is allowed may still print too much.
                try await fleet.submit("long", to: ["dev-0001"], "lab output 20000")
                let long = try await fleet.replies.result(of: "long")
                #expect(long.outcome == .failed && long.error?.code == "output.too_large", "\(long)")
                #expect(long.commands.first?.output == nil)

                var value: [UInt8] = []
                Job(id: "oncall", targets: ["dev-0002"], operation: .run([Command("show clock")])).encode(into: &value)
                try await fleet.write(value, to: oncall.topic)
                #expect(try await fleet.replies.result(of: "oncall").outcome == .succeeded)

                // A task that no router wrote, and one whose topic the policy has forgotten since.
                for (id, origin) in [("forged", nil), ("stale", "former")] {
                    try await fleet.writeTask(
                        "show clock", effect: .read, job: id, source: origin, device: "dev-0001",
                        partition: fleet.home(of: "dev-0001"))
                    let result = try await fleet.replies.result(of: id)
                    #expect(result.outcome == .rejected && result.error?.code == "policy.denied")
                }
                // From one moment to the next, another policy.
                source.replace(
                    try Policy(yaml: "topics: {\(fleet.topics.jobs): {rules: [{allow: second, targets: [dev-0002]}]}}"))
                try await fleet.submit("later", "show clock")
                let later = try await fleet.replies.results(of: "later", count: 2)
                #expect(Set(later.filter { $0.outcome == .succeeded }.map(\.device)) == ["dev-0002"])
                for device in fleet.devices {
                    #expect(!device.commands.contains { $0.command.hasPrefix("rel") || $0.command.hasPrefix("write") })
                }
                await oncall.close()
            }
        }

        @Test(
            "a worker process reads its policy again on SIGHUP, keeps the old one for a broken one, and doesn't start with one"
        )
        func reload() async throws {
            try await Fleet.with { fleet in
                let file = fleet.folder.appendingPathComponent("policy.yaml")
                func write(_ rule: String) throws {
                    try "topics: {\(fleet.topics.jobs): {rules: [{\(rule)}]}}\n".write(
                        to: file, atomically: true, encoding: .utf8)
                }
                func outcome(_ id: String) async throws -> String {
                    try await fleet.submit(id, "show clock")
                    try await fleet.replies.read("an answer to \(id)") { _ in
                        try fleet.replies.replies.contains {
                            $0.reply.job == id && ["result", "rejected"].contains($0.reply.type)
                        }
                    }
                    return try fleet.replies.results(of: id).first?.outcome.rawValue ?? "rejected"
                }
                try write("allow: shows, commands: [show]")
                let worker = try await fleet.startProcesses("worker", arguments: ["--policy", file.path])[0]
                #expect(try await outcome("first") == "succeeded")

                try write("allow: pings, commands: [ping]")
                worker.send(signal: SIGHUP)
                try await until("it is read") { worker.journal.contains("read again") }
                #expect(try await outcome("second") == "rejected")

                try write("alow: shows")
                worker.send(signal: SIGHUP)
                try await until("it is refused", state: { worker.journal }) {
                    worker.journal.contains("can't be read again")
                }
                #expect(worker.journal.contains("policy.yaml:1"))
                #expect(try await outcome("third") == "rejected")

                let refused = try WorkerProcess(
                    ["--kafka", fleet.cluster.bootstrapServers, "--inventory", fleet.inventory, "--policy", file.path],
                    on: fleet.cluster.leash)
                #expect(try await refused.process.end() != 0)
                #expect(refused.journal.contains("policy.yaml:1"), "\(refused.journal)")
            }
        }
    }
}
