import Dialogue
import Foundation
import Lab
import Testing

/// Transcripts with damaged bytes, whose last answer is cut before its prompt. `TETHER_MUTATIONS` says how many bytes or runs of bytes are
/// damaged in all; the long form is 10,000,000. `TETHER_MUTATIONS_SEED` is the seed of the first conversation.
@Suite("Mutations")
struct MutationTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let count = environment["TETHER_MUTATIONS"].flatMap(Int.init) ?? 10_000
    private static let firstSeed = environment["TETHER_MUTATIONS_SEED"].flatMap(UInt64.init) ?? 1

    /// What becomes of the conversation after the cut answer.
    private enum Sequel: CaseIterable {
        case silence, close, interruption
    }

    @Test("damage never crashes, never hangs, and never makes a success of a cut answer")
    func mutations() throws {
        let platforms = try Transcripts.all.map { try platform($0.platform) }
        var seed = Self.firstSeed
        var mutations = 0
        var conversations = 0
        var cutReads = 0
        var failures = 0
        let clock = ContinuousClock()
        let start = clock.now
        while mutations < Self.count, failures < 20 {
            var random = SplitMix(seed: seed)
            let index = Int.random(in: 0..<Transcripts.all.count, using: &random)
            let outcome = Self.converse(Transcripts.all[index], platforms[index], seed, &random)
            mutations += outcome.mutations
            conversations += 1
            if outcome.hasReachedCut { cutReads += 1 }
            if let problem = outcome.problem {
                failures += 1
                Issue.record("seed \(seed), \(Transcripts.all[index].name): \(problem)")
            }
            seed += 1
        }
        if Self.environment["TETHER_MUTATIONS"] != nil {
            print(
                """
                mutations: \(mutations) in \(conversations) conversations, \(cutReads) of which came to the cut answer, \
                seeds \(Self.firstSeed)..<\(seed), \(failures) failures, \(clock.now - start)
                """)
        }
    }

    private static func converse(
        _ fixture: Transcripts.Fixture,
        _ platform: PlatformDefinition,
        _ seed: UInt64,
        _ random: inout SplitMix
    ) -> (mutations: Int, hasReachedCut: Bool, problem: String?) {
        var turns = fixture.turns
        guard case .prints(let answer) = turns.removeLast() else { return (1, false, "the fixture has no last answer") }
        // Everything but the last line: what is left ends in a line end.
        let kept = answer.utf8.lastIndex(of: 0x0A).map { answer.utf8[...$0] } ?? answer.utf8[..<answer.utf8.startIndex]
        turns.append(.printsBytes(Array(kept)))
        var mutations = 0
        let rarity = [2, 3, 6, 12].randomElement(using: &random) ?? 3
        for index in turns.indices.dropLast() {
            guard case .prints(let text) = turns[index], Int.random(in: 0..<rarity, using: &random) == 0 else {
                continue
            }
            var bytes = Array(text.utf8)
            for _ in 0...Int.random(in: 0..<4, using: &random) where !bytes.isEmpty {
                Self.damage(&bytes, &random)
                mutations += 1
            }
            turns[index] = .printsBytes(bytes)
        }
        let sequel = Sequel.allCases.randomElement(using: &random) ?? .silence
        switch sequel {
        case .silence: break
        case .close: turns.append(.closes)
        case .interruption: turns.append(.interrupts)
        }
        let limit = 400
        var device = ScriptedDevice(
            platform,
            gated: Bool.random(using: &random),
            chunking: .random(seed: seed),
            firesZeroTimersBetweenChunks: Int.random(in: 0..<4, using: &random) == 0,
            answersEnters: Bool.random(using: &random)
        )
        let conversation = device.play(turns, timerLimit: limit)
        let last = conversation.commands.last
        let hasReachedCut = conversation.commands.count == fixture.outputs.count
        if device.timersFired >= limit { return (mutations, hasReachedCut, "no end of timers") }
        guard hasReachedCut, let completion = last?.completion else { return (mutations, hasReachedCut, nil) }
        // A change of mode may be refused; that is no success. And a prompt may be damaged into that of the mode that is asked for.
        if last?.text.hasPrefix("→") == true, completion.failure != nil || last?.typed == "" {
            return (mutations, false, nil)
        }
        return (mutations, true, "a cut answer was taken for a whole one: \(completion), sequel \(sequel)")
    }

    private static func damage(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
        case 3:
            let sequence = "\u{1B}[\(Int.random(in: 0...9_999, using: &random))"
            bytes.insert(contentsOf: Array(sequence.utf8), at: index)
        case 4: bytes.removeSubrange(index..<min(index + Int.random(in: 1...20, using: &random), bytes.count))
        case 5: bytes.swapAt(index, Int.random(in: 0..<bytes.count, using: &random))
        default: bytes.insert(contentsOf: bytes[index...], at: index)
        }
    }
}
