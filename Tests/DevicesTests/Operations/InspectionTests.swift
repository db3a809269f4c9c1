import Foundation
import Lab
import Testing

@testable import Devices

@Suite("Looking at devices: backup, comparison, checks")
struct InspectionTests {
    @Test(
        "a backup is what the device prints, in a file that only its owner may read",
        arguments: [Personality.ciscoIOSXE, .aristaEOS, .juniperJunos, .mikrotikRouterOS])
    func backup(_ personality: Personality) async throws {
        let lab = try TestLab([personality])
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("deep/\(lab.name).cfg").path
        try await lab.withClient { client async throws in
            let backup = try await client.backup(lab.name, to: file)
            let part = try #require(backup.parts.first)
            #expect(try await client.run(lab.name, part.command).output == part.output)
            #expect(!backup.text.isEmpty && backup.file == file && backup.platform == personality.rawValue)
            #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == Data(backup.text.utf8))
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/deep").count == 1)

            let same = try await client.diff(lab.name, against: .file(file))
            #expect(!same.hasChanged && same.unified.isEmpty)
            let unwritable = try await deviceError { try await client.backup(lab.name, to: "/proc/nowhere/x") }
            #expect(unwritable.code == "backup.unwritable")
        }
    }

    @Test("a comparison shows what was changed, and not what changes by itself")
    func diff() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let before = try await client.backup(lab.name)
            _ = try await client.configure(
                lab.name, ConfigurationChange(["interface Loopback7", "description to the moon"]))
            let diff = try await client.diff(lab.name, against: .backup(before))
            #expect(diff.added == 2 && diff.removed == 0, "\(diff.unified)")
            #expect(diff.unified.contains("+interface Loopback7\n+ description to the moon\n"))
            // The size in "Current configuration : 123 bytes" has changed, too.
            #expect(!diff.unified.contains("bytes"))
            let ignoring = try await client.diff(
                lab.name, against: .backup(before), ignoring: ["^interface Loopback7$", "to the moon"])
            #expect(!ignoring.hasChanged)
            let command = try await client.diff(lab.name, against: .text("something else"), of: "show version")
            #expect(command.hasChanged && command.unified.contains("-something else"))
            let missing = try await deviceError { try await client.diff(lab.name, against: .file("/nowhere")) }
            #expect(missing.code == "diff.baseline")
            let rejected = try await deviceError {
                try await client.diff(lab.name, against: .text(""), of: "shwo version")
            }
            #expect(rejected.code == "command.rejected")
        }
    }

    @Test("each assertion holds or says why not, and each command is asked once")
    func check() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let result = try await client.check(
                lab.name,
                [
                    OutputAssertion("show version", .contains("IOS XE")),
                    OutputAssertion("show version", .doesNotContain("IOS XE")),
                    OutputAssertion("show version", .matches("^cisco ios xe software, version 17\\.")),
                    OutputAssertion("show version", .doesNotMatch("version 17")),
                    OutputAssertion("show version", .matches("version 18")),
                    OutputAssertion("show privilege", .equals("Current privilege level is 15\n")),
                    OutputAssertion("show privilege", .equals("Current privilege level is 1")),
                    OutputAssertion("shwo version", .doesNotContain("anything"), name: "misspelt"),
                ])
            #expect(result.findings.map(\.passed) == [true, false, true, false, false, true, false, false])
            #expect(!result.passed && result.failures.count == 5 && result.results.count == 3)
            #expect(result.findings[6].failure?.contains("+Current privilege level is 15") == true)
            #expect(lab.device.commands.count { $0.command == "show version" } == 1)
            let error = try await deviceError {
                try await client.check(lab.name, [OutputAssertion("show version", .matches("("))])
            }
            #expect(error.code == "command.invalid")
        }
    }

    // MARK: Text

    @Test("a difference is shown in the unified format")
    func unified() {
        let old = (1...20).map { "line \($0)\n" }.joined()
        let new = old.replacing("line 5\n", with: "line five\n").replacing("line 15\n", with: "").appending("last\n")
        #expect(
            TextDifference(from: old, to: new).unified(from: "a", to: "b", context: 1) == """
                --- a
                +++ b
                @@ -4,3 +4,3 @@
                 line 4
                -line 5
                +line five
                 line 6
                @@ -14,3 +14,2 @@
                 line 14
                -line 15
                 line 16
                @@ -20 +19,2 @@
                 line 20
                +last

                """)
        #expect(TextDifference(from: "", to: "a\n").unified(from: "x", to: "y") == "--- x\n+++ y\n@@ -0,0 +1 @@\n+a\n")
        #expect(TextDifference(from: "a\n", to: "a\n").unified(from: "x", to: "y") == "")
    }

    @Test("whatever the texts, both can be put together again from their difference")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix(seed: seed)
        for _ in 0..<300 {
            let vocabulary = Int.random(in: 1...12, using: &generator)
            let text = { (generator: inout SplitMix) in
                (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                    "w\(Int.random(in: 0..<vocabulary, using: &generator))\n"
                }.joined()
            }
            let (old, new) = (text(&generator), text(&generator))
            let difference = TextDifference(from: old, to: new)
            let body = difference.unified(from: "a", to: "b", context: 1_000).split(separator: "\n").dropFirst(3)
            guard !difference.isEmpty else {
                #expect(old == new, "seed \(seed)")
                continue
            }
            let side = { (mark: Character) in
                body.filter { $0.first == " " || $0.first == mark }.map { $0.dropFirst() + "\n" }.joined()
            }
            #expect(side("-") == old && side("+") == new, "seed \(seed)")
        }
    }

    @Test("two large texts with nothing in common are told apart in no time")
    func large() {
        let old = (0..<20_000).map { "a \($0 % 7)\n" }.joined()
        let new = (0..<20_000).map { "b \($0 % 7)\n" }.joined()
        let difference = TextDifference(from: old, to: new)
        #expect(difference.removed == 20_000 && difference.inserted == 20_000)
    }
}
