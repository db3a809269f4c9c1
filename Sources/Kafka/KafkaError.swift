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
