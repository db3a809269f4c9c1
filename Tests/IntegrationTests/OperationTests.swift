import Foundation
import Jobs
import Lab
import Testing

extension Integration {
    @Suite("Operations on the lab's devices")
    struct Operations {
        @Test("commands are answered as the job says, fail as it says, and end the session as it says")
        func interactive() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                let name = fleet.device.name
                let copy = Command(
                    "copy running-config startup-config", mode: "privileged_exec",
                    answers: [Answer(.text(""), to: #"Destination filename.*\?"#)])
                let copied = try await fleet.perform(.run([copy]), on: name)
                #expect(copied.outcome == .succeeded, "\(copied)")

                let unanswered = try await fleet.perform(.run([Command(copy.text)]), on: name)
                #expect(unanswered.outcome == .unknown)
                #expect(unanswered.error?.code == "dialogue.question")
                #expect(unanswered.error?.question == "Destination filename [startup-config]?")

                let failed = try await fleet.perform(
                    .run([Command("show clock", failurePatterns: ["UTC"]), Command("show version")]), on: name)
                #expect(failed.outcome == .failed && failed.error?.code == "command.rejected")
                #expect(failed.commands.count == 1)

                let confirm = Answer(.text("\r"), to: #"\[confirm\]"#, pressesReturn: false)
                let reload = Command("reload", answers: [confirm], endsSession: true)
                let reloaded = try await fleet.perform(.run([reload]), on: name)
                #expect(
                    reloaded.outcome == .succeeded && reloaded.commands.map(\.endedSession) == [true], "\(reloaded)")
                let after = try await fleet.perform(.run([Command("show clock")]), on: name)
                #expect(after.outcome == .succeeded && after.session?.reused == false)

                let more = try await fleet.perform(
                    .run([reload, Command("show clock")]), on: name, effect: .idempotent)
                #expect(more.outcome == .failed && more.error?.code == "session.closed" && more.attempts == 1)
                #expect(fleet.device.commands.count { $0.command == "reload" } == 2)

                let unknownMode = try await fleet.perform(.run([Command("show clock", mode: "moon")]), on: name)
                #expect(unknownMode.error?.code == "command.invalid" && unknownMode.commands.first?.output == [])
            }
        }

        @Test("a sequence runs what the inventory has for the platform")
        func sequence() async throws {
            let sections = "sequences: {health: {cisco_ios: [show version, show clock]}, other: {linux: [id]}}"
            try await Fleet.with(sections: sections) { fleet in
                try await fleet.startWorkers("worker")
                let result = try await fleet.perform(.sequence(.init("health")), on: fleet.device.name)
                #expect(
                    result.outcome == .succeeded && result.commands.map(\.command) == ["show version", "show clock"])
                for missing in ["other", "none"] {
                    let refused = try await fleet.perform(.sequence(.init(missing)), on: fleet.device.name)
                    #expect(refused.outcome == .rejected && refused.error?.code == "operation.unsupported")
                }
            }
        }

        @Test("a configuration is changed, refused with its line, tried, committed for a time and confirmed")
        func configure() async throws {
            try await Fleet.with(.juniperJunos) { fleet in
                try await fleet.startWorkers("worker")
                let name = fleet.device.name
                func configure(_ change: Jobs.Operation.Configure) async throws -> (DeviceResult, ConfigureDetail) {
                    let result = try await fleet.perform(.configure(change), on: name)
                    guard case .configure(let detail) = result.detail else { throw Unexpected("\(result)") }
                    return (result, detail)
                }
                let line = "set interfaces lo0 description moon"
                let (tried, dry) = try await configure(.init(.list([line]), commit: .dryRun))
                #expect(tried.outcome == .succeeded && dry.state == .discarded && dry.diff?.contains("moon") == true)

                let (refused, refusal) = try await configure(.init(.text("\(line)\nsett interfaces\n\(line)2\n")))
                #expect(refused.outcome == .failed && refused.error?.code == "command.rejected")
                #expect(refusal.state == .discarded && refusal.lines == 1)
                #expect(refusal.failedLine == .init(index: 1, line: "sett interfaces"))
                #expect(refused.commands.map(\.outcome) == [.succeeded, .failed])

                let (applied, done) = try await configure(.init(.list([line])))
                #expect(applied.outcome == .succeeded && done.state == .applied && done.lines == 1)
                #expect(fleet.device.runningConfiguration.contains { $0.contains("moon") })

                let (pending, unconfirmed) = try await configure(
                    .init(.list(["set interfaces lo0 mtu 1400"]), commit: .within(.seconds(60), confirms: false)))
                #expect(pending.outcome == .succeeded && unconfirmed.state == .unconfirmed)
                let (confirmed, permanent) = try await configure(.init(.none, commit: .confirm))
                #expect(confirmed.outcome == .succeeded && permanent.state == .applied)
                #expect(
                    fleet.device.commands.map(\.command).filter { $0.hasPrefix("commit") }
                        == ["commit", "commit confirmed 1", "commit"])
                #expect(fleet.device.counters.logins == 1)
            }
        }

