import Jobs
import Kafka

/// Where a job's replies go, and what goes with each of them.
struct ReplyRoute: Sendable, Hashable {
    var topic: String
    var partition: Int32?
    var echo: [EchoedHeader]

    /// The route of a job record: its own `reply_to`, else Spring's `kafka_replyTopic` header, else the default topic.
    init(record: KafkaRecord, replyTo: String?, echoHeaders: [String] = [], default defaultTopic: String) {
        func header(_ name: String) -> [UInt8]? { record.headers.last { $0.name == name }?.value }
        self.topic =
            replyTo ?? header(HeaderName.springReplyTopic).map { String(decoding: $0, as: UTF8.self) } ?? defaultTopic
        // A 32-bit big-endian number (KafkaHeaders.REPLY_PARTITION).
        self.partition = header(HeaderName.springReplyPartition).flatMap { bytes in
            guard bytes.count == 4 else { return nil }
            let value = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return value <= UInt32(Int32.max) ? Int32(value) : nil
        }
        let names = Set(HeaderName.alwaysEchoed).union(echoHeaders)
        self.echo = record.headers.filter { names.contains($0.name) }.map { EchoedHeader($0.name, $0.value) }
    }

    init(topic: String, partition: Int32?, echo: [EchoedHeader]) {
        self.topic = topic
        self.partition = partition
        self.echo = echo
    }

    init(of task: DeviceTask) {
        self.topic = task.replyTo
        self.partition = task.replyPartition
        self.echo = task.echo
    }

    /// What the echoed headers add to each reply.
    var echoBytes: Int { self.echo.reduce(0) { $0 + KafkaHeader($1.name, $1.value).size } }

    /// Forgets a partition that the reply topic doesn't have.
    mutating func dropPartition(outOf count: Int32) {
        if let partition = self.partition, partition >= count { self.partition = nil }
    }

    func record(for reply: Reply, job: String) -> ProducerRecord {
        var bytes: [UInt8] = []
        reply.encode(into: &bytes)
        return ProducerRecord(
            topic: self.topic,
            partition: self.partition,
            key: Array(job.utf8),
            value: bytes,
            headers: [KafkaHeader(HeaderName.type, reply.type)] + self.echo.map { KafkaHeader($0.name, $0.value) }
        )
    }
}
