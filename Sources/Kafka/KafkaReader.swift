import Logging

/// Reads partitions without a consumer group: for reply topics and topics that every worker reads whole.
package final class KafkaReader: Sendable {
    package enum Start: Sendable, Hashable { case beginning, end, offset(Int64) }

    /// Assigns all partitions of `topic` and resolves `end` to the present high watermarks before it returns, so that what is produced
    /// afterwards is seen. Reads committed records only (`isolation.level=read_committed`).
    package init(_ configuration: KafkaConfiguration, topic: String, from start: Start, logger: Logger) async throws(KafkaError) { fatalError("stub") }

    /// Waits up to `timeout` for records; an empty array when there were none. Cancellation ends the wait early.
    package func next(maximum: Int = 500, timeout: Duration) async throws(KafkaError) -> [KafkaRecord] { fatalError("stub") }

    package func close() async { fatalError("stub") }
}
