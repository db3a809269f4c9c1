/// How to reach the cluster, and any librdkafka property on top.
package struct KafkaConfiguration: Sendable, Hashable {
    /// `host:port`, several separated by commas.
    package var bootstrapServers: String
    package var clientID: String
    /// librdkafka properties (CONFIGURATION.md of the library). They win over Tether's own settings, except those that a
    /// promise rests on (`enable.auto.commit`, `enable.auto.offset.store`, `enable.idempotence`, `isolation.level`): setting one of these is an error.
    package var properties: [String: String]

    package init(bootstrapServers: String, clientID: String = "tether", properties: [String: String] = [:]) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.properties = properties
    }
}
