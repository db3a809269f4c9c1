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
        let doubled = self.base * (1 << min(max(failures - 1, 0), 20))
        return min(doubled, self.maximum) * Double.random(in: 0.5...1, using: &generator)
    }

    package func pause(after failures: Int) -> Duration {
        var generator = SystemRandomNumberGenerator()
        return self.pause(after: failures, using: &generator)
    }
}
