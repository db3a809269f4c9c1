import NIOCore

/// Decides which device has a connection and who waits for it. A value: events in, actions out; no I/O, no clock, no task.
///
/// What it guarantees, whatever the order of events:
/// - a key never has two connections, counting those that are being opened or closed;
/// - there are never more than `maximum` connections;
/// - every waiter is resumed exactly once.
///
/// A connection is known by the number of its attempt, so that news of an old one can't touch its successor.
struct PoolStateMachine<Session: Sendable, Identity: Equatable & Sendable, Failure: Error>: Sendable {
    enum Action {
        /// Open a connection, then report `opened` or `openingFailed`.
        case open(Attempt, key: String, identity: Identity)
        /// Cut the opening short; still report how it ended.
        case cancelOpening(Attempt)
        /// Close the session, then report `ended`.
        case close(Session, SessionCloseReason)
        case resume(Waiter, Result<Lease, Refusal>)
        /// Call `idleTimerFired` at this time. Never asked for while a timer is under way.
        case startIdleTimer(NIODeadline)
    }

    typealias Attempt = UInt64
    typealias Waiter = UInt64

    /// A session that the holder may use until it gives it back with `release`.
    struct Lease {
        var key: String
        var attempt: Attempt
        var session: Session
    }

    enum Refusal: Error {
        case failed(Failure)
        /// All connections are in use.
        case limit
        case cancelled
        /// Somebody closed it.
        case closed
        case shutDown
    }

    /// What is known of one key. Exists as long as there is a connection or a waiter.
    struct Entry {
        enum State {
            /// Waits for another connection to end.
            case waitingForRoom
            case opening
            case open(Session)
            case closing
        }
        var state = State.waitingForRoom
        var attempt: Attempt = 0
        /// What the connection was opened for.
        var identity: Identity
        /// In this generation of the identities, that is what the key stands for; 0 as long as nobody has found out.
        var generation: UInt64 = 0
        var uses = 0
        /// Given to nobody any more; closed for this reason when the last holder gives it back.
        var retiring: SessionCloseReason?
        var isRetiring: Bool { self.retiring != nil }
        /// The connection broke before the news came that it was open.
        var hasEndedEarly = false
        var waiters: [(id: Waiter, identity: Identity)] = []
        var idleSince: NIODeadline = .distantPast

        /// What becomes of a session that one user less has.
        enum Rest { case isInUse, isRetired(SessionCloseReason), isIdle }

        /// One use more of the session of this attempt, if it is open. Returns the number of uses.
        mutating func begin(_ attempt: Attempt) -> Int? {
            guard self.isOpen(attempt) else { return nil }
            self.uses += 1
            return self.uses
        }

        mutating func end(_ attempt: Attempt, now: NIODeadline) -> Rest {
            guard self.isOpen(attempt), self.uses > 0 else { return .isInUse }
            self.uses -= 1
            guard self.uses == 0 else { return .isInUse }
            if let retiring = self.retiring { return .isRetired(retiring) }
            self.idleSince = now
            return .isIdle
        }

        /// Whether it is the session of this attempt, and open.
        func isOpen(_ attempt: Attempt) -> Bool {
            if self.attempt == attempt, case .open = self.state { true } else { false }
        }

        mutating func lease(
            _ key: String, where isWanted: (inout Entry) -> Bool
        ) -> (lease: Lease, isFirst: Bool)? {
            guard case .open(let session) = self.state, !self.isRetiring, isWanted(&self) else { return nil }
            self.uses += 1
            return (Lease(key: key, attempt: self.attempt, session: session), self.uses == 1)
        }
    }

    private let maximum: Int
    private let idleTimeout: TimeAmount?
    private(set) var entries: [String: Entry] = [:]
    /// Keys whose session nobody uses.
    private var idle = RecencyQueue()
    /// Keys whose session is never closed for want of use.
    private(set) var warm: Set<String> = []
    /// Keys that wait for room. After every event there are no more than connections being closed.
    private var waitingForRoom: CircularBuffer<String> = []
    /// Connections being opened, open, or being closed.
    private(set) var connections = 0
    private var closing = 0
    private var lastAttempt: Attempt = 0
    private var hasIdleTimer = false
    /// Counts the times that keys have come to stand for something else.
    private(set) var generation: UInt64 = 1
    private(set) var isShutDown = false

