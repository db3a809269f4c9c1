import Jobs
import Kafka

/// What a record that a worker writes counts as.
enum WrittenRecord: Sendable {
    case task
    case deadLetter
    case accepted, rejected, output, result, finished
    /// The workers' own notes.
    case other

    init(_ record: ProducerRecord, _ topics: TopicNames) {
        if record.topic == topics.tasks {
            self = .task
        } else if record.topic == topics.deadLetters {
            self = .deadLetter
        } else if let header = record.headers.first, header.name == HeaderName.type, let value = header.value {
            // By as many letters as tell them apart: this is asked for each record.
            switch (value.first, value.dropFirst(2).first) {
            case (UInt8(ascii: "a"), _): self = .accepted
            case (UInt8(ascii: "o"), _): self = .output
            case (UInt8(ascii: "f"), _): self = .finished
            case (UInt8(ascii: "r"), UInt8(ascii: "j")): self = .rejected
            case (UInt8(ascii: "r"), UInt8(ascii: "s")): self = .result
            default: self = .other
            }
        } else {
            self = .other
        }
    }
}

extension WorkerMetrics {
    func wrote(_ record: WrittenRecord) {
        switch record {
        case .task: self.routedTasks.increment()
        case .deadLetter: self.deadLetters.increment()
        case .accepted: self.acceptedReplies.increment()
        case .rejected: self.rejectedReplies.increment()
        case .output: self.outputReplies.increment()
        case .result: self.resultReplies.increment()
        case .finished: self.finishedReplies.increment()
        case .other: break
        }
    }
}
