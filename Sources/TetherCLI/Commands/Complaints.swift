import Logging
import NIOConcurrencyHelpers

/// What a Kafka client says while it tries to reach a broker: of use to whoever waits, once it has failed.
final class Complaints: Sendable {
    private let text = NIOLockedValueBox<String?>(nil)

    /// The reason that the client gave first; those that follow say that all brokers are down.
    var first: String? { self.text.withLockedValue { $0 } }

    /// A logger for the client. What it is told goes to `logger` as well.
    func heard(by logger: Logger) -> Logger {
        var listening = Logger(label: logger.label) { _ in Handler(complaints: self, logger: logger) }
        listening.logLevel = min(logger.logLevel, .warning)
        return listening
    }

    /// - Parameter message: `kafka.transport: Talking to the brokers failed: 192.0.2.1:9092/bootstrap: Connect to … failed: Connection refused (…). Check …`
    func take(_ message: String) {
        guard let start = message.firstRange(of: "Talking to the brokers failed: ")?.upperBound else { return }
        let end = message[start...].firstRange(of: ". Check ")?.lowerBound ?? message.endIndex
        self.text.withLockedValue { $0 = $0 ?? String(message[start..<end]) }
    }

    private struct Handler: LogHandler {
        let complaints: Complaints
        let logger: Logger
        var logLevel: Logger.Level = .warning
        var metadata: Logger.Metadata = [:]

        init(complaints: Complaints, logger: Logger) {
            self.complaints = complaints
            self.logger = logger
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.complaints.take("\(event.message)")
            self.logger.log(
                level: event.level, event.message, metadata: self.metadata.merging(event.metadata ?? [:]) { $1 })
        }
    }
}
