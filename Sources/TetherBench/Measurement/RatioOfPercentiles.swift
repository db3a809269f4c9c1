/// How much higher a percentile is under one condition than under another, from samples of rounds that were measured in pairs.
///
/// The samples of a round have its time in common, with all that the machine did meanwhile, so they aren't independent; the pairs are, nearly. So the
/// confidence interval comes from drawing pairs anew, with replacement (Efron's bootstrap, percentile method), and not single samples.
struct RatioOfPercentiles {
    let ratio: Double
    /// Nineteen of twenty such intervals hold the true ratio.
    let interval: ClosedRange<Double>

    private static let draws = 1_000

    init(_ percent: Double, of pairs: [(base: [Double], other: [Double])]) {
        func ratio(_ pairs: [(base: [Double], other: [Double])]) -> Double {
            pairs.flatMap(\.other).percentile(percent) / pairs.flatMap(\.base).percentile(percent)
        }
        self.ratio = ratio(pairs)
        let drawn = (0..<Self.draws).map { _ in ratio(pairs.indices.compactMap { _ in pairs.randomElement() }) }
        let low = drawn.percentile(2.5)
        self.interval = low...max(low, drawn.percentile(97.5))
    }
}