    init(maximum: Int, idleTimeout: TimeAmount?) {
        precondition(maximum > 0)
        self.maximum = maximum
        self.idleTimeout = idleTimeout
    }

    // MARK: Callers

    /// The open session, if it can be had at once.
    ///
    /// - Parameter generation: In which the identity is what the key stands for, as ``leaseKnown(_:)`` may take for granted then. `nil`: the identity is
    ///   another one.
    mutating func leaseOpen(_ key: String, _ identity: Identity, generation: UInt64? = nil) -> Lease? {
        self.leaseOpen(key) { entry in
            guard entry.identity == identity else { return false }
            if let generation { entry.generation = generation }
            return true
        }
    }

    /// The open session of what the key stands for, if it can be had at once and has been asked for by its identity since that last changed: comparing
    /// identities costs more than all the rest of a lease.
    mutating func leaseKnown(_ key: String) -> Lease? {
        let generation = self.generation
        return self.leaseOpen(key) { $0.generation == generation }
    }

    /// Keys may stand for something else from now on.
    mutating func identitiesChanged() { self.generation += 1 }

    private mutating func leaseOpen(_ key: String, where isWanted: (inout Entry) -> Bool) -> Lease? {
        guard !self.isShutDown, let index = self.entries.index(forKey: key),
            let lease = self.entries.values[index].lease(key, where: isWanted)
        else { return nil }
        if lease.isFirst { self.idle.remove(key) }
        return lease.lease
    }

    /// Asks for a session. One that was opened for another identity is replaced, once its holders have given it back.
    ///
    /// - Parameter onlyIfWarm: Refused when the key isn't to be kept warm any more: who has taken it out of the set, and closes it then, must not
    ///   be overtaken by an opening that was decided upon before.
    mutating func request(
        _ key: String, _ identity: Identity, _ waiter: Waiter, onlyIfWarm: Bool = false, _ actions: inout [Action]
    ) {
        guard !self.isShutDown else { return actions.append(.resume(waiter, .failure(.shutDown))) }
        guard !onlyIfWarm || self.warm.contains(key) else {
            return actions.append(.resume(waiter, .failure(.closed)))
        }
        if let lease = self.leaseOpen(key, identity) { return actions.append(.resume(waiter, .success(lease))) }
        if self.entries[key] == nil {
            self.entries[key] = Entry(identity: identity)
            self.waitingForRoom.append(key)
        }
        self.entries[key]?.waiters.append((waiter, identity))
        if case .open? = self.entries[key]?.state { self.retire(key, .replaced, &actions) }
        self.makeRoom(&actions)
    }

    /// The waiter has gone. The last one takes the opening with it.
    mutating func cancel(_ key: String, _ waiter: Waiter, _ actions: inout [Action]) {
        guard let position = self.entries[key]?.waiters.firstIndex(where: { $0.id == waiter }) else { return }
        self.entries[key]?.waiters.remove(at: position)
        actions.append(.resume(waiter, .failure(.cancelled)))
        guard let entry = self.entries[key], entry.waiters.isEmpty else { return }
        switch entry.state {
        case .waitingForRoom: self.forget(key)
        case .opening: self.startClosing(key, .requested, &actions)
        case .open, .closing: break
        }
    }

    /// Somebody begins to use the session (also the session itself, when it starts a command).
    mutating func use(_ key: String, _ attempt: Attempt) {
        // In place, here and in `release`: every command passes through both, and a copy of an entry counts many references.
        guard let index = self.entries.index(forKey: key) else { return }
        if self.entries.values[index].begin(attempt) == 1 { self.idle.remove(key) }
    }

    /// The counterpart of `use` and of a lease.
    mutating func release(_ key: String, _ attempt: Attempt, now: NIODeadline, _ actions: inout [Action]) {
        guard let index = self.entries.index(forKey: key) else { return }
        switch self.entries.values[index].end(attempt, now: now) {
        case .isInUse: break
        case .isRetired(let reason): self.startClosing(key, reason, &actions)
        case .isIdle:
            self.idle.append(key)
            self.startIdleTimerIfNeeded(&actions)
        }
    }

