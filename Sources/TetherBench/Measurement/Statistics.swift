extension Array<Double> {
    /// The middle value; NaN of nothing.
    var median: Double { self.percentile(50) }

    /// The value that `percent` of all are at or below (nearest rank); NaN of nothing.
    func percentile(_ percent: Double) -> Double {
        guard !self.isEmpty else { return .nan }
        let rank = Int((percent / 100 * Double(self.count)).rounded(.up))
        return self.sorted()[Swift.min(Swift.max(rank, 1), self.count) - 1]
    }
}
