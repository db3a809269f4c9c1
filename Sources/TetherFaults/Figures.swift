/// The numbers of a round, or of all.
struct Figures: Sendable, CustomStringConvertible {
    var jobs = 0
    var tasks = 0
    var outcomes: [String: Int] = [:]
    var redelivered = 0
    var faults: [String: Int] = [:]
    /// Logins while a frozen or isolated worker's session still stood.
    var excusedOverlaps = 0
    /// From submission to the terminal record, in milliseconds.
    var latencies: [Int64] = []
    /// How much later than its deadline a terminal record came, at worst; milliseconds, below zero when none did.
    var worstLateness: Int64 = .min

    mutating func add(_ other: Figures) {
        self.jobs += other.jobs
        self.tasks += other.tasks
        self.outcomes.merge(other.outcomes) { $0 + $1 }
        self.redelivered += other.redelivered
        self.faults.merge(other.faults) { $0 + $1 }
        self.excusedOverlaps += other.excusedOverlaps
        self.latencies += other.latencies
        self.worstLateness = max(self.worstLateness, other.worstLateness)
    }

    var description: String {
        let sorted = self.latencies.sorted()
        func quantile(_ share: Double) -> Int64 {
            sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
        }
        let list = { (counts: [String: Int]) in
            counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        }
        return """
            \(self.jobs) jobs, \(self.tasks) tasks (\(list(self.outcomes)); \(self.redelivered) redelivered), \
            \(self.faults.values.reduce(0, +)) faults (\(list(self.faults))), \(self.excusedOverlaps) sessions of frozen workers seen, \
            result after p50 \(quantile(0.5)) ms, p99 \(quantile(0.99)) ms, latest \(self.worstLateness) ms after its deadline
            """
    }
}