    // MARK: Connections

    mutating func opened(
        _ key: String,
        _ attempt: Attempt,
        _ session: Session,
        now: NIODeadline,
        _ actions: inout [Action]
    ) {
        guard var entry = self.entries[key], entry.attempt == attempt else {
            return actions.append(.close(session, .requested))
        }
        guard case .opening = entry.state else {
            return entry.hasEndedEarly
                ? self.connectionIsGone(key, &actions) : actions.append(.close(session, entry.retiring ?? .requested))
        }
        let identity = entry.identity
        let served = entry.waiters.filter { $0.identity == identity }
        entry.waiters.removeAll { $0.identity == identity }
        entry.state = .open(session)
        entry.uses = served.count
        entry.idleSince = now
        if !entry.waiters.isEmpty { entry.retiring = .replaced }
        self.entries[key] = entry
        for waiter in served {
            actions.append(.resume(waiter.id, .success(Lease(key: key, attempt: attempt, session: session))))
        }
        // Who waited is given the dead session rather than another attempt: attempts without end and pause would be a storm of logins.
        if entry.hasEndedEarly { return self.ended(key, attempt, &actions) }
        guard entry.uses == 0 else { return }
        if let reason = entry.retiring { return self.startClosing(key, reason, &actions) }
        self.idle.append(key)
        self.startIdleTimerIfNeeded(&actions)
    }

    mutating func openingFailed(_ key: String, _ attempt: Attempt, _ failure: Failure, _ actions: inout [Action]) {
        guard let entry = self.entries[key], entry.attempt == attempt else { return }
        if case .opening = entry.state {
            let identity = entry.identity
            self.entries[key]?.waiters.removeAll { $0.identity == identity }
            for waiter in entry.waiters where waiter.identity == identity {
                actions.append(.resume(waiter.id, .failure(.failed(failure))))
            }
        }
        self.connectionIsGone(key, &actions)
    }

    /// The session is on its way down by itself (lost, or out of step after a time-out): it is given to nobody any more.
    ///
    /// - Returns: Whether that is news.
    @discardableResult
    mutating func failing(_ key: String, _ attempt: Attempt) -> Bool {
        guard let entry = self.entries[key], entry.attempt == attempt, case .open = entry.state else { return false }
        self.idle.remove(key)
        self.entries[key]?.state = .closing
        self.closing += 1
        return true
    }

    /// The connection of a session is gone, for whatever reason.
    mutating func ended(_ key: String, _ attempt: Attempt, _ actions: inout [Action]) {
        guard let entry = self.entries[key], entry.attempt == attempt else { return }
        if case .opening = entry.state {
            self.entries[key]?.hasEndedEarly = true
        } else {
            self.connectionIsGone(key, &actions)
        }
    }

    private mutating func connectionIsGone(_ key: String, _ actions: inout [Action]) {
        guard var entry = self.entries[key] else { return }
        switch entry.state {
        case .waitingForRoom: return
        case .open: self.idle.remove(key)
        case .closing: self.closing -= 1
        case .opening: break
        }
        self.connections -= 1
        entry.state = .waitingForRoom
        entry.attempt = 0
        entry.uses = 0
        entry.retiring = nil
        entry.hasEndedEarly = false
        self.entries[key] = entry.waiters.isEmpty ? nil : entry
        if !entry.waiters.isEmpty { self.waitingForRoom.append(key) }
        self.makeRoom(&actions)
    }

    // MARK: Closing

    /// Closes the key's connection or opening. Who waits for it is refused.
    mutating func close(
        _ key: String,
        reason: SessionCloseReason = .requested,
        refusing refusal: Refusal = .closed,
        _ actions: inout [Action]
    ) {
        guard let entry = self.entries[key] else { return }
        for waiter in entry.waiters { actions.append(.resume(waiter.id, .failure(refusal))) }
        self.entries[key]?.waiters = []
        switch entry.state {
        case .waitingForRoom: self.forget(key)
        case .opening, .open: self.startClosing(key, reason, &actions)
        case .closing: break
        }
    }

    mutating func closeAll(_ actions: inout [Action]) {
        for key in Array(self.entries.keys) { self.close(key, &actions) }
    }

