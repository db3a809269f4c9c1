import ArgumentParser

/// What a worker does and how long it waits.
struct WorkerOptions: ParsableArguments {
    @Option(help: Settings.inventory.help("path")) var inventory: String?
    @Option(help: Settings.name.help("name")) var name: String?
    @Option(help: Settings.roles.help("roles")) var roles: String?
    @Option(help: Settings.knownHosts.help("path")) var knownHosts: String?
    @Option(help: Settings.platforms.help("path")) var platforms: String?
    @Option(help: Settings.sessionTimeout.help("time")) var sessionTimeout: String?
    @Option(help: Settings.drainTimeout.help("time")) var drainTimeout: String?
    @Option(help: Settings.results.help("delivery")) var results: String?
    @Option(help: Settings.duplicateWindow.help("time")) var duplicateWindow: String?
    @Option(help: Settings.defaultDeadline.help("time")) var defaultDeadline: String?
    @Option(help: Settings.maximumDeadline.help("time")) var maxDeadline: String?
    @Option(help: Settings.maximumTargets.help("number")) var maxTargets: String?

    var given: [String: String] {
        var given: [String: String] = [:]
        given[Settings.inventory.key] = self.inventory
        given[Settings.name.key] = self.name
        given[Settings.roles.key] = self.roles
        given[Settings.knownHosts.key] = self.knownHosts
        given[Settings.platforms.key] = self.platforms
        given[Settings.sessionTimeout.key] = self.sessionTimeout
        given[Settings.drainTimeout.key] = self.drainTimeout
        given[Settings.results.key] = self.results
        given[Settings.duplicateWindow.key] = self.duplicateWindow
        given[Settings.defaultDeadline.key] = self.defaultDeadline
        given[Settings.maximumDeadline.key] = self.maxDeadline
        given[Settings.maximumTargets.key] = self.maxTargets
        return given
    }
}
