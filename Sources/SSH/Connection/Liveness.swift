/// Decides when a silent peer is asked for a sign of life, and when it is given up. Value type: no clock, no I/O.
///
/// Time is counted in periods. A peer that is heard from in each is left alone; one that isn't is asked at the end of each silent
/// period, and given up after ``limit`` of them in a row. Anything that comes counts as a sign of life.
struct Liveness: Sendable {
    enum Action: Sendable, Hashable {
        case nothing
        /// Send something that the peer has to answer.
        case ask
        case giveUp
    }

    let period: Duration
    /// Silent periods in a row that end it. At most ``SSHTimeouts/silence`` passes from the last sign of life to the end of the
    /// last of them, whenever in its period that sign came.
    let limit: Int
    private var silentPeriods = 0

    /// At least two answers can be missed before a peer is given up, so a period is a quarter of the whole at most.
    ///
    /// - Parameters:
    ///   - interval: how long a peer may be silent before it is asked, if that is sooner.
    ///   - silence: how long it may be silent in all.
    init(interval: Duration, silence: Duration) {
        self.period = max(.milliseconds(1), min(interval, silence / 4))
        self.limit = max(3, Int(silence / self.period) - 1)
    }

    /// A period has passed.
    ///
    /// - Parameter hasHeard: whether anything came from the peer in it, or could not have because this side doesn't read.
    mutating func periodEnded(hasHeard: Bool) -> Action {
        guard !hasHeard else {
            self.silentPeriods = 0
            return .nothing
        }
        self.silentPeriods += 1
        return self.silentPeriods >= self.limit ? .giveUp : .ask
    }
}
