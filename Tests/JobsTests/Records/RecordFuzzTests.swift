import TestSupport
import Testing

@testable import Jobs

@Suite("Records from anywhere")
struct RecordFuzzTests {
    private func decode(_ bytes: [UInt8]) {
        _ = try? Job(decoding: bytes)
        _ = try? DeviceTask(decoding: bytes)
        _ = try? Reply(decoding: bytes)
    }

    @Test("random bytes never crash a decoder")
    func bytes() {
        var generator = SeededGenerator()
        print("record fuzz, bytes: seed \(generator.seed)")
        for _ in 0..<3000 { self.decode(generator.bytes(0...200)) }
    }

    @Test("records with flipped, lost and doubled bytes never crash a decoder")
    func mutatedBytes() throws {
        var generator = SeededGenerator()
        print("record fuzz, mutated bytes: seed \(generator.seed)")
        let examples = try Repository.exampleRecords().map(\.bytes)
        for _ in 0..<3000 {
            var bytes = generator.pick(examples)
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = .random(in: .min ... .max, using: &generator)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(bytes[index], at: index)
                default: bytes.removeSubrange(index...)
                }
            }
            self.decode(bytes)
        }
    }

    @Test("records with other values in their fields are refused or stay what they say")
    func mutatedValues() throws {
        var generator = SeededGenerator()
        print("record fuzz, mutated values: seed \(generator.seed)")
        let examples = try Repository.exampleRecords().map { try JSONReader.read($0.bytes) }
        for _ in 0..<5000 {
            let bytes = generator.mutated(generator.pick(examples)).encoded
            self.decode(bytes)
            guard let job = try? Job(decoding: bytes) else { continue }
            var encoded: [UInt8] = []
            job.encode(into: &encoded)
            #expect(try Job(decoding: encoded) == job, "seed \(generator.seed)")
        }
    }
}
