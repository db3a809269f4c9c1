import Foundation
import Kafka
import Lab

/// A record on the reply topic, decoded without the code under test.
struct SeenReply: Sendable {
    var type: String
    var job: String
    var device: String?
    var outcome: String?
    var code: String?
    var message: String?
    var isRedelivered: Bool
    /// Commands that the result says were begun.
    var begun: Int
    var tasks: Int?
    /// All numbers of the value: the counts of `finished`.
    var counts: [String: Int]
    var partition: Int32
    var offset: Int64
    /// Milliseconds since 1970.
    var timestamp: Int64

    init?(_ record: KafkaRecord) {
        guard let value = record.value,
            let object = try? JSONSerialization.jsonObject(with: Data(value)) as? [String: Any],
            let type = object["type"] as? String, let job = object["job"] as? String
        else { return nil }
        self.type = type
        self.job = job
        self.device = object["device"] as? String
        self.outcome = object["outcome"] as? String
        let error = object["error"] as? [String: Any]
        self.code = error?["code"] as? String
        self.message = error?["message"] as? String
        self.isRedelivered = object["redelivered"] as? Bool ?? false
        self.begun = (object["commands"] as? [Any])?.count ?? 0
        self.tasks = object["tasks"] as? Int
        self.counts = object.compactMapValues { $0 as? Int }
        self.partition = record.topicPartition.partition
        self.offset = record.offset
        self.timestamp = record.timestamp ?? 0
    }
}

/// A time in which a worker could not know that it had lost its devices.
struct Absence: Sendable {
    var from: Int64
    var to: Int64
    /// What was made since then may still have been with the worker when it began: before `from` if the broker was away until shortly before.
    var unsentFrom: Int64
}

/// Everything that is known of a round when it is over.
struct Evidence: Sendable {
    var delivery: Delivery
    var jobs: [SubmittedJob]
    var replies: [SeenReply]
    /// Of the reply topic that were no replies.
    var unreadable = 0
    var deadLetters: [String]
    var faults: [String: Int]
    /// Freezes and isolations of workers.
    var absences: [Absence]
    /// When the task topic got more partitions.
    var growths: [Int64]
    var devices: [DeviceEvidence]
    /// Ends of workers that nobody had asked for.
    var crashes: [String]
}

struct DeviceEvidence: Sendable {
    var name: String
    var commands: [CommandRecord]
    var overlaps: [SimulatedDevice.Overlap]
    /// How often each job's counter was raised.
    var counts: [String: Int]
}
