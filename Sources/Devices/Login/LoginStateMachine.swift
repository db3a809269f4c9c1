import DequeModule
import NIOCore

/// Decides who may log in, and when. A value: no I/O, no clock.
///
/// Three guards in one place, as every login passes all of them:
/// - a *breaker* for each device: after some failures in a row it is left alone for a while, then one attempt is let through;
/// - a *lock* for each credential: after some refusals in a row it isn't tried any more for a while, so that this side never locks an
///   account. Its scope is the device; in an `auth_domain`, where one refusal speaks for all devices, the domain as well: there a credential
///   that hasn't worked yet is tried by no more callers at a time than refusals are left;
/// - a *governor*: logins under way and begun per second, in the process and in each `auth_domain`, first come first served.
struct LoginStateMachine: Sendable {
    typealias Ticket = UInt64

    enum Action {
        case admit(Ticket)
        case refuse(Ticket, Refusal)
        /// Call `timerFired` at this time. Never asked for while an earlier or equal timer is under way.
        case startTimer(NIODeadline)
        case report(DeviceEvent)
    }

    enum Refusal: Error, Equatable {
        /// The device is left alone for this long yet; how its last attempt failed.
        case paused(TimeAmount, code: String, message: String)
        /// The credential is locked for this long yet.
        case locked(TimeAmount, scope: String)
        case cancelled
    }

    private struct Breaker {
        var failures = 0
        var openUntil: NIODeadline?
        /// The one attempt after a pause is under way.
        var isTrying = false
        var code = ""
        var message = ""
    }

    private struct LockKey: Hashable {
        var scope: String
        var credential: CredentialDigest
    }

    private struct Lock {
        var refusals = 0
        var lockedUntil: NIODeadline?
        var inFlight = 0
        var hasSucceeded = false
        var lastRefusal: NIODeadline = .uptimeNanoseconds(0)
    }

    private struct DomainState {
        var limits: LoginPolicy.Domain
        var inFlight = 0
        var nextStart: NIODeadline = .uptimeNanoseconds(0)
        var waiting: Deque<Ticket> = []
    }

    private struct Attempt {
        var request: LoginRequest
        var isAdmitted = false
    }

    let policy: LoginPolicy
    private var domains: [String: DomainState] = [:]
    private var limits: [String: LoginPolicy.Domain]
    private var breakers: [String: Breaker] = [:]
    private var locks: [LockKey: Lock] = [:]
    private var attempts: [Ticket: Attempt] = [:]
    private var lastTicket: Ticket = 0
    private var timer: NIODeadline?
    private(set) var inFlight = 0
    private(set) var waiting = 0

    init(policy: LoginPolicy, domains: [String: LoginPolicy.Domain]) {
        self.policy = policy
        self.limits = domains
    }

    /// New bounds; they hold for logins that begin from now on.
    mutating func setDomains(_ domains: [String: LoginPolicy.Domain], now: NIODeadline, _ actions: inout [Action]) {
        self.limits = domains
        for name in self.domains.keys { self.domains[name]?.limits = domains[name] ?? LoginPolicy.Domain() }
        self.admitWaiting(now, &actions)
    }

    // MARK: Logins

    /// Asks for a login. It is admitted or refused, now or later; an admitted one is to be reported with `ended`.
    mutating func request(_ request: LoginRequest, now: NIODeadline, _ actions: inout [Action]) -> Ticket {
        self.lastTicket += 1
        let ticket = self.lastTicket
        if let refusal = self.refusal(of: request, now) {
            actions.append(.refuse(ticket, refusal))
            return ticket
        }
        if self.breakers[request.device]?.openUntil != nil { self.breakers[request.device]?.isTrying = true }
        self.attempts[ticket] = Attempt(request: request)
        let name = request.domain ?? ""
        if self.domains[name] == nil {
            self.domains[name] = DomainState(limits: self.limits[name] ?? LoginPolicy.Domain())
        }
        self.domains[name]?.waiting.append(ticket)
        self.waiting += 1
        self.admitWaiting(now, &actions)
        return ticket
    }

