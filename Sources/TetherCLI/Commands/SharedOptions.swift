import ArgumentParser
import Foundation
import Kafka
import Logging
import Operations
import Worker

/// How to reach Kafka: the same for every command that does.
struct KafkaOptions: ParsableArguments {
    @OptionGroup var source: ConfigurationOptions

    @Option(
        name: .customLong("kafka"),
        help: ArgumentHelp(
            "Bootstrap servers, host:port, separated by commas. Default: $TETHER_KAFKA.", valueName: "servers")
    )
    var servers: String?

    @Option(name: .customLong("topic-prefix"), help: Settings.topicPrefix.help("prefix"))
    var givenTopicPrefix: String?

    @Option(
        name: .customLong("kafka-property"),
        help: ArgumentHelp(
            "Any librdkafka property, as name=value. May be repeated. Secrets belong into the configuration file or the environment: command lines can be seen by others.",
            valueName: "name=value")
    )
    var properties: [String] = []

    /// What the command line says, by the settings' keys.
    var given: [String: String] {
        var given: [String: String] = [:]
        given[Settings.kafkaServers.key] = self.servers
        given[Settings.topicPrefix.key] = self.givenTopicPrefix
        return given
    }

    /// All settings, with what other groups of options say.
    func settings(_ others: [String: String] = [:]) throws -> Settings {
        do {
            return try Settings(
                file: self.source.file, options: self.given.merging(others) { $1 }, properties: self.properties)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// So that everything else may rely on the settings.
    func validate() throws {
        _ = try self.settings()
    }

    /// - Parameter clientID: names the program in the broker's logs, metrics and quotas.
    func configuration(clientID: String? = nil) throws -> KafkaConfiguration {
        do {
            return try self.settings().kafka(clientID: clientID)
        } catch let error as SettingsError {
            throw ValidationError(error.description)
        }
    }

    var topicPrefix: String { (try? self.settings().value(Settings.topicPrefix)) ?? TopicNames().prefix }
    var topics: TopicNames { TopicNames(prefix: self.topicPrefix) }
}

struct LogOptions: ParsableArguments {
    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: Logger.Level = .info

    @Option(help: Settings.logFormat.help("format"))
    var logFormat = LogFormat.text

    func logger(_ label: String) -> Logger { Self.logger(label, self.logLevel, self.logFormat) }

    static func logger(_ label: String, _ level: Logger.Level, _ format: LogFormat) -> Logger {
        var logger = Logger(label: label) { LineLogHandler(label: $0, format: format) }
        logger.logLevel = level
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

/// A time span on the command line: `500ms`, `30s`, `10m`, `2h`.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible {
    var duration: Duration

    var description: String { SettingText.duration(self.duration) }

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        guard argument.last?.isLetter == true, let duration = SettingText.duration(argument) else { return nil }
        self.duration = duration
    }
}
