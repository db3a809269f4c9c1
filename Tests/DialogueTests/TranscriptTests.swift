import Dialogue
import Lab
import Testing

@Suite("Transcripts")
struct TranscriptTests {
    private func check(_ fixture: Transcripts.Fixture, _ device: ScriptedDevice, _ label: String) {
        var device = device
        let conversation = device.play(fixture.turns)
        #expect(conversation.error == nil, "\(label)")
        #expect(conversation.isComplete, "\(label)")
        #expect(conversation.commands.map(\.outputText) == fixture.outputs, "\(label)")
        #expect(conversation.commands.map { $0.completion?.failure } == fixture.failures, "\(label)")
        #expect(conversation.commands.last?.completion?.prompt == fixture.lastPrompt, "\(label)")
    }

    private static func length(_ fixture: Transcripts.Fixture) -> Int {
        fixture.turns.reduce(0) { total, turn in
            switch turn {
            case .prints(let text): total + text.utf8.count
            case .printsBytes(let bytes): total + bytes.count
            default: total
            }
        }
    }

    @Test("a transcript gives the same result however its bytes are split", arguments: Transcripts.all, [true, false])
    func chunking(_ fixture: Transcripts.Fixture, gated: Bool) throws {
        let platform = try platform(fixture.platform)
        let chunkings: [Chunking] =
            [.whole, .eachByte]
            + stride(from: 1, to: Self.length(fixture), by: gated ? 1 : 5).map { .cut($0) }
            + (1...20).map { .random(seed: $0) }
        for chunking in chunkings {
            self.check(fixture, ScriptedDevice(platform, gated: gated, chunking: chunking), chunking.testDescription)
        }
    }

    @Test(
        "where nothing in the output looks like a prompt, a pause after any byte changes nothing",
        arguments: Transcripts.all.filter { !$0.hasPromptLikeText },
        [true, false]
    )
    func pauses(_ fixture: Transcripts.Fixture, gated: Bool) throws {
        let platform = try platform(fixture.platform)
        for chunking in [Chunking.eachByte]
            + stride(from: 1, to: Self.length(fixture), by: 3).map({ .cut($0) })
        {
            let device = ScriptedDevice(
                platform, gated: gated, chunking: chunking, firesZeroTimersBetweenChunks: true)
            self.check(fixture, device, chunking.testDescription)
        }
    }

    @Test("the device is taken leave of in its own words", arguments: Transcripts.all)
    func farewell(_ fixture: Transcripts.Fixture) throws {
        var device = ScriptedDevice(try platform(fixture.platform))
        _ = device.play(fixture.turns)
        var actions: [DialogueMachine.Action] = []
        device.machine.hangUp(&actions)
        #expect(actions.contains(.send(Array(fixture.farewell.utf8))))
    }

    @Test(
        "without its last prompt a command isn't finished", arguments: Transcripts.all, [true, false])
    func truncation(_ fixture: Transcripts.Fixture, gated: Bool) throws {
        let platform = try platform(fixture.platform)
        guard case .prints(let last)? = fixture.turns.last else { return }
        for count in 1...last.count where last.count - count < last.count {
            let text = String(last.suffix(count))
            // Without its blank at the end, it is the prompt still.
            if text.allSatisfy({ $0 == " " }) { continue }
            var device = ScriptedDevice(platform, gated: gated)
            let conversation = device.play(fixture.turns.cutting(text))
            #expect(conversation.commands.last?.completion == nil, "cut \(count)")
        }
    }

    @Test("pure noise never crashes the machine")
    func noise() throws {
        for name in try PlatformLibrary().names {
            let platform = try platform(name)
            for seed in 1...30 as ClosedRange<UInt64> {
                var random = SplitMix(seed: seed)
                let alphabet: [UInt8] = [
                    0x08, 0x0A, 0x0D, 0x1B, 0x20, 0x3E, 0x23, 0x5B, 0x4B, 0x44, 0x31, 0x80, 0xC3, 0xFF, 0x61, 0x00,
                ]
                let bytes = (0..<3_000).map { _ in alphabet.randomElement(using: &random) ?? 0 }
                var device = ScriptedDevice(platform, chunking: .random(seed: seed))
                let conversation = device.play(
                    [.printsBytes(bytes), .runs("show x"), .printsBytes(bytes)], timerLimit: 100)
                #expect(conversation.commands.count <= 1, "\(name), seed \(seed)")
            }
        }
    }
}
