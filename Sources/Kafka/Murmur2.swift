/// The hash of Java Kafka's default partitioner, so that any producer puts a key on the same partition.
package enum Murmur2 {
    /// The partition of a key: `toPositive(murmur2(key)) % partitions`.
    ///
    /// - Parameter count: the topic's partitions; at least 1 (0 and less count as 1).
    package static func partition(of key: [UInt8], count: Int32) -> Int32 {
        Int32(bitPattern: Self.hash(key) & 0x7fff_ffff) % max(1, count)
    }

    /// 32-bit MurmurHash2 with the seed of `org.apache.kafka.common.utils.Utils.murmur2`.
    package static func hash(_ key: [UInt8]) -> UInt32 {
        let multiplier: UInt32 = 0x5bd1_e995
        var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: key.count)
        let wholeWords = key.count / 4 * 4

        var index = 0
        while index < wholeWords {
            var word =
                UInt32(key[index]) | UInt32(key[index + 1]) << 8 | UInt32(key[index + 2]) << 16
                | UInt32(key[index + 3]) << 24
            word = word &* multiplier
            word ^= word >> 24
            word = word &* multiplier
            hash = (hash &* multiplier) ^ word
            index += 4
        }

        if wholeWords < key.count {
            for (shift, byte) in key[wholeWords...].enumerated() {
                hash ^= UInt32(byte) << UInt32(8 * shift)
            }
            hash = hash &* multiplier
        }

        hash ^= hash >> 13
        hash = hash &* multiplier
        hash ^= hash >> 15
        return hash
    }
}
