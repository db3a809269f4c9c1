import Lab
import Testing

@testable import Devices

@Suite("Backoff")
struct BackoffTests {
    @Test("pauses double up to the bound, each shortened by up to half")
    func growth() {
        var generator = SplitMix(seed: 7)
        let backoff = Backoff(base: .seconds(2), maximum: .seconds(60))
        for (failures, full) in [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (100, 60)] {
            for _ in 0..<50 {
                let pause = backoff.pause(after: failures, using: &generator)
                #expect(pause >= .seconds(full) / 2 && pause <= .seconds(full))
            }
        }
    }

    @Test("no time is too long to wait for")
    func absurd() {
        let longest = Duration.seconds(Int64.max)
        #expect(Backoff(base: longest, maximum: longest).pause(after: 30) <= longest)
        #expect(Backoff(base: longest).pause(after: 3) <= .seconds(60))
    }
}
