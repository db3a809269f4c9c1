/// Whether the group's coordinator can have given this worker's partitions to another one, judged by time alone.
///
/// A coordinator evicts a member that it has not heard from for the session time-out. Each acknowledged commit proves that it had heard from
/// this one no earlier than the commit was sent. So a worker that was cut off or stopped (SIGSTOP, a paused machine) knows by its clock that it may have been
/// replaced, long before anybody can tell it.
///
/// A value without I/O. The clock must go on while the machine sleeps (`ContinuousClock`, CLOCK_BOOTTIME).
struct Membership: Sendable, Hashable {
    private let sessionTimeout: Duration
    private var proven: ContinuousClock.Instant?

    init(sessionTimeout: Duration) {
        self.sessionTimeout = sessionTimeout
    }

    /// How often to prove it while nothing else does.
    var proofInterval: Duration { self.sessionTimeout / 8 }

    /// - Parameter sent: when the request that was acknowledged was made, or earlier.
    mutating func prove(sent: ContinuousClock.Instant) {
        self.proven = max(self.proven ?? sent, sent)
    }

    /// Nothing is started without proof from the last half of a session time-out: what is started then has the other half to be stopped in.
    func mayStart(_ now: ContinuousClock.Instant) -> Bool { self.isYounger(than: self.sessionTimeout / 2, now) }

    /// Not one byte more goes to a device when another worker may be talking to it.
    func maySend(_ now: ContinuousClock.Instant) -> Bool { self.isYounger(than: self.sessionTimeout * 9 / 10, now) }

    func needsProof(_ now: ContinuousClock.Instant) -> Bool { !self.isYounger(than: self.proofInterval, now) }

    private func isYounger(than age: Duration, _ now: ContinuousClock.Instant) -> Bool {
        guard let proven = self.proven else { return false }
        return now - proven < age
    }
}
