import NIOConcurrencyHelpers
import NIOCore
import SSH

/// Performs what ``PoolStateMachine`` decides: opens and closes sessions, resumes who waits, and keeps the timer.
///
/// Safe to use from any task or thread. The machine is behind one lock, which is never held while something is performed.
final class SessionPool: Sendable {
    typealias Machine = PoolStateMachine<DeviceSession, SessionTarget, DeviceError>
    typealias Lease = Machine.Lease
    /// Opens a session. What the session reports afterwards goes to the closure.
    typealias Open =
        @Sendable (SessionTarget, @escaping @Sendable (SessionEvent) -> Void) async -> Result<
            DeviceSession, DeviceError
        >

    struct State {
        var machine: Machine
        var waiters: [Machine.Waiter: CheckedContinuation<Result<Lease, DeviceError>, Never>] = [:]
        var openings: [Machine.Attempt: Task<Void, Never>] = [:]
        /// When open sessions reach their maximum age: a day, perhaps, and most temporary ones end within seconds.
        var ages: [Machine.Attempt: Scheduled<Void>] = [:]
        /// Who waits for the last connection to go.
        var drained: [EventLoopPromise<Void>] = []
        var lastWaiter: Machine.Waiter = 0
    }

    let state: NIOLockedValueBox<State>
    let maximumSessions: Int
    private let maximumAge: Duration?
    private let open: Open
    private let onEvent: @Sendable (DeviceEvent) -> Void
    private let timerLoop: any EventLoop

    /// - Parameters:
    ///   - maximumAge: Sessions that have been open for longer are closed at the next moment without work. By chance up to a tenth shorter, so
    ///     that sessions opened together aren't renewed together.
    ///   - onEvent: Called from any thread; must not block.
    init(
        maximumSessions: Int,
        idleTimeout: Duration?,
        maximumAge: Duration?,
        timerLoop: any EventLoop,
        onEvent: @escaping @Sendable (DeviceEvent) -> Void,
        open: @escaping Open
    ) {
        let machine = Machine(maximum: maximumSessions, idleTimeout: idleTimeout.map { TimeAmount($0) })
        self.state = NIOLockedValueBox(State(machine: machine))
        self.maximumSessions = maximumSessions
        self.maximumAge = maximumAge
        self.timerLoop = timerLoop
        self.onEvent = onEvent
        self.open = open
    }

    // MARK: Use

