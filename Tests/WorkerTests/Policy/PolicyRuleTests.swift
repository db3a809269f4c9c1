import Devices
import Jobs
import Kafka
import Testing

@testable import Worker

/// Rules about devices, credentials, topics, addresses and bounds, as the router applies them.
@Suite struct PolicyRuleTests {
    private static let inventory = """
        devices:
          r1: {host: 192.0.2.1, device_type: cisco_iosxe, tags: [edge, berlin]}
          r2: {host: 192.0.2.2, device_type: cisco_iosxe, tags: [edge]}
          access-1: {host: 10.0.0.1, device_type: arista_eos}
        groups:
          core: {members: [r2]}
        """

    private func planner(_ policy: String) throws -> JobPlanner {
        let policy = try Policy(yaml: policy)
        return JobPlanner(
            configuration: WorkerConfiguration(
                kafka: KafkaConfiguration(bootstrapServers: "unused:9092"), name: "w", allowsAdHocTargets: true,
                policy: PolicySource(policy)),
            inventory: try Inventory(yaml: Self.inventory),
            taskPartitions: 8,
            isReadOnly: { command, _ in command.hasPrefix("show") },
            policy: policy,
            platform: { name in
                PolicyPlatform(
                    name: name,
                    syntax: CommandSyntax(
                        abbreviates: name != "linux", foldsCase: true, isShell: false, hasMenus: false),
                    isReadOnly: { $0.hasPrefix("show") })
            })
    }

    private func plan(
        _ policy: String, _ job: String, topic: String = "tether.jobs", replyPartitions: Int32? = 2
    ) throws -> [ProducerRecord] {
        let record = KafkaRecord(
            topicPartition: TopicPartition(topic, 0), offset: 1, timestamp: 1_000_000, key: nil, value: Array(job.utf8),
            headers: [])
        return try self.planner(policy).plan(record, now: 5) { _ in replyPartitions }.records
    }

