/// Since when partitions of the task topic have had no owner, as far as commits tell: whoever is given one commits at once, so one without a commit has never had
/// an owner. A value without I/O.
struct Unserved: Sendable {
    private var since: ContinuousClock.Instant?

    /// - Parameters:
    ///   - isAny: whether there are such partitions now.
    ///   - patience: how long the group is given to find out by itself.
    /// - Returns: whether it is time to do something about it. Then its time begins anew.
    mutating func note(_ isAny: Bool, patience: Duration, at now: ContinuousClock.Instant) -> Bool {
        guard isAny else {
            self.since = nil
            return false
        }
        guard let since = self.since else {
            self.since = now
            return false
        }
        guard now - since >= patience else { return false }
        self.since = nil
        return true
    }
}