    /// The session under this key, opened if need be. Give it back with `release`.
    ///
    /// - Parameters:
    ///   - generation: Read before the target was looked up under the key in the inventory; `nil` when it is another target.
    ///   - onlyIfWarm: Fails when the key isn't to be kept warm any more.
    func lease(
        _ key: String, _ target: SessionTarget, generation: UInt64? = nil, onlyIfWarm: Bool = false
    ) async throws(DeviceError) -> Lease {
        if let lease = self.state.withLockedValue({ $0.machine.leaseOpen(key, target, generation: generation) }) {
            return lease
        }
        let waiter = self.state.withLockedValue { state -> Machine.Waiter in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Lease, DeviceError>, Never>) in
                let isCancelled = self.process { state, actions in
                    // Under the lock: a cancellation from here on finds the waiter registered.
                    guard !Task.isCancelled else { return true }
                    state.waiters[waiter] = continuation
                    state.machine.request(key, target, waiter, onlyIfWarm: onlyIfWarm, &actions)
                    return false
                }
                if isCancelled { continuation.resume(returning: .failure(DeviceError.cancelled(key))) }
            }
        } onCancel: {
            self.process { state, actions in state.machine.cancel(key, waiter, &actions) }
        }
        return try result.get()
    }

    /// The open session of the inventory's device of this name, if it is known to be just that: without a look at the inventory.
    func leaseKnown(_ name: String) -> Lease? { self.state.withLockedValue { $0.machine.leaseKnown(name) } }

    /// Of the inventory; see `lease`.
    var generation: UInt64 { self.state.withLockedValue { $0.machine.generation } }

    /// The inventory has changed.
    func inventoryChanged() { self.state.withLockedValue { $0.machine.identitiesChanged() } }

    func release(_ lease: Lease) {
        self.process { state, actions in state.machine.release(lease.key, lease.attempt, now: .now(), &actions) }
    }

    /// Closes the session under a key, and returns when its connection is gone.
    func close(_ key: String) async {
        let (session, opening) = self.process { state, actions -> (DeviceSession?, Task<Void, Never>?) in
            guard let entry = state.machine.entries[key] else { return (nil, nil) }
            state.machine.close(key, &actions)
            if case .open(let session) = entry.state { return (session, nil) }
            return (nil, state.openings[entry.attempt])
        }
        await session?.close()
        await opening?.value
    }

    /// Lets go of sessions for which `isOutdated` says so as soon as nobody uses them.
    func retire(where isOutdated: (SessionTarget) -> Bool) {
        self.process { state, actions in
            for (key, entry) in state.machine.entries where isOutdated(entry.identity) {
                state.machine.retire(key, .inventory, &actions)
            }
        }
    }

    /// From now on the key's session is, or is not, closed for want of use.
    func setWarm(_ key: String, _ isWarm: Bool) {
        self.process { state, _ in state.machine.setWarm(key, isWarm) }
    }

    /// Closes everything in parallel, and returns when all connections are gone or the time is over.
    func closeAll(within limit: Duration, isFinal: Bool) async {
        let promise = self.timerLoop.makePromise(of: Void.self)
        let isEmpty = self.process { state, actions -> Bool in
            if isFinal { state.machine.shutDown(&actions) } else { state.machine.closeAll(&actions) }
            if state.machine.connections > 0 { state.drained.append(promise) }
            return state.machine.connections == 0
        }
        if isEmpty { return promise.succeed() }
        let timer = self.timerLoop.scheduleTask(in: TimeAmount(limit)) { promise.succeed() }
        // Not through a task's cancellation: closing is what a cancelled task has left to do.
        _ = await promise.futureResult.outcome()
        timer.cancel()
    }

    var isShutDown: Bool { self.state.withLockedValue { $0.machine.isShutDown } }

    func hasSession(_ key: String) -> Bool {
        self.state.withLockedValue { state in
            if case .open(let session)? = state.machine.entries[key]?.state { session.isOpen } else { false }
        }
    }

    var openSessionCount: Int {
        self.state.withLockedValue { state in
            state.machine.entries.values.reduce(0) { count, entry in
                if case .open = entry.state { count + 1 } else { count }
            }
        }
    }

    // MARK: Actions

    /// Lets the machine take an event under the lock, and performs its actions outside.
    @discardableResult
    private func process<Result>(_ event: (inout State, inout [Machine.Action]) -> Result) -> Result {
        var actions: [Machine.Action] = []
        var performances: [() -> Void] = []
        let result = self.state.withLockedValue { state in
            let result = event(&state, &actions)
            for action in actions { self.prepare(action, &state, &performances) }
            if !state.drained.isEmpty, state.machine.connections == 0 {
                let drained = state.drained
                state.drained = []
                performances.append { for promise in drained { promise.succeed() } }
            }
            return result
        }
        for perform in performances { perform() }
        return result
    }

    private func prepare(_ action: Machine.Action, _ state: inout State, _ performances: inout [() -> Void]) {
        switch action {
        case .open(let attempt, let key, let target):
            // Made under the lock, so that whoever wants to cancel it finds it. A task doesn't run before this returns.
            state.openings[attempt] = Task { await self.openSession(key, target, attempt) }
        case .cancelOpening(let attempt):
            let task = state.openings[attempt]
            performances.append { task?.cancel() }
        case .close(let session, let reason):
            performances.append {
                self.onEvent(
                    DeviceEvent(device: session.device.name, kind: .sessionClosed(session: session.id, reason: reason)))
                Task { await session.close() }
            }
        case .resume(let waiter, let result):
            guard let continuation = state.waiters.removeValue(forKey: waiter) else { return }
            let answer = result.mapError { self.error(for: $0) }
            performances.append { continuation.resume(returning: answer) }
        case .startIdleTimer(let deadline):
            performances.append {
                self.timerLoop.scheduleTask(deadline: deadline) { [weak self] in
                    self?.process { state, actions in state.machine.idleTimerFired(now: .now(), &actions) }
                }
            }
        }
    }

    private func openSession(_ key: String, _ target: SessionTarget, _ attempt: Machine.Attempt) async {
        // Weak: the pool holds the session, which holds this.
        let result = await self.open(target) { [weak self] event in self?.report(key, attempt, event) }
        var age: Scheduled<Void>?
        if case .success = result, let maximumAge {
            age = self.timerLoop.scheduleTask(in: TimeAmount(maximumAge * Double.random(in: 0.9...1))) { [weak self] in
                self?.process { state, actions in
                    state.ages[attempt] = nil
                    state.machine.cameOfAge(key, attempt, &actions)
                }
            }
        }
        let timer = age
        let isThere = self.process { state, actions in
            state.openings[attempt] = nil
            switch result {
            case .success(let session): state.machine.opened(key, attempt, session, now: .now(), &actions)
            case .failure(let error): state.machine.openingFailed(key, attempt, error, &actions)
            }
            // It may have ended already.
            guard state.machine.entries[key]?.attempt == attempt else { return false }
            state.ages[attempt] = timer
            return true
        }
        if !isThere { timer?.cancel() }
    }

    private func report(_ key: String, _ attempt: Machine.Attempt, _ event: SessionEvent) {
        var lost: DeviceEvent?
        var age: Scheduled<Void>?
        defer {
            age?.cancel()
            if let lost { self.onEvent(lost) }
        }
        self.process { state, actions in
            switch event {
            case .busy: state.machine.use(key, attempt)
            case .idle: state.machine.release(key, attempt, now: .now(), &actions)
            case .closing(let session, let error):
                guard state.machine.failing(key, attempt) else { return }
                lost = DeviceEvent(
                    device: session.device.name,
                    kind: error.code == "session.closed"
                        ? .sessionClosed(session: session.id, reason: .requested)
                        : .sessionLost(session: session.id, code: error.code, message: error.message)
                )
            case .closed:
                age = state.ages.removeValue(forKey: attempt)
                state.machine.ended(key, attempt, &actions)
            }
        }
    }

    private func error(for refusal: Machine.Refusal) -> DeviceError {
        switch refusal {
        case .failed(let error): error
        case .limit:
            DeviceError(
                code: "session.limit",
                message: "all \(self.maximumSessions) sessions are in use: try again later, or raise `maximumSessions`"
            )
        case .cancelled: DeviceError(code: "cancelled", message: "the caller was cancelled")
        case .closed: DeviceError(code: "session.closed", message: "the session was closed while it was being opened")
        case .shutDown: DeviceError.clientClosed
        }
    }
}