    private func job(_ targets: [String], _ more: String = "", operation: String = #"{"type":"probe"}"#) -> String {
        let list = targets.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"id":"j","targets":[\#(list)],"operation":\#(operation)\#(more)}"#
    }

    /// Devices that get a task.
    private func tasks(_ records: [ProducerRecord]) throws -> [String] {
        try records.filter { $0.topic == "tether.tasks" }.map { try DeviceTask(decoding: #require($0.value)).device }
    }

    /// The error of the job's rejection, if it is rejected as a whole.
    private func rejection(_ records: [ProducerRecord]) throws -> ErrorDescription? {
        for record in records where !["tether.tasks", "tether.progress", "tether.dead-letters"].contains(record.topic) {
            if case .rejected(let rejected) = try Reply(decoding: #require(record.value)) { return rejected.error }
        }
        return nil
    }

    private func policy(_ topic: String = "", _ rule: String) -> String {
        """
        topics:
          tether.jobs:
            \(topic)
            rules:
              - {allow: it, \(rule)}
        """
    }

    @Test(
        "each kind of target names the devices that a rule is about, and no other",
        arguments: [
            ("r1", ["r1"]), ("r*", ["r1", "r2"]), ("all", ["r1", "r2", "access-1"]), ("\"group:core\"", ["r2"]),
            ("\"tag:edge\"", ["r1", "r2"]), ("\"tag:edge&berlin\"", ["r1"]),
            ("192.0.2.0/24", ["r1", "r2", "192.0.2.9:22"]), ("10.0.0.1", ["access-1"]),
            ("\"host:*.lab.example\"", ["a.lab.example:22"]), ("\"group:none\"", []),
            ("\"2001:db8::/32\"", ["[2001:db8::7]:22"]),
        ] as [(String, [String])])
    func targets(selector: String, devices: [String]) throws {
        let all = ["r1", "r2", "access-1", "192.0.2.9:22", "a.lab.example:22", "[2001:db8::7]:22"]
        let allowed = try self.plan(self.policy("", "targets: [\(selector)]"), self.job(all))
        #expect(try self.tasks(allowed) == devices)
        let denying = """
            topics:
              tether.jobs:
                rules:
                  - {deny: these, targets: [\(selector)]}
                  - {allow: others, targets: [all, 0.0.0.0/0, "::/0", "host:*"]}
            """
        let denied = try self.plan(denying, self.job(all))
        #expect(try self.tasks(denied) == all.filter { !devices.contains($0) })
    }

    @Test("where only some devices are denied, each of them has its result, and the others their tasks")
    func some() throws {
        let records = try self.plan(
            """
            topics:
              tether.jobs:
                rules:
                  - {deny: not the core, targets: ["group:core"], effect: read}
                  - {allow: edge, targets: ["tag:edge"]}
            """, self.job(["r1", "r2", "access-1", "nobody"]))
        #expect(try self.tasks(records) == ["r1"])
        var messages: [String: String] = [:]
        for record in records where record.topic == "tether.results" {
            guard case .result(let result) = try Reply(decoding: #require(record.value)) else { continue }
            #expect(result.outcome == .rejected)
            messages[result.device] = "\(result.error?.code ?? "") \(result.error?.message ?? "")"
        }
        #expect(messages.count == 3)
        #expect(messages["r2"]?.contains("policy.denied") == true && messages["r2"]?.contains("not the core") == true)
        #expect(
            messages["access-1"]?.contains("policy.denied") == true && messages["access-1"]?.contains("no rule") == true
        )
        #expect(messages["nobody"]?.contains("target.unknown") == true)
        guard case .accepted(let accepted) = try Reply(decoding: #require(records.first?.value)) else {
            Issue.record("no acceptance")
            return
        }
        #expect(accepted.tasks == 4 && accepted.devices == 1)
    }

    @Test("where every device is denied, the job is rejected, and kept as a dead letter")
    func all() throws {
        let records = try self.plan(self.policy("", "targets: [access-1]"), self.job(["r1", "r2"]))
        #expect(records.map(\.topic) == ["tether.dead-letters", "tether.results"])
        #expect(try self.rejection(records)?.code == "policy.denied")
    }

    @Test("addresses outside the inventory need a rule that speaks of them")
    func adHoc() throws {
        let records = try self.plan(
            self.policy("", "operations: [probe]"), self.job(["r1", "192.0.2.9", "admin@r9.example"]))
        #expect(try self.tasks(records) == ["r1"])
        // A device's address under another user is still that device.
        #expect(
            try self.tasks(self.plan(self.policy("", "targets: [r1]"), self.job(["root@192.0.2.1"]))) == ["r1"])
    }

    @Test(
        "credentials are the device's own, named ones, or none that is allowed",
        arguments: [
            ("none", "", true), ("none", "audit", false), ("audit", "audit", true), ("\"aud*\"", "audit", true),
            ("audit", "", false), ("sealed", "audit", false),
        ] as [(String, String, Bool)])
    func credentials(selector: String, credential: String, isAllowed: Bool) throws {
        let more = credential.isEmpty ? "" : #","credential":"\#(credential)""#
        let records = try self.plan(self.policy("", "credentials: [\(selector)]"), self.job(["r1"], more))
        #expect(try self.tasks(records) == (isAllowed ? ["r1"] : []))
    }

    @Test("replies go to the topics of the policy, and never to where workers take jobs from")
    func replyTopics() throws {
        let policy = """
            topics:
              tether.jobs:
                reply_topics: ["mine.*", oncall.jobs, tether.tasks]
                rules: [{allow: all}]
              oncall.jobs:
                rules: [{allow: all}]
            """
        for (topic, isAllowed) in [
            ("mine.a", true), ("tether.results", true), ("other.results", false), ("oncall.jobs", false),
            ("tether.tasks", false), ("tether.jobs", false),
        ] {
            let records = try self.plan(policy, self.job(["r1"], #","reply_to":"\#(topic)""#))
            #expect(try self.tasks(records) == (isAllowed ? ["r1"] : []), "\(topic)")
            #expect(isAllowed || records.map(\.topic) == ["tether.dead-letters"])
        }
        // Where the policy says nothing of them, the worker's own list holds.
        let other = try self.plan(policy, self.job(["r1"], #","reply_to":"other.results""#), topic: "oncall.jobs")
        #expect(try self.tasks(other) == ["r1"])
    }

    @Test("a job does what its own topic may do; one from a topic without rules nothing")
    func topics() throws {
        let policy = """
            topics:
              tether.jobs: {rules: [{allow: edge, targets: ["tag:edge"]}]}
              oncall.jobs: {rules: [{allow: access, targets: [access-1]}]}
            """
        let job = self.job(["r1", "access-1"])
        #expect(try self.tasks(self.plan(policy, job)) == ["r1"])
        let oncall = try self.plan(policy, job, topic: "oncall.jobs")
        #expect(try self.tasks(oncall) == ["access-1"])
        let task = try DeviceTask(decoding: #require(oncall.first { $0.topic == "tether.tasks" }?.value))
        #expect(task.source == "oncall.jobs")
        #expect(try self.rejection(self.plan(policy, job, topic: "former.jobs"))?.code == "policy.denied")
    }

    @Test("bounds: devices of a job, its effect and its deadline")
    func limits() throws {
        let devices = self.policy("limits: {devices: 2}", "targets: [all]")
        #expect(try self.tasks(self.plan(devices, self.job(["r1", "r2"]))) == ["r1", "r2"])
        #expect(try self.rejection(self.plan(devices, self.job(["all"])))?.message.contains("limits.devices") == true)

        let effect = self.policy("limits: {effect: read}", "targets: [all]")
        for (command, isAllowed) in [("show clock", true), ("reload", false)] {
            let run = #"{"type":"run","commands":["\#(command)"]}"#
            for more in ["", #","effect":"read""#, #","effect":"idempotent""#] {
                // What the job says of itself counts for nothing.
                let records = try self.plan(effect, self.job(["r1"], more, operation: run))
                #expect(try self.tasks(records) == (isAllowed ? ["r1"] : []))
            }
        }

        let deadline = self.policy("limits: {deadline: 30s}", "targets: [all]")
        for more in ["", #","deadline":"2h""#, #","deadline":"30s""#] {
            let records = try self.plan(deadline, self.job(["r1"], more))
            let task = try DeviceTask(decoding: #require(records.first { $0.topic == "tether.tasks" }?.value))
            #expect(task.deadline == 1_030_000)
        }
    }

    @Test("a job that gives a device another platform is judged by both")
    func platform() throws {
        let policy = """
            topics:
              tether.jobs:
                rules:
                  - {deny: no restarts, commands: [reload]}
                  - {allow: the rest}
            """
        let run = #"{"type":"run","commands":["relo"]}"#
        let records = try self.plan(policy, self.job(["r1"], #","platform":"linux""#, operation: run))
        #expect(try self.rejection(records)?.message.contains("no restarts") == true)
    }

    @Test(
        "addresses on the web: hosts, and public networks only unless others are allowed",
        arguments: [
            ("", "https://example.net/x", true), ("", "http://10.1.2.3/x", false),
            ("", "http://127.0.0.1:8080/x", false),
            ("", "http://169.254.169.254/latest", false), ("", "http://[::1]/x", false),
            ("", "http://[fe80::1]/x", false),
            ("", "http://[::ffff:10.0.0.1]/x", false), ("", "http://[64:ff9b::a00:1]/x", false),
            ("networks: [10.0.0.0/8]", "http://10.1.2.3/x", true),
            ("networks: [10.0.0.0/8]", "http://192.168.0.1/x", false),
            ("networks: [\"::1\"]", "http://[::1]/x", true),
            ("hosts: [\"*.example.net\"]", "https://a.example.net/x", true),
            ("hosts: [\"*.example.net\"]", "https://A.EXAMPLE.net./x", true),
            ("hosts: [\"*.example.net\"]", "https://example.org/x", false),
            ("hosts: [\"*.example.net\"]", "https://93.184.216.34/x", false),
        ] as [(String, String, Bool)])
    func urls(access: String, url: String, isAllowed: Bool) throws {
        let policy = self.policy("urls: {\(access)}", "targets: [all]")
        let hash = String(repeating: "0", count: 64)
        let upload = #"{"type":"upload","source":{"url":"\#(url)?hunter2","sha256":"\#(hash)"},"remote_path":"x"}"#
        let download = #"{"type":"download","remote_file":"x","destination":{"url":"\#(url)?hunter2"}}"#
        for operation in [upload, download, #"{"type":"steps","steps":[{"type":"probe"},\#(download)]}"#] {
            let records = try self.plan(policy, self.job(["r1"], operation: operation))
            #expect(try self.tasks(records) == (isAllowed ? ["r1"] : []), "\(operation)")
            #expect(try self.rejection(records)?.message.contains("hunter2") != true)
        }
    }

    @Test("the owner of a device asks the policy again: for a task of no topic, or of another one, the answer is no")
    func owner() throws {
        let policy = try Policy(yaml: self.policy("", "operations: [probe]"))
        func task(_ source: String?, _ operation: Jobs.Operation = .probe) -> DeviceTask {
            DeviceTask(
                id: "j/r1", job: "j", source: source, device: "r1", operation: operation, effect: .read, deadline: 0,
                submitted: 0, replyTo: "r")
        }
        let target = PolicyTarget(name: "r1", host: "192.0.2.1")
        let platforms = [PolicyPlatform("cisco_iosxe", nil)]
        #expect(policy.denial(of: task("tether.jobs"), on: platforms, target) == nil)
        #expect(policy.denial(of: task("tether.jobs", .close), on: platforms, target) != nil)
        #expect(policy.denial(of: task("other"), on: platforms, target) != nil)
        #expect(policy.denial(of: task(nil), on: platforms, target) != nil)
    }
}