    /// The caller has gone. An admitted login isn't touched: it ends with `ended`.
    mutating func cancel(_ ticket: Ticket, now: NIODeadline, _ actions: inout [Action]) {
        guard let attempt = self.attempts[ticket], !attempt.isAdmitted else { return }
        self.removeWaiting(ticket, attempt.request)
        self.breakers[attempt.request.device]?.isTrying = false
        actions.append(.refuse(ticket, .cancelled))
        self.admitWaiting(now, &actions)
    }

    mutating func ended(_ ticket: Ticket, _ outcome: LoginOutcome, now: NIODeadline, _ actions: inout [Action]) {
        guard let attempt = self.attempts[ticket], attempt.isAdmitted else { return }
        self.attempts[ticket] = nil
        self.inFlight -= 1
        let request = attempt.request
        self.domains[request.domain ?? ""]?.inFlight -= 1
        for key in Self.lockKeys(of: request) { self.locks[key]?.inFlight -= 1 }
        switch outcome {
        case .succeeded:
            if let breaker = self.breakers.removeValue(forKey: request.device), breaker.openUntil != nil {
                actions.append(.report(DeviceEvent(device: request.device, kind: .recovered)))
            }
            for key in Self.lockKeys(of: request) {
                self.locks[key]?.refusals = 0
                self.locks[key]?.lockedUntil = nil
                self.locks[key]?.hasSucceeded = true
            }
        case .refused:
            // It answered: it is there.
            self.breakers[request.device] = nil
            for key in Self.lockKeys(of: request) { self.wasRefused(key, request, now, &actions) }
        case .unreachable(let code, let message): self.failed(request.device, code, message, now, &actions)
        case .withdrawn: self.breakers[request.device]?.isTrying = false
        }
        self.forgetIfIdle(request, now)
        self.admitWaiting(now, &actions)
    }

    mutating func timerFired(now: NIODeadline, _ actions: inout [Action]) {
        self.timer = nil
        self.admitWaiting(now, &actions)
    }

    // MARK: Breaker and locks

    private func refusal(of request: LoginRequest, _ now: NIODeadline) -> Refusal? {
        if let breaker = self.breakers[request.device], let openUntil = breaker.openUntil,
            openUntil > now || breaker.isTrying
        {
            return .paused(max(openUntil - now, .zero), code: breaker.code, message: breaker.message)
        }
        for key in Self.lockKeys(of: request) {
            if let until = self.locks[key]?.lockedUntil, until > now { return .locked(until - now, scope: key.scope) }
        }
        return nil
    }

    private mutating func failed(
        _ device: String,
        _ code: String,
        _ message: String,
        _ now: NIODeadline,
        _ actions: inout [Action]
    ) {
        var breaker = self.breakers[device] ?? Breaker()
        breaker.failures += 1
        breaker.isTrying = false
        breaker.code = code
        breaker.message = message
        if breaker.failures >= self.policy.failuresToPause {
            let backoff = Backoff(base: self.policy.pause, maximum: self.policy.maximumPause)
            let pause = backoff.pause(after: breaker.failures - self.policy.failuresToPause + 1)
            breaker.openUntil = now + TimeAmount(pause)
            actions.append(
                .report(
                    DeviceEvent(
                        device: device,
                        kind: .unreachable(code: code, message: message, failures: breaker.failures, pause: pause)
                    )
                )
            )
        }
        self.breakers[device] = breaker
        guard self.breakers.count > 100_000 else { return }
        // Addresses that are no devices of the inventory have no end.
        let horizon = now - TimeAmount(self.policy.maximumPause)
        self.breakers = self.breakers.filter { ($0.value.openUntil ?? now) > horizon }
    }

