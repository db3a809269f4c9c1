import Kafka
import Logging

extension KafkaOptions {
    /// How long a command waits for a broker's first answer: longer than any broker takes that is there.
    static let patience = Duration.seconds(10)

    /// Sees that Kafka answers and has these topics, before anything is begun.
    /// - Throws: ``CommandFailure`` with a sentence that says what to do.
    func check(_ topics: [String], logger: Logger) async throws {
        let configuration = try self.configuration()
        let found = try await self.describe(topics, logger: logger)
        let missing = topics.filter { found[$0] == nil }
        guard missing.isEmpty else {
            let isOurs = missing.allSatisfy { self.topics.all.contains($0) }
            throw CommandFailure(
                .unavailable,
                "Kafka at \(configuration.bootstrapServers) has no topic \(missing.joined(separator: ", "))"
                    + (isOurs ? "; make it with: tether topics create\(self.words)" : " that this client may see."))
        }
    }

    /// Those of the topics that exist.
    /// - Throws: ``CommandFailure`` when no broker answers, with what the client said about it.
    func describe(_ topics: [String], logger: Logger) async throws -> [String: KafkaAdmin.TopicDescription] {
        let configuration = try self.configuration()
        let complaints = Complaints()
        let admin = try KafkaAdmin(configuration, logger: complaints.heard(by: logger))
        do {
            let found = try await admin.describe(topics, timeout: Self.patience)
            await admin.close()
            return found
        } catch {
            await admin.close()
            guard ["kafka.transport", "kafka.timed_out"].contains(error.code) else { throw error }
            throw CommandFailure(
                .unavailable,
                "No answer from Kafka at \(configuration.bootstrapServers) within \(Self.patience.components.seconds) s (\(complaints.first ?? error.code)). Check the address, and the settings kafka.tls and kafka.sasl if the brokers ask for them."
            )
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
