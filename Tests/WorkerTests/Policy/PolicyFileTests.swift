import Foundation
import Testing

@testable import Worker

@Suite struct PolicyFileTests {
    private static let rules = "\n    rules:\n      - allow: all\n"

    @Test(
        "a mistake is told with its line, its field and what would be right",
        arguments: [
            ("", "the policy is empty"),
            ("topics: {}\n", "names no topic"),
            ("topic: {}\n", ":1: topic: unknown key; did you mean `topics`?"),
            ("topics:\n  a b:\(rules)", ":2: topics.a b: must be the name of a Kafka topic"),
            ("topics:\n  jobs:\n    rulez: []\n", ":3: topics.jobs.rulez: unknown key; did you mean `rules`?"),
            ("topics:\n  jobs:\n    limits: {}\n", "has no `allow` rule"),
            ("topics:\n  jobs:\n    rules:\n      - deny: a\n", "has no `allow` rule"),
            (
                "topics:\n  jobs:\n    rules:\n      - targets: [all]\n",
                ":4: topics.jobs.rules[0]: is neither: write `allow: NAME`"
            ),
            ("topics:\n  jobs:\n    rules:\n      - {allow: a, deny: b}\n", "not both"),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n      - allow: a\n",
                ":5: topics.jobs.rules[1]: a rule before it has the name `a`"
            ),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n        target: [all]\n",
                ":5: topics.jobs.rules[0].target: unknown key; did you mean `targets`?"
            ),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n        targets: []\n",
                ":5: topics.jobs.rules[0].targets: must not be empty"
            ),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n        targets: [10.0.0.1/8]\n",
                "must be a device name or pattern"
            ),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n        targets: [\"group:\"]\n",
                "must be a device name or pattern"
            ),
            ("topics:\n  jobs:\n    rules:\n      - allow: a\n        operations: [rum]\n", "did you mean `run`?"),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n        command_patterns: ['(']\n",
                "is not a regular expression"
            ),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n        commands: ['show | include']\n",
                "must be one command"
            ),
            ("topics:\n  jobs:\n    rules:\n      - allow: a\n        effect: reed\n", "did you mean `read`?"),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n        effect: idempotent\n",
                "must be `read` or `change`"
            ),
            (
                "topics:\n  jobs:\n    rules:\n      - allow: a\n        deny_commands: [a]\n",
                "write `commands` in a rule that begins with `deny: NAME`"
            ),
            ("topics:\n  jobs:\n    limits: {output: 4MB}\(rules)", "must be a number of bytes"),
            ("topics:\n  jobs:\n    limits: {devices: many}\(rules)", "must be a whole number"),
            ("topics:\n  jobs:\n    urls: {networks: [10.0.0.0/33]}\(rules)", "must be an address or a range"),
            ("topics:\n  jobs:\n  jobs:\(rules)", "is given twice"),
            ("topics: [\n", "is not YAML"),
        ] as [(String, String)])
    func mistakes(yaml: String, message: String) throws {
        let error = #expect(throws: PolicyError.self) { try Policy(yaml: yaml) }
        #expect(error?.description.hasPrefix("policy.yaml") == true)
        // Columns aren't what this is about.
        let description = error?.description.replacing(#/:(\d+):\d+: /#) { ":\($0.output.1): " } ?? "none"
        #expect(description.contains(message), "\(error?.description ?? "none")")
    }

    @Test("a policy is read again from its file, and one with a mistake leaves the old one in force")
    func reload() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("policy-\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        func write(_ text: String) throws { try text.write(to: file, atomically: true, encoding: .utf8) }

        try write("topics:\n  a:\(Self.rules)")
        let source = try PolicySource(path: file.path)
        #expect(source.current.topicNames == ["a"])
        try write("topics:\n  b:\(Self.rules)  c:\(Self.rules)")
        try source.reload()
        #expect(source.current.topicNames == ["b", "c"])
        try write("topics:\n  d: {rule: []}\n")
        let error = #expect(throws: PolicyError.self) { try source.reload() }
        #expect(error?.description.hasPrefix("\(file.path):2:7: topics.d.rule: unknown key") == true)
        #expect(source.current.topicNames == ["b", "c"])
        try FileManager.default.removeItem(at: file)
        #expect(throws: PolicyError.self) { try source.reload() }
        #expect(throws: PolicyError.self) { try PolicySource(path: file.path) }
        #expect(source.current.topicNames == ["b", "c"])
    }

    @Test(
        "addresses and ranges of them",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false), ("::/0", "::1", true), ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("10.0.0.0/8", "64:ff9b::10.1.1.1", true), ("192.0.2.128/25", "192.0.2.127", false),
        ] as [(String, String, Bool)])
    func ranges(range: String, address: String, isInside: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(#require(HostAddress(address))) == isInside)
    }

    @Test(
        "what is no range is none",
        arguments: ["", "10.0.0.0/", "10.0.0.1/8", "10.0.0.0/33", "10.0.0/8", "::/129", "a", "1/8", "10.0.0.0/-1"])
    func noRange(text: String) { #expect(AddressRange(text) == nil) }
}
