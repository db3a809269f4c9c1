import Jobs
import Kafka

extension JobProgress {
    /// - Parameter partition: `nil`: that of the key.
    func record(topic: String, key: String?, partition: Int32? = nil) -> ProducerRecord {
        var value: [UInt8] = []
        self.encode(into: &value)
        return ProducerRecord(topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: value)
    }
}