        @Test("a change of configuration that loses its connection in the middle is unknown, and never typed again")
        func configureCut() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                fleet.device.setResponseDelay(.milliseconds(300))
                let lines = ["interface Loopback7"] + (1...100).map { "description \($0)" }
                try await fleet.submit(
                    Job(id: "cut", targets: [fleet.device.name], operation: .configure(.init(.list(lines)))))
                try await until("a line runs") {
                    fleet.device.commands.contains { $0.command.contains("description 3") }
                }
                fleet.device.dropConnections()
                let result = try await fleet.replies.result(of: "cut")
                #expect(result.outcome == .unknown && result.error?.code == "session.lost", "\(result)")
                guard case .configure(let detail) = result.detail else { throw Unexpected("\(result)") }
                #expect(detail.state == .unknown && detail.lines >= 3 && detail.failedLine?.index == detail.lines)
                #expect(fleet.device.commands.count { $0.command.contains("Loopback7") } == 1)
            }
        }

        @Test("backup, diff, check, probe and close")
        func reading() async throws {
            try await Fleet.with { fleet in
                let root = fleet.folder.appendingPathComponent("artifacts")
                try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
                try await fleet.startWorkers("worker") { $0.artifacts = root.path }
                let name = fleet.device.name
                let inline = try await fleet.perform(.backup(.init()), on: name)
                guard case .backup(let whole) = inline.detail, let output = inline.commands.first?.output else {
                    throw Unexpected("\(inline)")
                }
                #expect(whole.size == Int64(output.count) && whole.file == nil)

                let saved = try await fleet.perform(
                    .backup(.init(to: .file("b/{job}/{device}.cfg"))), on: name, id: "b1")
                guard case .backup(let backup) = saved.detail else { throw Unexpected("\(saved)") }
                #expect(backup.file == "b/b1/\(name).cfg" && backup.sha256 == whole.sha256)
                #expect(saved.commands.map(\.output) == [nil])
                #expect(try Data(contentsOf: root.appendingPathComponent("b/b1/\(name).cfg")) == Data(output))

                let same = try await fleet.perform(.diff(.init(against: .file("b/b1/\(name).cfg"))), on: name)
                guard case .diff(let equal) = same.detail else { throw Unexpected("\(same)") }
                #expect(same.outcome == .succeeded && equal.removed == 0 && equal.added == 0 && equal.unified.isEmpty)
                let other = try await fleet.perform(
                    .diff(.init(against: .text("nothing\n"), of: Command("show version"))), on: name)
                guard case .diff(let changed) = other.detail else { throw Unexpected("\(other)") }
                #expect(changed.removed == 1 && changed.added > 0 && changed.unified.contains("-nothing"))

                let check: [Assertion] = [
                    Assertion(Command("show clock"), .contains("UTC"), name: "zone"),
                    Assertion(Command("show clock"), .doesNotMatch("^\\*"), name: "synchronised"),
                ]
                let checked = try await fleet.perform(.check(check), on: name)
                guard case .check(let findings) = checked.detail else { throw Unexpected("\(checked)") }
                #expect(checked.outcome == .failed && checked.error?.code == "check.failed")
                #expect(checked.error?.message.contains("synchronised") == true)
                #expect(findings.findings.map { $0.failure == nil } == [true, false])
                #expect(checked.commands.count == 1)

                #expect(try await fleet.perform(.probe, on: name).session?.reused == true)
                let closed = try await fleet.perform(.close, on: name)
                #expect(closed.outcome == .succeeded && closed.session == nil)
                #expect(try await fleet.perform(.probe, on: name).session?.reused == false)
            }
        }

        @Test("steps run in order on one session, stop at the first failure, and keep what came before")
        func steps() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                let steps: [Jobs.Operation] = [
                    .run([Command("show clock")]), .configure(.init(.list(["hostname moon"]))),
                    .check([Assertion(Command("show running-config"), .contains("nowhere"))]), .backup(.init()),
                ]
                let result = try await fleet.perform(.steps(steps), on: fleet.device.name)
                #expect(result.outcome == .failed && result.error?.code == "check.failed")
                guard case .steps(let outcomes) = result.detail else { throw Unexpected("\(result)") }
                #expect(outcomes.map(\.type) == ["run", "configure", "check"])
                #expect(outcomes.map(\.outcome) == [.succeeded, .succeeded, .failed])
                #expect(outcomes.map(\.firstCommand) == [0, 1, 2] && outcomes.map(\.commandCount) == [1, 1, 1])
                #expect(result.commands.map(\.command) == ["show clock", "hostname moon", "show running-config"])
                #expect(fleet.device.counters.logins == 1)
            }
        }

        @Test(
            "a worker that dies in a job's steps: before the first change they run again, after it nobody repeats them")
        func killed() async throws {
            try await Fleet.with { fleet in
                // So short that a successor under the same name is not kept waiting.
                let arguments = ["--session-timeout", "6s"]
                var worker = try await fleet.startProcesses("worker", arguments: arguments)[0]
                fleet.device.setResponseDelay(.milliseconds(300))
                let lines = ["interface Loopback7"] + (1...30).map { "description \($0)" }
                let reads = (1...20).map { _ in Command("show clock") }
                let steps: [Jobs.Operation] = [.run(reads), .configure(.init(.list(lines)))]
                for (job, last) in [("reading", "show clock"), ("changing", "description 3")] {
                    let before = fleet.device.commands.count
                    try await fleet.submit(Job(id: job, targets: [fleet.device.name], operation: .steps(steps)))
                    try await until("\(job) is under way") {
                        fleet.device.commands.dropFirst(before).contains { $0.command.contains(last) }
                    }
                    worker.send(signal: SIGKILL)
                    _ = try await worker.process.end()
                    if job == "reading" { fleet.device.setResponseDelay(.zero) }
                    try await fleet.startAgain("worker", arguments: arguments)
                    let result = try await fleet.replies.result(of: job)
                    let changes = fleet.device.commands.dropFirst(before).count { $0.command.contains("description 2") }
                    if job == "reading" {
                        #expect(result.outcome == .succeeded, "\(result)")
                        #expect(changes == 11, "description 2 and 20 to 29, once each")
                    } else {
                        #expect(result.outcome == .unknown && result.error?.code == "worker.crashed", "\(result)")
                        #expect(changes == 1)
                    }
                    worker = try #require(fleet.runningProcesses.first)
                    fleet.device.setResponseDelay(.milliseconds(300))
                }
            }
        }

        @Test(
            "what a worker refuses, it refuses before it logs in",
            arguments: [
                (.upload(.init(.file("a", sha256: nil), remotePath: "a")), false, "artifacts.disabled"),
                (.backup(.init(to: .file("a"))), false, "artifacts.disabled"),
                (.download(.init("a", to: .file("a"))), false, "artifacts.disabled"),
                (.diff(.init(against: .file("a"))), false, "artifacts.disabled"),
                (.steps([.probe, .backup(.init(to: .file("a")))]), false, "artifacts.disabled"),
                (.upload(.init(.file("../inventory.yaml", sha256: nil), remotePath: "a")), true, "artifacts.refused"),
                (.upload(.init(.file("link", sha256: nil), remotePath: "a")), true, "artifacts.refused"),
                (.backup(.init(to: .file("/tmp/{device}"))), true, "artifacts.refused"),
                (.download(.init("a", to: .file("{job}/../../a"))), true, "artifacts.refused"),
                (.diff(.init(against: .file("link"))), true, "artifacts.refused"),
            ] as [(Jobs.Operation, Bool, String)])
        func refusals(operation: Jobs.Operation, hasArtifacts: Bool, code: String) async throws {
            try await Fleet.with { fleet in
                let root = fleet.folder.appendingPathComponent("artifacts")
                try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(
                    atPath: root.appendingPathComponent("link").path, withDestinationPath: "../inventory.yaml")
                try await fleet.startWorkers("worker") { $0.artifacts = hasArtifacts ? root.path : nil }
                let result = try await fleet.perform(operation, on: fleet.device.name)
                #expect(result.outcome == .rejected && result.error?.code == code, "\(result)")
                #expect(result.attempts == 0 && fleet.device.counters.logins == 0)
            }
        }
    }
}
