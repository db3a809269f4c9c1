import ArgumentParser
import Foundation
import Kafka
import Logging
import Operations
import Worker

/// How to reach Kafka: the same for every command that does.
struct KafkaOptions: ParsableArguments {
    @Option(
        name: .customLong("kafka"),
        help: ArgumentHelp(
            "Bootstrap servers, host:port, separated by commas. Default: $TETHER_KAFKA.", valueName: "servers")
    )
    var servers: String?

    @Option(help: "Prefix of Tether's own topics and consumer groups.")
    var topicPrefix = "tether"

    @Option(
        name: .customLong("kafka-property"),
        help: ArgumentHelp("Any librdkafka property, as name=value. May be repeated.", valueName: "name=value")
    )
    var properties: [String] = []

    /// - Parameter clientID: Names the program in the broker's logs, metrics and quotas.
    func configuration(clientID: String? = nil) throws -> KafkaConfiguration {
        guard let servers = self.servers ?? ProcessInfo.processInfo.environment["TETHER_KAFKA"], !servers.isEmpty else {
            throw ValidationError("No Kafka servers: give --kafka host:port or set TETHER_KAFKA.")
        }
        var properties: [String: String] = [:]
        for property in self.properties {
            guard let separator = property.firstIndex(of: "="), separator != property.startIndex else {
                throw ValidationError("--kafka-property takes name=value.")
            }
            properties[String(property[..<separator])] = String(property[property.index(after: separator)...])
        }
        return KafkaConfiguration(
            bootstrapServers: servers, clientID: clientID ?? "tether", properties: properties)
    }

    var topics: TopicNames { TopicNames(prefix: self.topicPrefix) }
}

struct LogOptions: ParsableArguments {
    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: Logger.Level = .info

    @Option(help: "How the log looks: text, or json for one JSON object a line.")
    var logFormat = LogFormat.text

    func logger(_ label: String) -> Logger {
        let format = self.logFormat
        var logger = Logger(label: label) { LineLogHandler(label: $0, format: format) }
        logger.logLevel = self.logLevel
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

/// A time span on the command line: `500ms`, `30s`, `10m`, `2h`.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible {
    var duration: Duration

    var description: String { "\(self.duration.components.seconds)s" }

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
        for (suffix, seconds) in units where argument.hasSuffix(suffix) {
            guard let value = Double(argument.dropLast(suffix.count)), value > 0, value < 1e7 else { continue }
            self.duration = .milliseconds(Int64(value * seconds * 1000))
            return
        }
        return nil
    }
}
