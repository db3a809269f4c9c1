import Foundation
import Lab
import TestSupport
import Testing

@Suite("tether validate", .timeLimit(.minutes(1)))
struct ValidateTests {
    private static let inventory = """
        defaults: {user: x, password: x}
        devices:
          router1: {host: 192.0.2.1, device_type: cisco_iosxe, tags: [edge]}
          router2: {host: 192.0.2.2, device_type: juniper_junos, tags: [edge]}
        groups:
          core: {members: [router1]}
        sequences:
          health: {cisco_iosxe: [show version]}
        """

    private struct Run {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Runs the command with these files, in their folder.
    private func validate(_ files: [String: String], _ arguments: String...) async throws -> Run {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tether-validate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files.merging(["inventory.yaml": Self.inventory], uniquingKeysWith: { first, _ in first }) {
            try Data(text.utf8).write(to: folder.appendingPathComponent(name))
        }
        let (out, errors) = (folder.appendingPathComponent("out").path, folder.appendingPathComponent("errors").path)
        let process = try TerminalProcess(
            "/bin/sh",
            ["-c", "cd \"$0\" && exec \"$@\"", folder.path, SiblingProgram.url("tether").path, "validate"] + arguments,
            environment: ["PATH": "/usr/bin:/bin"], outputTo: out, errorsTo: errors)
        let status = try await process.end()
        return Run(
            status: status, output: try String(contentsOfFile: out, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }

    @Test("jobs that keep the contract are valid, and the others are told with file, line and field")
    func contract() async throws {
        let good = "targets: [router1]\noperation: {type: run, commands: [show version]}\n"
        let bad = "{\n \"targets\": [],\n \"operation\": {\"type\": \"probe\"}\n}\n"
        let run = try await self.validate(["good.yaml": good, "bad.json": bad], "good.yaml", "bad.json", "none.json")
        #expect(run.status == 1)
        #expect(run.output == "good.yaml: valid: run 1 command\n")
        #expect(run.errors.contains("bad.json:2: targets: "), "\(run.errors)")
        #expect(run.errors.contains("none.json: can't be read: No such file or directory"), "\(run.errors)")
        let fine = try await self.validate(["good.yaml": good], "good.yaml")
        #expect(fine.status == 0)
        let warned = try await self.validate(["odd.yaml": good + "efect: read\n"], "odd.yaml")
        #expect(warned.status == 0)
        #expect(warned.errors == "odd.yaml:3: warning: efect: workers ignore this field (did you mean effect?)\n")
    }

    @Test("with a policy: what workers would refuse, on which devices, and why")
    func policy() async throws {
        let policy = """
            topics:
              tether.jobs:
                limits: {devices: 1}
                rules:
                  - allow: readers
                    operations: [run]
                    commands: ["show *"]
                  - deny: no restarts
                    commands: [reload]
            """
        let job = "targets: [router1]\noperation: {type: run, commands: [show version]}\n"
        func check(_ text: String) async throws -> Run {
            try await self.validate(
                ["job.yaml": text, "policy.yaml": policy], "job.yaml", "--inventory", "inventory.yaml", "--policy",
                "policy.yaml")
        }
        let good = try await check(job)
        #expect(good.status == 0, "\(good.errors)")
        let denied = try await check(job.replacing("show version", with: "relo in 5"))
        #expect(denied.status == 1)
        #expect(denied.errors.contains("no restarts") && denied.errors.contains("(router1)"), "\(denied.errors)")
        let many = try await check(job.replacing("router1", with: "all"))
        #expect(many.status == 1 && many.errors.contains("limits.devices"), "\(many.errors)")
        let other = try await self.validate(
            ["job.yaml": job, "policy.yaml": policy], "job.yaml", "--inventory", "inventory.yaml", "--policy",
            "policy.yaml", "--topic", "x.jobs")
        #expect(other.status == 65 && other.errors.contains("tether.jobs"), "\(other.errors)")
    }

    @Test("with an inventory: how many devices, which names stand for nothing, and what is a change on which platform")
    func inventory() async throws {
        let job =
            "targets:\n  - tag:edge\n  - router9\n  - group:cor\n  - admin@192.0.2.9\noperation: {type: run, commands: [show version]}\n"
        let bad = try await self.validate(["job.yaml": job], "job.yaml", "--inventory", "inventory.yaml")
        #expect(bad.status == 1)
        #expect(
            bad.errors == """
                job.yaml:3: targets[1]: nothing in the inventory has the name router9 (did you mean router1?)
                job.yaml:4: targets[2]: nothing in the inventory has the name group:cor (did you mean group:core?)
                job.yaml:5: targets[3]: admin@192.0.2.9 is no device of the inventory; workers take addresses only with --allow-ad-hoc-targets

                """)
        let change = "targets: [all]\noperation: {type: run, commands: [show version, reload, show clock]}\n"
        let good = try await self.validate(["job.yaml": change], "job.yaml", "--inventory", "inventory.yaml")
        #expect(good.status == 0, "\(good.errors)")
        #expect(
            good.output == """
                job.yaml: valid: run 3 commands, 2 devices
                PLATFORM       DEVICES  EFFECT  BECAUSE OF
                cisco_iosxe          1  change  reload
                juniper_junos        1  change  reload

                """, "\(good.output)")
        let sequence = "targets: [all]\noperation:\n  type: sequence\n  name: health\n"
        let missing = try await self.validate(["job.yaml": sequence], "job.yaml", "--inventory", "inventory.yaml")
        #expect(missing.status == 1)
        #expect(
            missing.errors
                == "job.yaml:4: operation.name: the inventory has no sequence health for the platform juniper_junos (1 device)\n"
        )
        let broken = try await self.validate(
            ["job.yaml": change, "broken.yaml": "devices: 7\n"], "job.yaml", "--inventory", "broken.yaml")
        #expect(broken.status == 65)
        #expect(broken.errors.contains("broken.yaml:1:1: devices: "), "\(broken.errors)")
    }

    @Test("--json has an object for each file")
    func json() async throws {
        struct Report: Decodable {
            struct Problem: Decodable {
                var severity: String
                var line: Int?
                var code: String?
                var message: String
            }
            struct Platform: Decodable {
                var platform: String
                var devices: Int
                var effect: String
                var changes: [String]
            }
            var file: String
            var valid: Bool
            var problems: [Problem]
            var devices: Int?
            var unknown: [String]?
            var platforms: [Platform]?
        }
        let files = [
            "a.yaml": "targets: [router1, nowhere]\noperation: {type: run, commands: [reload]}\n", "b.json": "{",
        ]
        let run = try await self.validate(files, "a.yaml", "b.json", "--json", "--inventory", "inventory.yaml")
        #expect(run.status == 1)
        #expect(run.errors.isEmpty || !run.errors.contains("nowhere"))
        let reports = try run.output.split(separator: "\n").map {
            try JSONDecoder().decode(Report.self, from: Data($0.utf8))
        }
        #expect(reports.map(\.file) == ["a.yaml", "b.json"])
        #expect(reports.map(\.valid) == [false, false])
        #expect(reports[0].problems[0].code == "target.unknown" && reports[0].problems[0].line == 1)
        #expect(reports[0].devices == 1 && reports[0].unknown == ["nowhere"])
        #expect(reports[0].platforms?[0].effect == "change" && reports[0].platforms?[0].changes == ["reload"])
        #expect(reports[1].problems[0].code == "job.undecodable")
    }
}
