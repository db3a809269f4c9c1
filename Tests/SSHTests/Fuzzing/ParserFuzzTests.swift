import Foundation
import Lab
import TestSupport
import Testing

@testable import SSH

@Suite("Parsers of what strangers send")
struct ParserFuzzTests {
    @Test("hold what they promise for every input that has been of interest, and for thousands like them")
    func corpus() throws {
        let corpus = try Self.corpus()
        #expect(Set(corpus.compactMap { $0.bytes.first.map { $0 % 6 } }).count == ParserChecks.Parser.allCases.count)
        for (name, bytes) in corpus {
            #expect(ParserChecks.violation(bytes) == nil, "\(name)")
        }
        let seed = ProcessInfo.processInfo.environment["TETHER_TEST_SEED"].flatMap { UInt64($0) } ?? 20_261_123
        var mutator = Mutator(seed: seed)
        for round in 0..<(takesLong ? 2_000_000 : 6000) {
            let bytes = mutator.mutated(corpus[round % corpus.count].bytes, with: corpus.map(\.bytes))
            if let violation = ParserChecks.violation(bytes) {
                Issue.record("seed \(seed), round \(round), \(Data(bytes).base64EncodedString()): \(violation)")
                return
            }
        }
    }

    private static func corpus() throws -> [(name: String, bytes: [UInt8])] {
        let folder = Repository.root.appendingPathComponent("Tests/SSHTests/Fuzzing/Corpus")
        return try Repository.files(in: folder, suffix: "").map {
            ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0)))
        }
    }
}

/// Changes inputs a little, as libFuzzer does, but the same way each time.
private struct Mutator: RandomNumberGenerator {
    private var numbers: SplitMix

    init(seed: UInt64) { self.numbers = SplitMix(seed: seed) }

    mutating func next() -> UInt64 { self.numbers.next() }

    mutating func mutated(_ bytes: [UInt8], with others: [[UInt8]]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int.random(in: 0..<4, using: &self) {
            guard bytes.count > 2 else { return bytes + [0] }
            let place = Int.random(in: 1..<bytes.count, using: &self)
            switch Int.random(in: 0..<7, using: &self) {
            case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &self)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 2: bytes[place] = [0, 1, 0x0A, 0x20, 0x7F, 0x80, 0xFF].randomElement(using: &self) ?? 0
            case 3: bytes.insert(UInt8.random(in: .min ... .max, using: &self), at: place)
            case 4: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...8, using: &self)))
            case 5:
                let piece = bytes[place..<min(bytes.count, place + Int.random(in: 1...64, using: &self))]
                bytes.insert(contentsOf: Array(piece), at: place)
            default:
                guard let other = others.randomElement(using: &self), other.count > 2 else { continue }
                bytes.replaceSubrange(place..., with: other[Int.random(in: 2..<other.count, using: &self)...])
            }
        }
        return Array(bytes.prefix(8192))
    }
}
