/// Why a Kafka operation failed.
package struct KafkaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A stable code: `kafka.` and the broker's or librdkafka's error name in lower-case words (`kafka.topic_already_exists`,
    /// `kafka.timed_out`, `kafka.queue_full`, `kafka.fenced`, …).
    package let code: String
    /// librdkafka's numeric code: positive from the broker, negative from the library.
    package let number: Int32
    /// What was tried and what went wrong, in a sentence. Holds no secret.
    package let message: String
    /// The same call may succeed later.
    package let isRetriable: Bool
    /// The client instance can't be used any more.
    package let isFatal: Bool
    /// The current transaction must be aborted, then may be tried again.
    package let requiresAbort: Bool

    package init(
        code: String,
        number: Int32,
        message: String,
        isRetriable: Bool = false,
        isFatal: Bool = false,
        requiresAbort: Bool = false
    ) {
        self.code = code
        self.number = number
        self.message = message
        self.isRetriable = isRetriable
        self.isFatal = isFatal
        self.requiresAbort = requiresAbort
    }

    package var description: String { "\(self.code): \(self.message)" }
}

extension KafkaError {
    /// The client was closed before or during the call.
    static let closed = KafkaError(
        code: "kafka.closed",
        number: -197,
        message: "The Kafka client is closed. Open a new one."
    )

    /// The calling task was cancelled. What was handed to Kafka already may still happen.
    static let cancelled = KafkaError(
        code: "kafka.cancelled",
        number: -163,
        message: "The wait for Kafka was cancelled. What was sent already may still take effect."
    )

    static func timedOut(_ action: String) -> KafkaError {
        KafkaError(
            code: "kafka.timed_out",
            number: -185,
            message: "\(action) got no answer in time. Check that the brokers can be reached.",
            isRetriable: true
        )
    }

    static func invalidConfiguration(_ message: String) -> KafkaError {
        KafkaError(code: "kafka.invalid_config", number: -186, message: message)
    }

    /// What a broker says to the commit of a member that lost its partitions. The check here is the same one, made before the request.
    static func notAssigned(_ partition: TopicPartition, _ action: String) -> KafkaError {
        KafkaError(
            code: "kafka.illegal_generation",
            number: 22,
            message:
                "\(action) was refused: \(partition) is not assigned to this member (any more). Leave it to its owner.",
            requiresAbort: true
        )
    }
}
