import ArgumentParser

/// How long sessions live, how many there are, and how they are logged in to.
struct SessionOptions: ParsableArguments {
    @Option(help: Settings.idleTimeout.help("time|never")) var idleTimeout: String?
    @Option(help: Settings.maximumAge.help("time|never")) var maxSessionAge: String?
    @Option(help: Settings.maximumSessions.help("number")) var maxSessions: String?
    @Option(help: Settings.maximumLogins.help("number")) var maxLogins: String?
    @Option(help: Settings.refusalsToLock.help("number")) var refusalsToLock: String?
    @Option(help: Settings.lockPause.help("time")) var lockPause: String?

    var given: [String: String] {
        var given: [String: String] = [:]
        given[Settings.idleTimeout.key] = self.idleTimeout
        given[Settings.maximumAge.key] = self.maxSessionAge
        given[Settings.maximumSessions.key] = self.maxSessions
        given[Settings.maximumLogins.key] = self.maxLogins
        given[Settings.refusalsToLock.key] = self.refusalsToLock
        given[Settings.lockPause.key] = self.lockPause
        return given
    }
}
