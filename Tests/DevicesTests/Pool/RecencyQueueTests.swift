import Lab
import Testing

@testable import Devices

@Suite("Recency queue")
struct RecencyQueueTests {
    @Test("agrees with a plain list, whatever the order of calls")
    func random() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(seed: seed)
        var queue = RecencyQueue()
        var list: [String] = []
        for _ in 0..<20_000 {
            let key = String(Int.random(in: 0..<20, using: &generator))
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<6:
                queue.append(key)
                list.removeAll { $0 == key }
                list.append(key)
            case 6..<9:
                queue.remove(key)
                list.removeAll { $0 == key }
            default:
                #expect(queue.popOldest() == (list.isEmpty ? nil : list.removeFirst()), "seed \(seed)")
            }
            #expect(queue.oldest() == list.first, "seed \(seed)")
            #expect(queue.count == list.count, "seed \(seed)")
        }
    }
}
