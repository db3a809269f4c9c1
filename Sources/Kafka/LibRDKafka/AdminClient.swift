import CRDKafka
import Logging

/// librdkafka's administration calls, each with its answer on a queue of its own. They block, up to their timeout.
final class AdminClient: Sendable {
    let handle: ClientHandle

    init(_ configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
        self.handle = try ClientHandle(
            RD_KAFKA_PRODUCER,
            ClientSettings(configuration, .admin),
            ClientContext(
                logger: logger,
                configuration: configuration,
                failed: { error in logger.warning("\(error)") }
            ),
            queue: .own
        )
    }

    /// Serves the errors of the connection.
    func serveErrors() {
        try? self.handle.use { client throws(KafkaError) in _ = rd_kafka_poll(client, 0) }
    }

    // MARK: Topics

    func create(
        _ topics: [KafkaAdmin.Topic],
        timeout: Duration
    ) throws(KafkaError) -> [String: KafkaAdmin.Creation] {
        guard !topics.isEmpty else { return [:] }
        var requests: [OpaquePointer?] = []
        defer { for request in requests { rd_kafka_NewTopic_destroy(request) } }
        for topic in topics { requests.append(try Self.newTopic(topic)) }

        return try self.request(RD_KAFKA_ADMIN_OP_CREATETOPICS, "Creating topics", timeout) { client, options, queue in
            rd_kafka_CreateTopics(client, &requests, requests.count, options, queue)
        } answer: { event throws(KafkaError) in
            var count = 0
            let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
            var creations: [String: KafkaAdmin.Creation] = [:]
            for (name, code, detail) in Self.topicResults(results, count) {
                switch code {
                case RD_KAFKA_RESP_ERR_NO_ERROR: creations[name] = .created
                case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: creations[name] = .existed
                default: throw KafkaError(code, "Creating topic `\(name)`", detail: detail)
                }
            }
            return creations
        }
    }

