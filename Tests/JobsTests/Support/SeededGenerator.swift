import Lab

/// Random numbers that a printed seed brings back.
struct SeededGenerator: RandomNumberGenerator {
    let seed: UInt64
    private var numbers: SplitMix

    /// - Parameter seed: from a failure's message, to repeat it; by default a new one for each run.
    init(seed: UInt64 = .random(in: .min ... .max)) {
        self.seed = seed
        self.numbers = SplitMix(seed: seed)
    }

    mutating func next() -> UInt64 { self.numbers.next() }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func maybe<Value>(_ value: (inout SeededGenerator) -> Value) -> Value? {
        self.chance(50) ? value(&self) : nil
    }

    mutating func list<Value>(_ count: ClosedRange<Int>, _ value: (inout SeededGenerator) -> Value) -> [Value] {
        (0..<Int.random(in: count, using: &self)).map { _ in value(&self) }
    }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &self)]
    }

    mutating func bytes(_ count: ClosedRange<Int>) -> [UInt8] {
        self.list(count) { .random(in: .min ... .max, using: &$0) }
    }
}
