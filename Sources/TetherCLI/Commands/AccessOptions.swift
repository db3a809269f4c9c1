import ArgumentParser

/// What jobs may do.
struct AccessOptions: ParsableArguments {
    @Option(help: Settings.policy.help("file")) var policy: String?
    @Flag(help: Settings.allowAdHocTargets.help) var allowAdHocTargets = false
    @Option(help: Settings.replyTopics.help("patterns")) var replyTopics: String?
    @Option(help: Settings.urlNetworks.help("ranges")) var urlNetworks: String?
    @Option(help: Settings.artifacts.help("path")) var artifacts: String?

    var given: [String: String] {
        var given: [String: String] = [:]
        given[Settings.policy.key] = self.policy
        given[Settings.allowAdHocTargets.key] = self.allowAdHocTargets ? "true" : nil
        given[Settings.replyTopics.key] = self.replyTopics
        given[Settings.urlNetworks.key] = self.urlNetworks
        given[Settings.artifacts.key] = self.artifacts
        return given
    }
}
