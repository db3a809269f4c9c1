import Jobs

/// What may be done with jobs from each topic: a value without I/O.
///
/// Kafka's access control decides who may write to a topic; the policy decides what that topic may do. Its evaluation is the plain one, for each device of a
/// job by itself: what a `deny` rule catches is refused, whatever else there is; every part of the rest has to be covered by an `allow` rule; what no rule
/// speaks of is refused.
package struct Policy: Sendable {
    /// By the job topic's name.
    package let topics: [String: TopicPolicy]

    package init(_ topics: [TopicPolicy]) {
        self.topics = Dictionary(topics.map { ($0.name, $0) }) { first, _ in first }
    }

    package var topicNames: [String] { self.topics.keys.sorted() }

    /// What it says of a task that its router let through. The owner asks again: a reloaded policy holds for what waits, too.
    func denial(
        of task: DeviceTask, on platforms: [PolicyPlatform], _ target: PolicyTarget
    ) -> PolicyDenial? {
        guard let name = task.source, let topic = self.topics[name] else {
            return PolicyDenial(rule: nil, message: "the policy knows no topic that the task could have come from")
        }
        for platform in platforms {
            if let denial = topic.denial(of: task.operation, on: platform, with: task.credential, target) {
                return denial
            }
        }
        return nil
    }
}

/// What may be done with jobs from one topic.
package struct TopicPolicy: Sendable {
    package struct Limits: Sendable, Hashable {
        /// Devices of one job.
        package var devices: Int?
        /// No deadline is further away.
        package var deadline: Duration?
        /// Bytes of output of one task.
        package var output: Int?
        /// `read`: nothing that may change a device.
        package var effect: Effect?
    }

    package let name: String
    /// Where replies may go; `nil`: as without a policy.
    package var replyTopics: [NamePattern]?
    package var limits = Limits()
    package var urls = URLAccess()
    var rules: [PolicyRule] = []

    init(name: String) {
        self.name = name
    }

    /// What it says of an operation, with nothing in it to be looked up any more, on one device.
    package func denial(
        of operation: Operation, on platform: PolicyPlatform, with credential: JobCredential?, _ target: PolicyTarget
    ) -> PolicyDenial? {
        PolicyAssessment(self, operation, on: platform, PolicyRule.Credential(credential)).denial(for: target)
    }

    /// What is refused on any device.
    func generalDenial(of operation: Operation, on platform: PolicyPlatform) -> PolicyDenial? {
        if self.limits.effect == .read, operation.defaultEffect(isReadOnly: platform.isReadOnly) != .read {
            return PolicyDenial(
                rule: "limits.effect", message: "the policy of \(self.name) allows only what reads (limits.effect)")
        }
        for url in PolicyPart.urls(of: operation) {
            guard let problem = self.urls.problem(withURL: url) else { continue }
            return PolicyDenial(
                rule: "urls",
                message: "the policy of \(self.name) refuses the address \(WebFiles.shown(url)): \(problem)")
        }
        return nil
    }
}
