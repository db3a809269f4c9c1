/// A job's work on one device: what the router writes to the task topic, keyed by device. Schema: `schemas/task.schema.json`.
package struct DeviceTask: Sendable, Hashable {
    /// `<job id>/<device>`: the same after any redelivery.
    package var id: String
    package var job: String
    /// Position among the job's tasks, from 0: the collector counts by it. `nil` in a record that no router wrote.
    package var index: Int?
    /// The topic that the job came from; what it may do is that topic's policy. `nil` in a record that no router wrote.
    package var source: String?
    /// Inventory name, or `host:port` of an ad-hoc target: the record's key, and the identity that sessions and lanes go by.
    package var device: String
    /// An ad-hoc target as the user wrote it (`user@host:port`); `nil` for a device of the inventory.
    package var address: String?
    package var operation: Operation
    package var effect: Effect
    /// Milliseconds since 1970.
    package var deadline: Int64
    /// When the job record was written, in milliseconds since 1970.
    package var submitted: Int64
    package var replyTo: String
    package var stream: Bool
    package var credential: JobCredential?
    package var platform: String?
    package var labels: [String: String]
    package var priority: Priority
    /// Partition of the reply topic that the requester asked for (`kafka_replyPartition`).
    package var replyPartition: Int32?
    /// Headers to copy to every reply, in order; a value is raw bytes (base64 in JSON).
    package var echo: [EchoedHeader]

    package init(
        id: String,
        job: String,
        index: Int? = nil,
        source: String? = nil,
        device: String,
        address: String? = nil,
        operation: Operation,
        effect: Effect,
        deadline: Int64,
        submitted: Int64,
        replyTo: String,
        stream: Bool = false,
        credential: JobCredential? = nil,
        platform: String? = nil,
        labels: [String: String] = [:],
        priority: Priority = .bulk,
        replyPartition: Int32? = nil,
        echo: [EchoedHeader] = []
    ) {
        self.id = id
        self.job = job
        self.index = index
        self.source = source
        self.device = device
        self.address = address
        self.operation = operation
        self.effect = effect
        self.deadline = deadline
        self.submitted = submitted
        self.replyTo = replyTo
        self.stream = stream
        self.credential = credential
        self.platform = platform
        self.labels = labels
        self.priority = priority
        self.replyPartition = replyPartition
        self.echo = echo
    }
}

/// A record header that travels with the task and comes back on every reply.
package struct EchoedHeader: Sendable, Hashable {
    package var name: String
    package var value: [UInt8]?

    package init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }
}
