import Devices
import Dialogue
import Foundation
import Jobs

/// A mistake in a policy file, with its place.
package struct PolicyError: Error, Sendable, Hashable, CustomStringConvertible {
    /// `policy.yaml:12: topics.tether.jobs.rules[0].commands: …`
    package let description: String

    init(_ description: String) { self.description = description }
}

extension Policy {
    /// Reads a policy file. Not for an event loop.
    package init(path: String) throws(PolicyError) {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw PolicyError("\(path): the policy can't be read: \(error.localizedDescription)")
        }
        try self.init(yaml: text, file: path)
    }

    /// - Parameter file: what errors call it.
    package init(yaml: String, file: String = "policy.yaml") throws(PolicyError) {
        do {
            self = try PolicyReader.read(yaml, file: file)
        } catch {
            throw PolicyError(error.description)
        }
    }
}

/// Turns a YAML document into a policy.
///
/// ```yaml
/// topics:
///   tether.jobs:
///     reply_topics: [tether.results, "netops.*"]
///     limits: {devices: 500, deadline: 30m, output: 4MiB, effect: change}
///     urls: {hosts: ["*.example.net"], networks: [10.20.0.0/16]}
///     rules:
///       - deny: no restarts
///         commands: [reload, write erase, "copy * running-config"]
///         command_patterns: ['^delete\b']
///       - allow: read everything
///         operations: [run, sequence, check, backup, diff, probe, close]
///         effect: read
///       - allow: ports of access switches
///         targets: ["access-*", "group:lab", "tag:edge&berlin", 192.0.2.0/24, "host:*.lab.example"]
///         platforms: [cisco_iosxe]
///         operations: [configure]
///         credentials: [none, netops]
///         commands: ["interface *", description, shutdown, no shutdown]
///         answers: ['y(es)?']
/// ```
enum PolicyReader {
    private static let topicKeys = ["reply_topics", "limits", "urls", "rules"]
    private static let ruleKeys = [
        "allow", "deny", "targets", "platforms", "operations", "effect", "credentials", "commands", "command_patterns",
        "answers",
    ]
    private static let operations = [
        "run", "sequence", "configure", "upload", "download", "backup", "diff", "check", "probe", "close",
    ]

    static func read(_ yaml: String, file: String) throws(InventoryError) -> Policy {
        guard let root = try StrictValue(yaml: yaml, file: file) else {
            throw InventoryError(file: file, message: "the policy is empty: write `topics:`, and under it a job topic")
        }
        var topics: [TopicPolicy] = []
        for field in try root.fields() {
            switch field.key {
            case "topics": for entry in try field.value.fields() { topics.append(try Self.topic(entry)) }
            // A place for anchors.
            case let key where key.hasPrefix("x-"): continue
            default: throw field.unknownKey(among: ["topics"])
            }
        }
        guard !topics.isEmpty else {
            throw InventoryError(file: file, message: "the policy names no topic: without one, no job is taken")
        }
        return Policy(topics)
    }

    private static func topic(_ entry: StrictValue.Field) throws(InventoryError) -> TopicPolicy {
        guard TopicNames.isTopicName(entry.key) else {
            throw entry.value.error("must be the name of a Kafka topic (letters, digits, `.`, `_` and `-`)")
        }
        var topic = TopicPolicy(name: entry.key)
        for field in try entry.value.fields() {
            switch field.key {
            case "reply_topics":
                topic.replyTopics = try Self.names(field.value).map { NamePattern($0) }
            case "limits": try Self.limits(field.value, &topic.limits)
            case "urls": try Self.urls(field.value, &topic.urls)
            case "rules":
                var names = Set<String>()
                for item in try field.value.items() {
                    let rule = try Self.rule(item)
                    if !names.insert(rule.name).inserted {
                        throw item.error(
                            "a rule before it has the name `\(rule.name)`: denials are told by name, give it another")
                    }
                    topic.rules.append(rule)
                }
            default:
                throw field.unknownKey(
                    among: Self.topicKeys,
                    hints: ["allow": "write it as a rule, under `rules`", "deny": "write it as a rule, under `rules`"])
            }
        }
        guard topic.rules.contains(where: { $0.kind == .allow }) else {
            throw entry.value.error("has no `allow` rule, so that every job would be refused: write one under `rules`")
        }
        return topic
    }

    private static func limits(_ value: StrictValue, _ limits: inout TopicPolicy.Limits) throws(InventoryError) {
        for field in try value.fields() {
            switch field.key {
            case "devices": limits.devices = try field.value.integer(in: 1...10_000_000)
            case "deadline":
                limits.deadline = try field.value.duration(in: .seconds(1)...(.seconds(7 * 24 * 3_600)))
            case "output": limits.output = try field.value.byteCount(in: 1...(1 << 40))
            case "effect":
                let effect: Effect = try field.value.choice(Effect.self)
                guard effect != .idempotent else {
                    throw field.value.error(
                        "must be `read` or `change`: that a change may be repeated is the job's own word")
                }
                limits.effect = effect
            default: throw field.unknownKey(among: ["devices", "deadline", "output", "effect"])
            }
        }
    }

