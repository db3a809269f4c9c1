import Jobs
import Kafka

/// A task as its owner took it from the log.
struct AssignedTask: Sendable {
    var task: DeviceTask
    var partition: TopicPartition
    var offset: Int64
    /// The rebalance that granted the partition: what belongs to an earlier grant counts no more.
    var grant: Int
    /// Bytes of its record.
    var size: Int
    /// The record, if it stood on another partition than the device's: to be forwarded as it is.
    var stray: KafkaRecord?
    /// An earlier owner may have published a result.
    var mayHaveRun: Bool
    var taken: ContinuousClock.Instant
    /// From the job record's timestamp to `taken`.
    var queued: Duration
    /// When the task's deadline is up.
    var deadline: ContinuousClock.Instant
    /// Where tasks are traced.
    var trace: TaskTrace?

    /// One taking of a record: after another rebalance the same record is another one.
    struct Identity: Hashable, Sendable {
        var partition: TopicPartition
        var offset: Int64
        var grant: Int
    }
    var identity: Identity { Identity(partition: self.partition, offset: self.offset, grant: self.grant) }

    /// - Parameters:
    ///   - now: milliseconds since 1970, at `taken`.
    ///   - maximumDeadline: no deadline is further away, whatever the record says. Its numbers come from outside: none of them may overflow.
    init(
        task: DeviceTask,
        partition: TopicPartition,
        offset: Int64,
        grant: Int,
        size: Int = 0,
        mayHaveRun: Bool,
        taken: ContinuousClock.Instant,
        now: Int64,
        maximumDeadline: Duration
    ) {
        self.task = task
        self.partition = partition
        self.offset = offset
        self.grant = grant
        self.size = size
        self.mayHaveRun = mayHaveRun
        self.taken = taken
        self.queued = .milliseconds(now - min(max(task.submitted, 0), now))
        let latest = now + maximumDeadline.components.seconds * 1_000
        self.deadline = taken + .milliseconds(min(max(task.deadline, now), latest) - now)
    }
}

/// Why a running task was told to stop.
enum Interruption: Sendable, Hashable {
    /// Its deadline passed.
    case expired
    /// Its job was cancelled.
    case cancelled
    /// Its partition moves to another worker, and it took longer than the drain time-out.
    case revoked
    /// Its partition is another worker's already.
    case lost
}

/// What came of a task.
enum TaskEnd: Sendable {
    case result(DeviceResult)
    /// No result from here: the next owner runs it, or reports it.
    /// `retracted`: nothing of it was sent to the device, although its beginning may have been noted.
    case abandoned(retracted: Bool)
    /// The device belongs on this partition of the task topic: the record was written by another partitioner, or before partitions were added.
    case elsewhere(Int32)
}
