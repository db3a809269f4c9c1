/// Which connections wait for a request, and which one has to go when there are too many. A value without I/O.
///
/// Whoever opens connections and asks for nothing, or dribbles half a request, must not keep the probes out: a worker that can't be asked is restarted. So
/// past the limit the connection goes that has waited for longest.
struct ConnectionTable: Sendable {
    typealias ID = UInt64

    let limit: Int
    /// Since when each waits for a whole request; `nil` while one is being answered.
    private var waiting: [ID: ContinuousClock.Instant?] = [:]
    private var lastID: ID = 0

    init(limit: Int) { self.limit = limit }

    var count: Int { self.waiting.count }

    /// - Returns: the new connection, and the one to close for it: that may be the new one itself.
    mutating func opened(_ now: ContinuousClock.Instant) -> (id: ID, victim: ID?) {
        self.lastID += 1
        let id = self.lastID
        var victim: ID?
        if self.waiting.count >= self.limit {
            let oldest = self.waiting.lazy.compactMap { id, since in since.map { (id, $0) } }.min { $0.1 < $1.1 }
            victim = oldest?.0 ?? id
        }
        self.waiting.updateValue(now, forKey: id)
        if let victim { self.waiting[victim] = nil }
        return (id, victim)
    }

    /// A request has come.
    mutating func asked(_ id: ID) { if self.waiting[id] != nil { self.waiting.updateValue(nil, forKey: id) } }

    /// Its answer is written.
    mutating func answered(_ id: ID, _ now: ContinuousClock.Instant) {
        if self.waiting[id] != nil { self.waiting.updateValue(now, forKey: id) }
    }

    mutating func closed(_ id: ID) { self.waiting[id] = nil }
}
