/// The hash of Java Kafka's default partitioner, so that any producer puts a key on the same partition.
package enum Murmur2 {
    /// The partition of a key: `toPositive(murmur2(key)) % partitions`.
    package static func partition(of key: [UInt8], count: Int32) -> Int32 { fatalError("stub") }
}