    private static func urls(_ value: StrictValue, _ urls: inout URLAccess) throws(InventoryError) {
        for field in try value.fields() {
            switch field.key {
            case "hosts": urls.hosts = try Self.names(field.value).map { NamePattern($0.lowercased()) }
            case "networks":
                for item in try field.value.items() {
                    guard let range = AddressRange(try item.string()) else { throw item.error(Self.rangeProblem) }
                    urls.networks.append(range)
                }
            default: throw field.unknownKey(among: ["hosts", "networks"])
            }
        }
    }

    static let rangeProblem = "must be an address or a range such as `10.20.0.0/16`, with no bits set behind its length"

    private static func rule(_ value: StrictValue) throws(InventoryError) -> PolicyRule {
        var kind: PolicyRule.Kind?
        var name = ""
        let fields = try value.fields()
        for field in fields {
            guard let found = PolicyRule.Kind(rawValue: field.key) else { continue }
            guard kind == nil else {
                throw field.value.error("is one rule's `allow` or `deny`, not both: make it two rules")
            }
            kind = found
            name = try field.value.string()
            guard !name.isEmpty, name.utf8.count <= 128, !name.unicodeScalars.contains(where: { $0.value < 0x20 })
            else {
                throw field.value.error("must be the rule's name, of at most 128 bytes")
            }
        }
        guard let kind else {
            throw value.error("is neither: write `allow: NAME` or `deny: NAME`; denials are told by that name")
        }
        var rule = PolicyRule(kind: kind, name: name)
        for field in fields where PolicyRule.Kind(rawValue: field.key) == nil { try Self.read(field, into: &rule) }
        return rule
    }

    private static func read(_ field: StrictValue.Field, into rule: inout PolicyRule) throws(InventoryError) {
        switch field.key {
        case "targets":
            rule.targets = try Self.list(field.value) { item throws(InventoryError) in
                guard let selector = TargetSelector(try item.string()) else {
                    throw item.error(
                        "must be a device name or pattern, `all`, `group:NAME`, `tag:NAME`, a range of addresses, or `host:PATTERN` for addresses outside the inventory"
                    )
                }
                return selector
            }
        case "platforms": rule.platforms = Set(try Self.names(field.value))
        case "operations":
            rule.operations = Set(
                try Self.list(field.value) { item throws(InventoryError) in
                    let name = try item.string()
                    guard Self.operations.contains(name) else { throw item.unknownWord(name, among: Self.operations) }
                    return name
                })
        case "effect":
            let effect: Effect = try field.value.choice(Effect.self)
            guard effect != .idempotent else {
                throw field.value.error(
                    "must be `read` or `change`: that a change may be repeated is the job's own word")
            }
            rule.effect = effect
        case "credentials": rule.credentials = try Self.names(field.value).map { PolicyRule.CredentialSelector($0) }
        case "commands":
            rule.phrases = try Self.list(field.value) { item throws(InventoryError) in
                let text = try item.string()
                guard let phrase = CommandPhrase(text) else {
                    throw item.error("must be the words that a command begins with")
                }
                guard !text.contains("|"), !text.contains(";") else {
                    throw item.error(
                        "must be one command: what stands behind `|` or `;` is held against the list by itself")
                }
                return phrase
            }
        case "command_patterns":
            let extent: Pattern.Extent = rule.kind == .allow ? .whole : .anywhere
            rule.patterns = try Self.list(field.value) { item throws(InventoryError) in try Self.pattern(item, extent) }
        case "answers":
            let extent: Pattern.Extent = rule.kind == .allow ? .whole : .anywhere
            rule.answers = try Self.list(field.value) { item throws(InventoryError) in try Self.pattern(item, extent) }
        default:
            throw field.unknownKey(
                among: Self.ruleKeys,
                hints: [
                    "deny_commands": "write `commands` in a rule that begins with `deny: NAME`",
                    "deny_patterns": "write `command_patterns` in a rule that begins with `deny: NAME`",
                    "name": "the name stands behind `allow:` or `deny:`", "hosts": "did you mean `targets`?",
                    "devices": "did you mean `targets`?",
                ])
        }
    }

    private static func pattern(_ item: StrictValue, _ extent: Pattern.Extent) throws(InventoryError) -> Pattern {
        let text = try item.string()
        do {
            return try Pattern(text, extent: extent)
        } catch {
            throw item.error("\(error)")
        }
    }

    private static func names(_ value: StrictValue) throws(InventoryError) -> [String] {
        try Self.list(value) { item throws(InventoryError) in
            let name = try item.string()
            guard !name.isEmpty else { throw item.error("must not be empty") }
            return name
        }
    }

    /// At least one: an empty list would say that nothing fits, or that everything does, and nobody could tell which was meant.
    private static func list<Element>(
        _ value: StrictValue, _ read: (StrictValue) throws(InventoryError) -> Element
    ) throws(InventoryError) -> [Element] {
        var list: [Element] = []
        for item in try value.items() { list.append(try read(item)) }
        guard !list.isEmpty else { throw value.error("must not be empty: leave it out where it doesn't matter") }
        return list
    }
}
