import CRDKafka
import Glibc

/// A `rd_kafka_topic_partition_list_t`.
///
/// Confined to the function that makes it: neither librdkafka's list nor this owner of it may be shared between threads.
final class PartitionList {
    private let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>
    private let isOwned: Bool

    /// Takes over a list.
    init(owning pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) {
        self.pointer = pointer
        self.isOwned = true
    }

    /// Looks at a list that belongs to somebody else, who must keep it for as long; an empty one of its own for `nil`.
    init(borrowing pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) {
        self.isOwned = pointer == nil
        self.pointer = pointer ?? rd_kafka_topic_partition_list_new(0)
    }

    convenience init(_ partitions: some Collection<TopicPartition>) {
        self.init(owning: rd_kafka_topic_partition_list_new(Int32(partitions.count)))
        for partition in partitions {
            rd_kafka_topic_partition_list_add(self.pointer, partition.topic, partition.partition)
        }
    }

    convenience init(_ offsets: some Collection<CommittedOffset>) {
        self.init(owning: rd_kafka_topic_partition_list_new(Int32(offsets.count)))
        for offset in offsets {
            let partition = offset.topicPartition
            guard
                let element = rd_kafka_topic_partition_list_add(self.pointer, partition.topic, partition.partition)
            else { continue }
            element.pointee.offset = offset.offset ?? Int64(RD_KAFKA_OFFSET_INVALID)
            let bytes = Array(offset.metadata.utf8)
            guard !bytes.isEmpty, let copy = malloc(bytes.count) else { continue }
            // The list frees it.
            bytes.withUnsafeBytes {
                copy.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(copy), byteCount: $0.count)
            }
            element.pointee.metadata = copy
            element.pointee.metadata_size = bytes.count
        }
    }

    deinit {
        if self.isOwned { rd_kafka_topic_partition_list_destroy(self.pointer) }
    }

    /// Lends the list to a call. Only this way: a pointer that outlives the last mention of its owner may be freed already.
    func lend<Result>(_ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> Result) -> Result {
        defer { withExtendedLifetime(self) {} }
        return body(self.pointer)
    }

    func copy() -> PartitionList {
        PartitionList(owning: rd_kafka_topic_partition_list_copy(self.pointer))
    }

    private var elements: UnsafeMutableBufferPointer<rd_kafka_topic_partition_t> {
        UnsafeMutableBufferPointer(start: self.pointer.pointee.elems, count: Int(self.pointer.pointee.cnt))
    }

    var isEmpty: Bool { self.pointer.pointee.cnt == 0 }

    var partitions: [TopicPartition] {
        self.elements.map { TopicPartition($0.name, $0.partition) }
    }

    /// Offsets as a coordinator gave them: a logical one means that nothing has been committed.
    var committedOffsets: [CommittedOffset] {
        self.elements.map { element in
            var metadata = ""
            if let bytes = element.metadata, element.metadata_size > 0 {
                metadata = String(
                    decoding: UnsafeRawBufferPointer(start: bytes, count: element.metadata_size),
                    as: UTF8.self
                )
            }
            return CommittedOffset(
                TopicPartition(element.name, element.partition),
                offset: element.offset >= 0 ? element.offset : nil,
                metadata: metadata
            )
        }
    }

    /// The partitions that have an error of their own.
    var failures: [TopicPartition: rd_kafka_resp_err_t] {
        var failures: [TopicPartition: rd_kafka_resp_err_t] = [:]
        for element in self.elements where element.err != RD_KAFKA_RESP_ERR_NO_ERROR {
            failures[TopicPartition(element.name, element.partition)] = element.err
        }
        return failures
    }
}

extension rd_kafka_topic_partition_t {
    fileprivate var name: String { self.topic.map { String(cString: $0) } ?? "" }
}
