/// The pause before another attempt: doubled each time, up to a bound, and shortened by chance by up to half, so that many callers whom one
/// event has thrown out don't come back at one moment.
package struct Backoff: Sendable {
    var base: Duration
    var maximum: Duration

    package init(base: Duration, maximum: Duration = .seconds(60)) {
        self.base = base
        self.maximum = maximum
    }

    /// - Parameter failures: Attempts so far, from 1.
    func pause(after failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        var pause = min(self.base, self.maximum)
        // One by one: the bound comes long before anything could overflow.
        for _ in 1..<max(1, min(failures, 64)) where pause < self.maximum {
            pause = pause > self.maximum / 2 ? self.maximum : pause * 2
        }
        return pause * Double.random(in: 0.5...1, using: &generator)
    }

    package func pause(after failures: Int) -> Duration {
        var generator = SystemRandomNumberGenerator()
        return self.pause(after: failures, using: &generator)
    }
}
