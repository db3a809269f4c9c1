import CRDKafka

extension KafkaConfiguration {
    /// Of librdkafka, as it runs.
    package static var libraryVersion: String { String(cString: rd_kafka_version_str()) }
}

/// A `rd_kafka_conf_t` until a client takes it over.
///
/// Confined to the function that builds a client.
final class ClientSettings {
    let pointer: OpaquePointer
    private var isOwned = true

    /// - Throws: `kafka.invalid_config`, naming the property, and never the value of a secret one.
    init(_ configuration: KafkaConfiguration, _ role: ClientRole) throws(KafkaError) {
        self.pointer = rd_kafka_conf_new()

        guard !configuration.bootstrapServers.isEmpty else {
            throw .invalidConfiguration("`bootstrap.servers` is empty. Name at least one broker as `host:port`.")
        }
        try self.set("bootstrap.servers", configuration.bootstrapServers)
        try self.set("client.id", configuration.clientID)
        for (name, value) in role.defaults { try self.set(name, value) }
        if let interval = configuration.statisticsInterval, role.isServed {
            try self.set("statistics.interval.ms", String(interval.timeoutMilliseconds))
        }
        for (name, value) in configuration.allProperties.sorted(by: { $0.key < $1.key }) {
            if let reason = ClientRole.protectedProperties[name] {
                throw .invalidConfiguration(
                    "The Kafka property `\(name)` can't be set: \(reason). Remove it from the properties."
                )
            }
            try self.set(name, value)
        }
        for (name, value) in role.promises { try self.set(name, value) }
    }

    deinit {
        if self.isOwned { rd_kafka_conf_destroy(self.pointer) }
    }

    /// The new client owns the pointer from now on.
    func handOver() {
        self.isOwned = false
    }

    private func set(_ name: String, _ value: String) throws(KafkaError) {
        // A zero byte would cut the value short without a word.
        guard !name.utf8.contains(0), !value.utf8.contains(0) else {
            throw .invalidConfiguration("The Kafka property `\(name)` holds a zero byte. Remove it.")
        }
        var text = [CChar](repeating: 0, count: 512)
        switch rd_kafka_conf_set(self.pointer, name, value, &text, text.count) {
        case RD_KAFKA_CONF_OK:
            return
        case RD_KAFKA_CONF_UNKNOWN:
            throw .invalidConfiguration(
                "librdkafka \(String(cString: rd_kafka_version_str())) doesn't know the Kafka property `\(name)`. Check its spelling."
            )
        default:
            let detail = Redaction.isSecret(name) ? "its value is not valid" : String(terminated: text)
            throw .invalidConfiguration("The Kafka property `\(name)` can't be set: \(detail).")
        }
    }
}
