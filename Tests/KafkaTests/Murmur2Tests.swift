import Kafka
import Testing

@Suite("Murmur2")
struct Murmur2Tests {
    /// From the tests of Java's `org.apache.kafka.common.utils.Utils`.
    @Test(
        "hashes as Java's default partitioner does",
        arguments: [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
        ] as [(String, Int32)]
    )
    func javaVectors(key: String, hash: Int32) {
        #expect(Int32(bitPattern: Murmur2.hash(Array(key.utf8))) == hash)
    }

    @Test("the partition of a negative hash is not negative, and the empty key has one too")
    func partitions() {
        #expect(Murmur2.partition(of: Array("21".utf8), count: 7) == (-973_932_308 & 0x7fff_ffff) % 7)
        #expect((0..<3).contains(Murmur2.partition(of: [], count: 3)))
        #expect(Murmur2.partition(of: [1, 2, 3], count: 1) == 0)
    }
}
