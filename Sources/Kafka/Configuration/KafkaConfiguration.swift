/// How to reach the cluster, and any librdkafka property on top.
package struct KafkaConfiguration: Sendable, Hashable {
    /// `host:port`, several separated by commas.
    package var bootstrapServers: String
    package var clientID: String
    /// librdkafka properties (CONFIGURATION.md of the library). They win over Tether's own settings, except those that a
    /// promise rests on (`enable.auto.commit`, `enable.idempotence`, `isolation.level`, …) and those that have a parameter of their own
    /// (`bootstrap.servers`, `group.id`, `session.timeout.ms`, …): setting one of these is an error.
    package var properties: [String: String]
    package var security: KafkaSecurity
    /// How often consumers and producers count what they do (`statistics.interval.ms`); `nil`: never.
    package var statisticsInterval: Duration?

    package init(
        bootstrapServers: String, clientID: String = "tether", properties: [String: String] = [:],
        security: KafkaSecurity = KafkaSecurity(), statisticsInterval: Duration? = nil
    ) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.properties = properties
        self.security = security
        self.statisticsInterval = statisticsInterval
    }

    /// Those of the security, and the user's own, which win.
    var allProperties: [String: String] { self.security.properties.merging(self.properties) { $1 } }
}

extension KafkaConfiguration {
    /// Whether a property's value must not be shown.
    package static func isSecret(property name: String) -> Bool { Redaction.isSecret(name) }

    /// Sees whether librdkafka takes the properties, without opening anything.
    /// - Throws: `kafka.invalid_config`, naming the property.
    package func check() throws(KafkaError) {
        _ = try ClientSettings(self, .producer(transactionalID: nil))
        _ = try ClientSettings(self, .consumer(KafkaConsumer.Group(id: "check")))
    }
}

extension KafkaConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Servers, client id and properties; the values of secret ones are left out.
    package var description: String {
        let properties = self.shownProperties.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return "\(self.clientID)@\(self.bootstrapServers) [\(properties.joined(separator: ", "))]"
    }

    package var debugDescription: String { self.description }

    /// A dump shows no more than the description.
    package var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "bootstrapServers": self.bootstrapServers, "clientID": self.clientID,
                "properties": self.shownProperties,
            ],
            displayStyle: .struct
        )
    }

    private var shownProperties: [String: String] {
        Dictionary(
            uniqueKeysWithValues: self.allProperties.map {
                ($0.key, Redaction.isSecret($0.key) ? "[redacted]" : $0.value)
            }
        )
    }
}