    private static func newTopic(_ topic: KafkaAdmin.Topic) throws(KafkaError) -> OpaquePointer {
        var text = [CChar](repeating: 0, count: 512)
        guard
            let request = rd_kafka_NewTopic_new(
                topic.name,
                topic.partitions,
                topic.replicationFactor,
                &text,
                text.count
            )
        else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__INVALID_ARG,
                "Creating topic `\(topic.name)`",
                detail: String(terminated: text)
            )
        }
        for (name, value) in topic.configuration.sorted(by: { $0.key < $1.key }) {
            let code = rd_kafka_NewTopic_set_config(request, name, value)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                rd_kafka_NewTopic_destroy(request)
                throw KafkaError(code, "Setting `\(name)` of topic `\(topic.name)`")
            }
        }
        return request
    }

    func grow(_ topic: String, toPartitions count: Int32, timeout: Duration) throws(KafkaError) {
        let what = "Adding partitions to topic `\(topic)`"
        var text = [CChar](repeating: 0, count: 512)
        guard let request = rd_kafka_NewPartitions_new(topic, Int(count), &text, text.count) else {
            throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, what, detail: String(terminated: text))
        }
        defer { rd_kafka_NewPartitions_destroy(request) }
        var requests: [OpaquePointer?] = [request]
        try self.request(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, what, timeout) { client, options, queue in
            rd_kafka_CreatePartitions(client, &requests, requests.count, options, queue)
        } answer: { event throws(KafkaError) in
            var count = 0
            let results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count)
            for (_, code, detail) in Self.topicResults(results, count) where code != RD_KAFKA_RESP_ERR_NO_ERROR {
                throw KafkaError(code, what, detail: detail)
            }
        }
    }

    func delete(_ topics: [String], timeout: Duration) throws(KafkaError) {
        guard !topics.isEmpty else { return }
        var requests: [OpaquePointer?] = topics.map { rd_kafka_DeleteTopic_new($0) }
        defer { for request in requests { rd_kafka_DeleteTopic_destroy(request) } }
        try self.request(RD_KAFKA_ADMIN_OP_DELETETOPICS, "Deleting topics", timeout) { client, options, queue in
            rd_kafka_DeleteTopics(client, &requests, requests.count, options, queue)
        } answer: { event throws(KafkaError) in
            var count = 0
            let results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count)
            for (name, code, detail) in Self.topicResults(results, count) where code != RD_KAFKA_RESP_ERR_NO_ERROR {
                throw KafkaError(code, "Deleting topic `\(name)`", detail: detail)
            }
        }
    }

    private static func topicResults(
        _ results: UnsafeMutablePointer<OpaquePointer?>?,
        _ count: Int
    ) -> [(name: String, code: rd_kafka_resp_err_t, detail: String?)] {
        UnsafeMutableBufferPointer(start: results, count: results == nil ? 0 : count).compactMap { result in
            guard let result, let name = rd_kafka_topic_result_name(result) else { return nil }
            return (
                String(cString: name), rd_kafka_topic_result_error(result),
                rd_kafka_topic_result_error_string(result).map { String(cString: $0) }
            )
        }
    }

    // MARK: Groups

    func committedOffsets(
        group: String,
        _ partitions: [TopicPartition],
        timeout: Duration
    ) throws(KafkaError) -> [CommittedOffset] {
        guard !partitions.isEmpty else { return [] }
        let action = "Fetching the committed offsets of group `\(group)`"
        let list = PartitionList(partitions)
        var request = list.lend { rd_kafka_ListConsumerGroupOffsets_new(group, $0) }
        defer { rd_kafka_ListConsumerGroupOffsets_destroy(request) }
        return try self.request(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, action, timeout) { client, options, queue in
            rd_kafka_ListConsumerGroupOffsets(client, &request, 1, options, queue)
        } answer: { event throws(KafkaError) in
            var count = 0
            let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
                rd_kafka_event_ListConsumerGroupOffsets_result(event),
                &count
            )
            guard count > 0, let answer = groups?[0] else { return [] }
            if let error = rd_kafka_group_result_error(answer), rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR
            {
                throw KafkaError(rd_kafka_error_code(error), action)
            }
            guard let offsets = rd_kafka_group_result_partitions(answer) else { return [] }
            let found = PartitionList(borrowing: UnsafeMutablePointer(mutating: offsets))
            if let (partition, code) = found.failures.first { throw KafkaError(code, "\(action) for \(partition)") }
            return found.committedOffsets
        }
    }

    // MARK: One request

    private func request<Value>(
        _ operation: rd_kafka_admin_op_t,
        _ action: String,
        _ timeout: Duration,
        send: (_ client: OpaquePointer, _ options: OpaquePointer?, _ queue: OpaquePointer) -> Void,
        answer: (_ event: OpaquePointer) throws(KafkaError) -> Value
    ) throws(KafkaError) -> Value {
        try self.handle.use { client throws(KafkaError) in
            guard let queue = rd_kafka_queue_new(client) else { throw KafkaError(RD_KAFKA_RESP_ERR__STATE, action) }
            // The only poll of it is the one below, on this thread.
            defer { rd_kafka_queue_destroy(queue) }
            let options = rd_kafka_AdminOptions_new(client, operation)
            defer { rd_kafka_AdminOptions_destroy(options) }
            var text = [CChar](repeating: 0, count: 512)
            // 1 to 3,600,000 ms is what librdkafka takes.
            let milliseconds = max(1, min(3_600_000, timeout.timeoutMilliseconds))
            let code = rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, &text, text.count)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw KafkaError(code, action, detail: String(terminated: text))
            }
            send(client, options, queue)
            guard let event = rd_kafka_queue_poll(queue, milliseconds + 1_000) else { throw .timedOut(action) }
            defer { rd_kafka_event_destroy(event) }
            let failure = rd_kafka_event_error(event)
            guard failure == RD_KAFKA_RESP_ERR_NO_ERROR else {
                let detail = rd_kafka_event_error_string(event).map { String(cString: $0) }
                throw KafkaError(failure, action, detail: detail)
            }
            return try answer(event)
        }
    }
}
