/// What a client instance is for; decides its settings.
enum ClientRole: Sendable {
    case producer(transactionalID: String?)
    case consumer(KafkaConsumer.Group)
    case reader
    case admin

    /// Tether's own settings, which the user's properties may replace.
    ///
    /// They are tuned for latency: an alert becomes a command within milliseconds, and a fan-out fills its batches anyway.
    var defaults: [(name: String, value: String)] {
        let common = [
            // Small requests must not wait for the acknowledgement of the one before (Nagle's algorithm).
            ("socket.nagle.disable", "true"),
            ("socket.keepalive.enable", "true"),
            ("socket.connection.setup.timeout.ms", "10000"),
            // A broker that comes back is found within two seconds, not ten.
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "2000"),
            ("allow.auto.create.topics", "false"),
        ]
        switch self {
        case .producer(let transactionalID):
            // A transaction bounds its records' time by `transaction.timeout.ms`; setting both is refused by the library.
            // And it bounds how long readers of committed records wait for a transaction whose owner died: everything behind it.
            let timeout =
                transactionalID == nil
                ? [("message.timeout.ms", "120000")] : [("transaction.timeout.ms", "30000")]
            return common + timeout + [
                // An idle producer sends at once; a busy one fills batches while earlier requests are under way. Waiting a millisecond for more
                // made a record four times slower and cost more processor time, and bulk was no faster for it.
                ("linger.ms", "0"),
                ("queue.buffering.max.messages", "100000"),
                ("queue.buffering.max.kbytes", "65536"),
                // Device output is text that shrinks to a fraction, for less time than sending it plain takes.
                ("compression.type", "lz4"),
                // Java's default partitioner, so that every producer puts a key on the same partition.
                ("partitioner", "murmur2_random"),
                // How long a topic that was just created may be unknown to the brokers.
                ("topic.metadata.propagation.max.ms", "10000"),
            ]
        case .consumer(let group):
            let session = max(1, group.sessionTimeout.timeoutMilliseconds)
            return common + Self.fetching + [
                ("partition.assignment.strategy", "cooperative-sticky"),
                ("session.timeout.ms", String(session)),
                ("heartbeat.interval.ms", String(max(1, min(3_000, session / 3)))),
                // A job that nobody has seen yet is run, not skipped.
                ("auto.offset.reset", "earliest"),
            ]
        case .reader:
            return common + Self.fetching + [("auto.offset.reset", "earliest")]
        case .admin:
            return common
        }
    }

    /// Whether a thread always polls it, so that statistics don't pile up.
    var isServed: Bool {
        switch self {
        case .producer, .consumer: true
        case .reader, .admin: false
        }
    }

    private static let fetching = [
        // A broker answers as soon as it has a byte; this only bounds how long it holds an empty answer.
        ("fetch.min.bytes", "1"),
        ("fetch.wait.max.ms", "100"),
        ("fetch.error.backoff.ms", "100"),
        // Bounds of what is fetched ahead of the application, for each partition and in all.
        ("queued.min.messages", "10000"),
        ("queued.max.messages.kbytes", "16384"),
        ("check.crcs", "true"),
    ]

    /// Settings that a promise rests on: nobody may replace them.
    var promises: [(name: String, value: String)] {
        switch self {
        case .producer(let transactionalID):
            [("enable.idempotence", "true")] + (transactionalID.map { [("transactional.id", $0)] } ?? [])
        case .consumer(let group):
            [
                ("group.id", group.id),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("isolation.level", "read_committed"),
            ] + (group.instanceID.map { [("group.instance.id", $0)] } ?? [])
        case .reader:
            [
                // Tells when everything that was there has been read.
                ("enable.partition.eof", "true"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("isolation.level", "read_committed"),
                // They would wait in a queue that nobody polls while nobody reads.
                ("statistics.interval.ms", "0"),
            ]
        case .admin:
            [("statistics.interval.ms", "0")]
        }
    }

    /// Properties that may not be in ``KafkaConfiguration/properties``, and why; with the library's aliases of them.
    static let protectedProperties: [String: String] = [
        "enable.auto.commit": "offsets are committed explicitly, with the state of unfinished work",
        "auto.commit.enable": "offsets are committed explicitly, with the state of unfinished work",
        "enable.auto.offset.store": "offsets are committed explicitly, with the state of unfinished work",
        "enable.idempotence": "records must not be written twice by a retry",
        "isolation.level": "records of aborted transactions must never be read",
        "bootstrap.servers": "it has a setting of its own",
        "metadata.broker.list": "it has a setting of its own",
        "client.id": "it has a setting of its own",
        // By this one a worker knows when it may have been replaced: what the group goes by must be the same.
        "session.timeout.ms": "it has a setting of its own",
        "auto.offset.reset": "what nobody has seen yet must be read, not skipped",
        "partitioner": "records of one key must be on one partition, whoever writes them",
        "delivery.report.only.error": "what is done depends on acknowledgements",
        "group.id": "it has a setting of its own",
        "group.instance.id": "it has a setting of its own",
        "transactional.id": "it has a setting of its own",
    ]
}
