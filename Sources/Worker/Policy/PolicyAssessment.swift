import Jobs

/// Why work is not done.
package struct PolicyDenial: Error, Sendable, Hashable {
    /// The rule's name; for a bound of the topic the field's (`limits.devices`); `nil`: no rule allows it.
    package var rule: String?
    package var message: String

    package init(rule: String?, message: String) {
        self.rule = rule
        self.message = message
    }
}

/// What a topic's rules say of an operation on a platform, before it is known on which device: rules are many, and so are the devices of a job.
struct PolicyAssessment: Sendable {
    private let topic: TopicPolicy
    /// Rules that deny some part, with the first such part.
    private var denials: [(rule: Int, path: String)] = []
    /// For each part the rules that allow it; the same rules once only.
    private var coverage: [(path: String, rules: [Int])] = []
    private let general: PolicyDenial?

    init(
        _ topic: TopicPolicy, _ operation: Operation, on platform: PolicyPlatform, _ credential: PolicyRule.Credential
    ) {
        self.topic = topic
        self.general = topic.generalDenial(of: operation, on: platform)
        guard self.general == nil else { return }
        var seen = Set<[Int]>()
        var denying = Set<Int>()
        for part in PolicyPart.parts(of: operation, on: platform) {
            var allowing: [Int] = []
            for (index, rule) in topic.rules.enumerated() {
                guard rule.kind == .allow || !denying.contains(index) else { continue }
                guard rule.concerns(part, on: platform, credential) else { continue }
                switch rule.kind {
                case .allow: allowing.append(index)
                case .deny:
                    denying.insert(index)
                    self.denials.append((index, part.path))
                }
            }
            if seen.insert(allowing).inserted { self.coverage.append((part.path, allowing)) }
        }
    }

    /// `nil`: it may be done there.
    func denial(for target: PolicyTarget) -> PolicyDenial? {
        if let general = self.general { return general }
        let rules = self.topic.rules
        for (index, path) in self.denials where rules[index].concerns(target) {
            return PolicyDenial(
                rule: rules[index].name,
                message: "the policy of \(self.topic.name) refuses \(path): rule “\(rules[index].name)”")
        }
        for (path, allowing) in self.coverage where !allowing.contains(where: { rules[$0].concerns(target) }) {
            return PolicyDenial(
                rule: nil, message: "no rule of the policy of \(self.topic.name) allows \(path) on this device")
        }
        return nil
    }
}
