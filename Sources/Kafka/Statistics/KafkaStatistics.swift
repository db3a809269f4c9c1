import Foundation

/// What a client instance tells of itself once in an interval: the chosen few of what librdkafka counts (STATISTICS.md of the library).
package struct KafkaStatistics: Sendable, Hashable {
    /// One broker that the client knows.
    package struct Broker: Sendable, Hashable {
        package var id: Int
        package var isConnected: Bool
        /// Round trips in the last interval, mean and 99th percentile; zero without any.
        package var meanRoundTrip: Duration
        package var slowestRoundTrips: Duration
        package var waitingRequests: Int
        package var requestsInFlight: Int
        /// Requests and answers that failed in transmission, since the start.
        package var errors: Int
        package var retries: Int
        package var timeouts: Int
        package var disconnects: Int
    }

    /// One partition that a consumer fetches.
    package struct Partition: Sendable, Hashable {
        package var topicPartition: TopicPartition
        /// Records on the log, or fetched, that were not handed over yet. Control records of transactions that stand at the end don't count.
        package var lag: Int64
    }

    package var brokers: [Broker] = []
    package var partitions: [Partition] = []
    /// Since the start.
    package var messagesSent = 0
    package var messagesReceived = 0
    package var bytesSent = 0
    package var bytesReceived = 0
    /// In the producer's queue.
    package var queuedMessages = 0
    package var queuedBytes = 0

    /// `nil` when it isn't librdkafka's statistics.
    init?(json: [UInt8]) {
        guard let root = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any] else { return nil }
        self.messagesSent = Self.number("txmsgs", root)
        self.messagesReceived = Self.number("rxmsgs", root)
        self.bytesSent = Self.number("txmsg_bytes", root)
        self.bytesReceived = Self.number("rxmsg_bytes", root)
        self.queuedMessages = Self.number("msg_cnt", root)
        self.queuedBytes = Self.number("msg_size", root)
        for case let broker as [String: Any] in (root["brokers"] as? [String: Any] ?? [:]).values {
            // Bootstrap addresses have no id yet; the coordinator stands among the others too.
            let id = Self.number("nodeid", broker)
            guard id >= 0, broker["source"] as? String != "logical" else { continue }
            self.brokers.append(Self.broker(id, broker))
        }
        self.brokers.sort { $0.id < $1.id }
        for case let topic as [String: Any] in (root["topics"] as? [String: Any] ?? [:]).values {
            guard let name = topic["topic"] as? String else { continue }
            for case let partition as [String: Any] in (topic["partitions"] as? [String: Any] ?? [:]).values {
                let id = Self.number("partition", partition)
                guard id >= 0, let lag = Self.lag(partition) else { continue }
                self.partitions.append(
                    Partition(topicPartition: TopicPartition(name, Int32(clamping: id)), lag: lag))
            }
        }
        self.partitions.sort { $0.topicPartition < $1.topicPartition }
    }

    private static func broker(_ id: Int, _ broker: [String: Any]) -> Broker {
        let roundTrips = broker["rtt"] as? [String: Any] ?? [:]
        return Broker(
            id: id,
            isConnected: broker["state"] as? String == "UP",
            meanRoundTrip: .microseconds(Self.number("avg", roundTrips)),
            slowestRoundTrips: .microseconds(Self.number("p99", roundTrips)),
            waitingRequests: max(0, Self.number("outbuf_cnt", broker)),
            requestsInFlight: max(0, Self.number("waitresp_cnt", broker)),
            errors: Self.number("txerrs", broker) + Self.number("rxerrs", broker),
            retries: Self.number("txretries", broker),
            timeouts: Self.number("req_timeouts", broker),
            disconnects: Self.number("disconnects", broker)
        )
    }

    /// From the last stable offset (readers of committed records see no further), the next one to be fetched, and what was fetched already.
    ///
    /// A consumer's partitions share one queue, and each tells the length of all of it (`rd_kafka_q_len` counts the queue that a partition's own one is forwarded
    /// to). So no more of that is a partition's than it has fetched beyond what was handed over.
    private static func lag(_ partition: [String: Any]) -> Int64? {
        guard partition["fetch_state"] as? String == "active" else { return nil }
        let end = Self.number("ls_offset", partition)
        let next = Self.number("next_offset", partition)
        guard end >= 0, next >= 0 else { return nil }
        // Before the first record is handed over there is no such offset.
        let handed = Self.number("app_offset", partition)
        let begin =
            handed >= 0
            ? handed : max(0, Self.number("committed_offset", partition), Self.number("lo_offset", partition))
        let queued = min(max(0, Self.number("fetchq_cnt", partition)), max(0, next - begin))
        return Int64(max(0, end - next) + queued)
    }

    private static func number(_ name: String, _ values: [String: Any]) -> Int {
        (values[name] as? NSNumber)?.intValue ?? 0
    }
}
