import Kafka
import Logging

extension KafkaOptions {
    /// How long a command waits for a broker's first answer: longer than any broker takes that is there.
    static let patience = Duration.seconds(10)

    /// Sees that Kafka answers and has these topics, before anything is begun.
    /// - Throws: ``CommandFailure`` with a sentence that says what to do.
    func check(_ topics: [String], logger: Logger) async throws {
        let configuration = try self.configuration()
        let found: [String: KafkaAdmin.TopicDescription]
        let admin = try KafkaAdmin(configuration, logger: logger)
        do {
            found = try await admin.describe(topics, timeout: Self.patience)
        } catch {
            await admin.close()
            throw CommandFailure(
                .unavailable,
                "No answer from Kafka at \(configuration.bootstrapServers) within \(Self.patience.components.seconds) s (\(error.code)). Check the address, and with TLS or SASL the --kafka-property settings."
            )
        }
        await admin.close()
        let missing = topics.filter { found[$0] == nil }
        guard missing.isEmpty else {
            let isOurs = missing.allSatisfy { self.topics.all.contains($0) }
            throw CommandFailure(
                .unavailable,
                "Kafka at \(configuration.bootstrapServers) has no topic \(missing.joined(separator: ", "))"
                    + (isOurs ? "; make it with: tether topics create\(self.words)" : " that this client may see."))
        }
    }

    /// The options as they were written, for commands that are proposed to the user. Properties may hold secrets and are left out.
    var words: String {
        var words = ""
        if let servers { words += " --kafka \(servers)" }
        if self.topicPrefix != "tether" { words += " --topic-prefix \(self.topicPrefix)" }
        return words
    }
}

extension LogOptions {
    /// For commands that people look at: what a worker logs by default is too much there.
    func quietLogger(_ label: String) -> Logger {
        var logger = self.logger(label)
        if self.logLevel == .info { logger.logLevel = .error }
        return logger
    }
}
