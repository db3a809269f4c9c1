import CRDKafka

/// Asks the cluster about topics. Blocks up to the timeout; creates nothing.
enum TopicMetadata {
    /// Waits out what passes: no connection yet, a leader that is being elected.
    /// - Throws: `kafka.unknown_topic_or_part`, `kafka.timed_out`, `kafka.transport`, `kafka.topic_authorization_failed`, …
    static func partitionCount(
        of topic: String,
        _ handle: ClientHandle,
        timeout: Duration
    ) throws(KafkaError) -> Int32 {
        try Deadline(after: timeout).retry(attempt: .seconds(5)) { remaining throws(KafkaError) in
            try Self.askForPartitions(topic, handle, timeout: remaining)
        }
    }

    private static func askForPartitions(
        _ topic: String,
        _ handle: ClientHandle,
        timeout: Duration
    ) throws(KafkaError) -> Int32 {
        let action = "Asking for the partitions of topic `\(topic)`"
        return try handle.use { client throws(KafkaError) in
            guard let handle = rd_kafka_topic_new(client, topic, nil) else {
                throw .of(rd_kafka_last_error(), client, action)
            }
            defer { rd_kafka_topic_destroy(handle) }
            var answer: UnsafePointer<rd_kafka_metadata>?
            let code = rd_kafka_metadata(client, 0, handle, &answer, timeout.timeoutMilliseconds)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { throw .of(code, client, action) }
            defer { rd_kafka_metadata_destroy(answer) }
            for index in 0..<Int(answer.pointee.topic_cnt) {
                let found = answer.pointee.topics[index]
                guard let name = found.topic, String(cString: name) == topic else { continue }
                guard found.err == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(found.err, action) }
                guard found.partition_cnt > 0 else { break }
                return found.partition_cnt
            }
            throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, action)
        }
    }

    /// All topics that this client may see. Asks for all of them even if few are wanted: naming a topic in the request would
    /// create it on brokers that create topics by themselves.
    static func describeAll(
        _ handle: ClientHandle,
        timeout: Duration
    ) throws(KafkaError) -> [String: KafkaAdmin.TopicDescription] {
        let action = "Describing topics"
        return try handle.use { client throws(KafkaError) in
            var answer: UnsafePointer<rd_kafka_metadata>?
            let code = rd_kafka_metadata(client, 1, nil, &answer, timeout.timeoutMilliseconds)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { throw .of(code, client, action) }
            defer { rd_kafka_metadata_destroy(answer) }
            var topics: [String: KafkaAdmin.TopicDescription] = [:]
            for index in 0..<Int(answer.pointee.topic_cnt) {
                let found = answer.pointee.topics[index]
                guard found.err == RD_KAFKA_RESP_ERR_NO_ERROR, let name = found.topic, found.partition_cnt > 0 else {
                    continue
                }
                topics[String(cString: name)] = KafkaAdmin.TopicDescription(
                    partitions: found.partition_cnt,
                    replicationFactor: found.partitions[0].replica_cnt
                )
            }
            return topics
        }
    }
}
