import Foundation
import Testing
import Worker

@testable import TetherCLI

/// The files under `deploy` that users begin with.
@Suite struct ExampleTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("deploy")

    private func example() throws -> String {
        try String(contentsOf: Self.folder.appendingPathComponent("tether.yaml"), encoding: .utf8)
    }

    @Test("the example can be used as it is")
    func asItIs() throws {
        let file = try SettingsFile(yaml: try self.example(), file: "tether.yaml")
        let settings = try Settings(file)
        #expect(try settings.value(Settings.kafkaServers).isEmpty == false)
        #expect(try settings.optional(Settings.inventory) != nil)
    }

    @Test("every setting is in the example, those in comments with their defaults where they have one")
    func complete() throws {
        // `# key: value` is a setting, `## …` a remark.
        let uncommented = try self.example().split(separator: "\n", omittingEmptySubsequences: false).compactMap {
            line -> String? in
            let indentation = line.prefix { $0 == " " }
            let rest = line.dropFirst(indentation.count)
            if rest.hasPrefix("##") { return nil }
            return rest.hasPrefix("# ") ? String(indentation) + String(rest.dropFirst(2)) : String(line)
        }.joined(separator: "\n")
        let plain = try SettingsFile(yaml: try self.example(), file: "tether.yaml")
        let file = try SettingsFile(
            yaml: uncommented, file: "/etc/tether/tether.yaml",
            environment: ["KAFKA_PASSWORD": "p", "KAFKA_KEY_PASSWORD": "p"])
        for setting in Settings.all {
            let entry = file.entries[setting.key]
            #expect(entry != nil, "\(setting.key) isn't in the example")
            guard let entry, plain.entries[setting.key] == nil, let text = setting.defaultText else { continue }
            #expect(entry.text == text, "\(setting.key)")
        }
        #expect(!file.properties.isEmpty)
    }

    @Test("the example of a policy can be used as it is")
    func policy() throws {
        let policy = try Policy(path: Self.folder.appendingPathComponent("policy.yaml").path)
        #expect(policy.topicNames.contains("tether.jobs"))
    }
}