    /// Closes everything and refuses whoever comes later.
    mutating func shutDown(_ actions: inout [Action]) {
        self.isShutDown = true
        for key in Array(self.entries.keys) { self.close(key, reason: .shutDown, refusing: .shutDown, &actions) }
    }

    /// Closes the session as soon as nobody uses it.
    mutating func retire(_ key: String, _ reason: SessionCloseReason, _ actions: inout [Action]) {
        guard let entry = self.entries[key] else { return }
        switch entry.state {
        case .opening: self.entries[key]?.retiring = entry.retiring ?? reason
        case .open:
            self.entries[key]?.retiring = entry.retiring ?? reason
            if entry.uses == 0 { self.startClosing(key, reason, &actions) }
        case .waitingForRoom, .closing: break
        }
    }

    /// The connection has reached its maximum age.
    mutating func cameOfAge(_ key: String, _ attempt: Attempt, _ actions: inout [Action]) {
        guard self.entries[key]?.isOpen(attempt) == true else { return }
        self.retire(key, .age, &actions)
    }

    /// From now on the key's session is, or is not, closed for want of use.
    mutating func setWarm(_ key: String, _ isWarm: Bool) {
        if isWarm { self.warm.insert(key) } else { self.warm.remove(key) }
    }

    mutating func idleTimerFired(now: NIODeadline, _ actions: inout [Action]) {
        self.hasIdleTimer = false
        guard let idleTimeout else { return }
        while let key = self.idle.oldest(), let entry = self.entries[key], entry.idleSince + idleTimeout <= now {
            if self.warm.contains(key) {
                // Counts as used: it still makes room for others when there is none, the one unused for longest first.
                self.idle.append(key)
                self.entries[key]?.idleSince = now
            } else {
                self.startClosing(key, .idle, &actions)
            }
        }
        self.startIdleTimerIfNeeded(&actions)
    }

    // MARK: Parts

    private mutating func startIdleTimerIfNeeded(_ actions: inout [Action]) {
        guard let idleTimeout, !self.hasIdleTimer, let key = self.idle.oldest(), let entry = self.entries[key] else {
            return
        }
        self.hasIdleTimer = true
        actions.append(.startIdleTimer(entry.idleSince + idleTimeout))
    }

    private mutating func startClosing(_ key: String, _ reason: SessionCloseReason, _ actions: inout [Action]) {
        guard let entry = self.entries[key] else { return }
        switch entry.state {
        case .open(let session): actions.append(.close(session, reason))
        case .opening: actions.append(.cancelOpening(entry.attempt))
        case .waitingForRoom, .closing: return
        }
        self.idle.remove(key)
        self.entries[key]?.state = .closing
        self.entries[key]?.retiring = reason
        self.closing += 1
    }

    private mutating func forget(_ key: String) {
        self.entries[key] = nil
        if let position = self.waitingForRoom.firstIndex(of: key) { self.waitingForRoom.remove(at: position) }
    }

    /// Gives free places to those that wait for one, and closes idle sessions for the others. Who can't even be promised a place is refused.
    private mutating func makeRoom(_ actions: inout [Action]) {
        while self.connections < self.maximum, let key = self.waitingForRoom.popFirst() {
            self.startOpening(key, &actions)
        }
        while self.waitingForRoom.count > self.closing {
            if let victim = self.idle.popOldest() {
                self.startClosing(victim, .room, &actions)
            } else if let key = self.waitingForRoom.popLast() {
                for waiter in self.entries.removeValue(forKey: key)?.waiters ?? [] {
                    actions.append(.resume(waiter.id, .failure(.limit)))
                }
            }
        }
    }

    private mutating func startOpening(_ key: String, _ actions: inout [Action]) {
        guard let identity = self.entries[key]?.waiters.first?.identity else { return self.forget(key) }
        self.lastAttempt += 1
        self.connections += 1
        self.entries[key]?.state = .opening
        self.entries[key]?.attempt = self.lastAttempt
        self.entries[key]?.identity = identity
        self.entries[key]?.generation = 0
        actions.append(.open(self.lastAttempt, key: key, identity: identity))
    }
}
