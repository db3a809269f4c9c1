import Jobs
import Kafka

/// What stands on one topic, as far as it has been read. Confined to its test.
final class TopicLog {
    let topic: String
    private let cluster: Cluster
    private let reader: KafkaReader
    private(set) var records: [KafkaRecord] = []

    /// Reads from the beginning.
    init(_ topic: String, on cluster: Cluster) async throws {
        self.topic = topic
        self.cluster = cluster
        self.reader = try await KafkaReader(
            cluster.configuration, topic: topic, from: .beginning, logger: Cluster.logger)
    }

    func close() async { await self.reader.close() }

    /// Reads on until there is enough.
    func read(_ what: String, within limit: Duration = patience, until isEnough: ([KafkaRecord]) throws -> Bool)
        async throws
    {
        let deadline = ContinuousClock.now + limit
        while try !isEnough(self.records) {
            guard ContinuousClock.now < deadline else {
                let state = self.records.map {
                    "\($0.topicPartition)@\($0.offset) " + String(decoding: ($0.value ?? []).prefix(300), as: UTF8.self)
                }
                throw NotInTime("\(what) on \(self.topic)", within: limit, state: state.joined(separator: "\n"))
            }
            self.records += try await self.reader.next(timeout: .milliseconds(250))
        }
    }

    /// Reads to the end: everything that was acknowledged before this call is there when it returns.
    func readToEnd() async throws {
        let mark = Array("end of \(self.topic)".utf8)
        let partitions = try await self.cluster.partitionCount(of: self.topic)
        for partition in 0..<partitions {
            try await self.cluster.producer.send(
                acknowledged: ProducerRecord(topic: self.topic, partition: partition, key: mark, value: nil))
        }
        try await self.read("the end") { records in records.count { $0.key == mark } >= Int(partitions) }
        self.records.removeAll { $0.key == mark }
    }
}

/// A reply and the record that brought it.
struct ReceivedReply {
    var reply: Reply
    var record: KafkaRecord
}

extension TopicLog {
    /// The records as replies, in the order of the log (of each partition).
    var replies: [ReceivedReply] {
        get throws {
            try self.records.map { ReceivedReply(reply: try Reply(decoding: $0.value ?? []), record: $0) }
        }
    }

    func results(of job: String? = nil) throws -> [DeviceResult] {
        try self.replies.compactMap { received in
            guard case .result(let result) = received.reply, job == nil || result.job == job else { return nil }
            return result
        }
    }

    func accepted(_ job: String) throws -> Accepted? {
        for received in try self.replies {
            if case .accepted(let accepted) = received.reply, accepted.job == job { return accepted }
        }
        return nil
    }

    /// Waits for a job's `finished` record.
    func finished(_ job: String, within limit: Duration = patience) async throws -> Finished {
        func find() throws -> Finished? {
            for received in try self.replies {
                if case .finished(let finished) = received.reply, finished.job == job { return finished }
            }
            return nil
        }
        try await self.read("the end of \(job)", within: limit) { _ in try find() != nil }
        guard let finished = try find() else { throw Unexpected("\(job) has not finished") }
        return finished
    }

    /// Waits until so many results of a job are there, and returns them.
    @discardableResult
    func results(of job: String, count: Int, within limit: Duration = patience) async throws -> [DeviceResult] {
        try await self.read("\(count) results of \(job)", within: limit) { _ in try self.results(of: job).count >= count
        }
        return try self.results(of: job)
    }

    /// Waits for the only result of a job for one device.
    func result(of job: String, within limit: Duration = patience) async throws -> DeviceResult {
        try await self.results(of: job, count: 1, within: limit)[0]
    }
}
