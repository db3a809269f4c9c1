/// Names of the record headers that the contract knows. `schemas/asyncapi.yaml` describes them.
package enum HeaderName {
    // MARK: Of a task that was forwarded to another partition

    /// An owner of its first partition that died may have published a result: the next one is marked `redelivered`.
    package static let mayHaveRun = "tether-may-have-run"

    // MARK: Of a job, honoured and copied to every reply

    package static let correlationID = "correlation-id"
    /// Spring's `ReplyingKafkaTemplate`: opaque bytes.
    package static let springCorrelationID = "kafka_correlationId"
    /// Spring: the topic to answer on, as text. A `reply_to` in the job comes first.
    package static let springReplyTopic = "kafka_replyTopic"
    /// Spring: the partition to answer on, as four bytes, big-endian.
    package static let springReplyPartition = "kafka_replyPartition"
    /// W3C Trace Context.
    package static let traceParent = "traceparent"
    package static let traceState = "tracestate"

    /// The headers that come back without being named in `echo_headers`.
    package static let alwaysEchoed = [
        correlationID, springCorrelationID, springReplyTopic, springReplyPartition, traceParent, traceState,
    ]

    // MARK: Of a reply

    /// `accepted`, `output` or `result`.
    package static let type = "type"

    // MARK: Of a dead letter

    /// Whether key, value and headers are the record's own: `true` or `false`.
    package static let deadLetterKept = "tether-value-kept"
    /// An ``ErrorCode``.
    package static let deadLetterCode = "tether-error-code"
    /// The reason, as a sentence.
    package static let deadLetterMessage = "tether-error-message"
    /// Where the record came from: topic, then partition, offset and timestamp (milliseconds since 1970) in decimal digits.
    package static let deadLetterTopic = "tether-origin-topic"
    package static let deadLetterPartition = "tether-origin-partition"
    package static let deadLetterOffset = "tether-origin-offset"
    package static let deadLetterTimestamp = "tether-origin-timestamp"

    /// In the order in which they are written.
    package static let ofDeadLetters = [
        deadLetterKept, deadLetterCode, deadLetterMessage, deadLetterTopic, deadLetterPartition, deadLetterOffset,
        deadLetterTimestamp,
    ]
}
