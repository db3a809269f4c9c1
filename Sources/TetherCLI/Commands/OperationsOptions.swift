import ArgumentParser

/// How a worker is watched: health, metrics, status page, traces, log.
struct OperationsOptions: ParsableArguments {
    @Option(name: [.customLong("listen"), .customLong("health")], help: Settings.listen.help("host:port"))
    var listen: String?
    @Option(help: Settings.statusTokenFile.help("path")) var statusTokenFile: String?
    @Flag(help: Settings.metricsDeviceLabels.help) var metricsDeviceLabels = false
    @Option(help: Settings.otlpEndpoint.help("url")) var otlpEndpoint: String?
    @Option(help: Settings.logLevel.help("level")) var logLevel: String?
    @Option(help: Settings.logFormat.help("format")) var logFormat: String?

    var given: [String: String] {
        var given: [String: String] = [:]
        given[Settings.listen.key] = self.listen
        given[Settings.statusTokenFile.key] = self.statusTokenFile
        given[Settings.metricsDeviceLabels.key] = self.metricsDeviceLabels ? "true" : nil
        given[Settings.otlpEndpoint.key] = self.otlpEndpoint
        given[Settings.logLevel.key] = self.logLevel
        given[Settings.logFormat.key] = self.logFormat
        return given
    }
}