    private mutating func wasRefused(
        _ key: LockKey,
        _ request: LoginRequest,
        _ now: NIODeadline,
        _ actions: inout [Action]
    ) {
        self.locks[key, default: Lock()].refusals += 1
        self.locks[key]?.lastRefusal = now
        guard let lock = self.locks[key], lock.refusals >= self.policy.refusalsToLock else { return }
        self.locks[key]?.lockedUntil = now + TimeAmount(self.policy.lockPause)
        actions.append(
            .report(
                DeviceEvent(
                    device: request.device,
                    kind: .credentialLocked(user: request.user, scope: key.scope, pause: self.policy.lockPause)
                )
            )
        )
        for (ticket, waiting) in self.attempts
        where !waiting.isAdmitted && Self.lockKeys(of: waiting.request).contains(key) {
            self.removeWaiting(ticket, waiting.request)
            self.breakers[waiting.request.device]?.isTrying = false
            actions.append(.refuse(ticket, .locked(TimeAmount(self.policy.lockPause), scope: key.scope)))
        }
    }

    /// A device's own lock, and that of its domain.
    private static func lockKeys(of request: LoginRequest) -> [LockKey] {
        let device = LockKey(scope: request.device, credential: request.credential)
        guard let domain = request.domain else { return [device] }
        return [device, LockKey(scope: "auth_domain \(domain)", credential: request.credential)]
    }

    /// What says nothing any more is dropped, so that what is kept is bounded by what is wrong right now.
    private mutating func forgetIfIdle(_ request: LoginRequest, _ now: NIODeadline) {
        for key in Self.lockKeys(of: request) {
            guard let lock = self.locks[key], lock.inFlight == 0, lock.refusals == 0 else { continue }
            if request.domain == nil || key.scope == request.device || !lock.hasSucceeded { self.locks[key] = nil }
        }
        guard self.locks.count > 10_000 else { return }
        let horizon = now - TimeAmount(self.policy.lockPause)
        self.locks = self.locks.filter { $0.value.inFlight > 0 || $0.value.lastRefusal > horizon }
    }

    // MARK: Governor

    private mutating func removeWaiting(_ ticket: Ticket, _ request: LoginRequest) {
        self.attempts[ticket] = nil
        self.waiting -= 1
        let name = request.domain ?? ""
        if let position = self.domains[name]?.waiting.firstIndex(of: ticket) {
            self.domains[name]?.waiting.remove(at: position)
        }
    }

    private mutating func admitWaiting(_ now: NIODeadline, _ actions: inout [Action]) {
        guard self.waiting > 0 else { return }
        var wakeUp: NIODeadline?
        for name in Array(self.domains.keys) {
            guard var domain = self.domains[name], !domain.waiting.isEmpty else { continue }
            self.domains[name] = nil
            var index = 0
            while index < domain.waiting.count, self.inFlight < self.policy.maximumLogins,
                domain.limits.maximumLogins.map({ domain.inFlight < $0 }) ?? true
            {
                guard domain.nextStart <= now else {
                    wakeUp = min(wakeUp ?? domain.nextStart, domain.nextStart)
                    break
                }
                let ticket = domain.waiting[index]
                guard let request = self.attempts[ticket]?.request, self.mayTry(request) else {
                    index += 1
                    continue
                }
                domain.waiting.remove(at: index)
                domain.inFlight += 1
                if let rate = domain.limits.loginsPerSecond {
                    domain.nextStart = now + .nanoseconds(Int64(1_000_000_000 / max(rate, 0.001)))
                }
                self.attempts[ticket]?.isAdmitted = true
                self.waiting -= 1
                self.inFlight += 1
                for key in Self.lockKeys(of: request) { self.locks[key, default: Lock()].inFlight += 1 }
                actions.append(.admit(ticket))
            }
            self.domains[name] = domain
        }
        if let wakeUp, self.timer.map({ wakeUp < $0 }) ?? true {
            self.timer = wakeUp
            actions.append(.startTimer(wakeUp))
        }
    }

    /// A credential that isn't known to work is tried only as often at a time as refusals are left before it is locked.
    private func mayTry(_ request: LoginRequest) -> Bool {
        guard request.domain != nil, let key = Self.lockKeys(of: request).last, let lock = self.locks[key] else {
            return true
        }
        if lock.hasSucceeded, lock.refusals == 0 { return true }
        return lock.inFlight < max(1, self.policy.refusalsToLock - lock.refusals)
    }
}
