import Lab
import NIOCore

@testable import Devices

/// Plays connections and callers to a pool's state machine at random, and keeps books of its own.
struct PoolWorld {
    typealias Machine = PoolStateMachine<String, Int, PoolStateMachineTests.TestFailure>

    private enum Connection { case opening, open, closing }

    private var generator: SplitMix
    private var machine: Machine
    private let maximum: Int
    /// Connections that exist in this world, with their keys.
    private var connections: [UInt64: (key: String, phase: Connection)] = [:]
    private var waiting: [UInt64: String] = [:]
    private var leases: [Machine.Lease] = []
    private var hasTimer = false
    private var lastWaiter: UInt64 = 0
    private var seconds: Int64 = 0
    private(set) var violations: [String] = []

    init(seed: UInt64, maximum: Int) {
        self.generator = SplitMix(seed: seed)
        self.maximum = maximum
        self.machine = Machine(maximum: maximum, idleTimeout: .seconds(20))
    }

    private var now: NIODeadline { .uptimeNanoseconds(0) + .seconds(self.seconds) }

    mutating func step() {
        self.seconds += Int64.random(in: 0...3, using: &self.generator)
        switch Int.random(in: 0..<100, using: &self.generator) {
        case 0..<30: self.request()
        case 30..<38: self.cancelSomebody()
        case 38..<55: self.settleOpening()
        case 55..<75: self.releaseSomething()
        case 75..<88: self.endClosing()
        case 88..<92: self.loseSomething()
        case 92..<94: self.loseBeforeOpened()
        case 94..<96: self.event { $0.close($0.entries.keys.sorted().first ?? "", &$1) }
        case 96..<97: self.event { $0.closeAll(&$1) }
        case 97..<98: self.event { $0.retire("b", .inventory, &$1) }
        case 98..<99: self.event { $0.cameOfAge("a", $0.entries["a"]?.attempt ?? 0, &$1) }
        default: self.fireTimer()
        }
    }

    /// Lets everything that is under way come to its end.
    mutating func finish() {
        self.event { $0.shutDown(&$1) }
        self.leases = []
        for _ in 0..<1_000 where !self.connections.isEmpty {
            self.settleOpening()
            self.endClosing()
        }
        if !self.waiting.isEmpty { self.violations.append("never answered: \(self.waiting.keys.sorted())") }
        if !self.connections.isEmpty { self.violations.append("never closed: \(self.connections)") }
        if self.machine.connections != 0 || !self.machine.entries.isEmpty {
            self.violations.append("the machine remembers \(self.machine.entries)")
        }
    }

    // MARK: Events

    private mutating func event(_ body: (inout Machine, inout [Machine.Action]) -> Void) {
        var actions: [Machine.Action] = []
        body(&self.machine, &actions)
        for action in actions { self.perform(action) }
        if self.connections.count > self.maximum { self.violations.append("\(self.connections.count) connections") }
        if self.connections.count != self.machine.connections {
            self.violations.append("the machine counts \(self.machine.connections) of \(self.connections.count)")
        }
    }

    private mutating func request() {
        self.lastWaiter += 1
        let (waiter, key) = (
            self.lastWaiter, ["a", "b", "c", "d", "e", "f"].randomElement(using: &self.generator) ?? "a"
        )
        let identity = Int.random(in: 0..<10, using: &self.generator) == 0 ? 1 : 0
        self.waiting[waiter] = key
        self.event { $0.request(key, identity, waiter, &$1) }
    }

    private mutating func cancelSomebody() {
        guard let (waiter, key) = self.waiting.sorted(by: { $0.key < $1.key }).randomElement(using: &self.generator)
        else { return }
        self.event { $0.cancel(key, waiter, &$1) }
    }

    private mutating func settleOpening() {
        guard let (attempt, key) = self.pick([.opening, .closing], opened: false) else { return }
        let now = self.now
        if self.brokenEarly.contains(attempt) {
            self.connections[attempt] = nil
            return self.event { $0.opened(key, attempt, "\(key)#\(attempt)", now: now, &$1) }
        }
        // A cancelled opening may succeed all the same.
        if Bool.random(using: &self.generator) {
            self.sessions.insert(attempt)
            if self.connections[attempt]?.phase == .opening { self.connections[attempt]?.phase = .open }
            self.event { $0.opened(key, attempt, "\(key)#\(attempt)", now: now, &$1) }
        } else {
            self.connections[attempt] = nil
            self.event { $0.openingFailed(key, attempt, .init(), &$1) }
        }
    }

    private mutating func releaseSomething() {
        guard let index = self.leases.indices.randomElement(using: &self.generator) else { return }
        let lease = self.leases.remove(at: index)
        let now = self.now
        self.event { $0.release(lease.key, lease.attempt, now: now, &$1) }
    }

    private mutating func endClosing() {
        guard let (attempt, key) = self.pick([.closing], opened: true) else { return }
        self.connections[attempt] = nil
        self.event { $0.ended(key, attempt, &$1) }
    }

    private mutating func loseSomething() {
        guard let (attempt, key) = self.pick([.open], opened: true) else { return }
        if Bool.random(using: &self.generator) { self.event { machine, _ in machine.failing(key, attempt) } }
        self.connections[attempt] = nil
        self.event { $0.ended(key, attempt, &$1) }
    }

    /// The session opens and breaks, and the news of the second overtakes that of the first.
    private mutating func loseBeforeOpened() {
        guard let (attempt, key) = self.pick([.opening], opened: false), self.brokenEarly.insert(attempt).inserted
        else { return }
        self.event { machine, _ in machine.failing(key, attempt) }
        self.event { $0.ended(key, attempt, &$1) }
    }

    private mutating func fireTimer() {
        guard self.hasTimer else { return }
        self.hasTimer = false
        let now = self.now
        self.event { $0.idleTimerFired(now: now, &$1) }
    }

    /// Attempts that have become sessions.
    private var sessions = Set<UInt64>()
    private var brokenEarly = Set<UInt64>()

    private mutating func pick(_ phases: Set<Connection>, opened: Bool) -> (UInt64, String)? {
        self.connections
            .filter { phases.contains($0.value.phase) && self.sessions.contains($0.key) == opened }
            .sorted { $0.key < $1.key }
            .randomElement(using: &self.generator)
            .map { ($0.key, $0.value.key) }
    }

    // MARK: Actions

    private mutating func perform(_ action: Machine.Action) {
        switch action {
        case .open(let attempt, let key, _):
            if self.connections.values.contains(where: { $0.key == key }) {
                self.violations.append("a second connection to \(key)")
            }
            self.connections[attempt] = (key, .opening)
        case .cancelOpening(let attempt):
            if self.connections[attempt]?.phase != .opening {
                self.violations.append("cancels #\(attempt), which isn't opening")
            }
            self.connections[attempt]?.phase = .closing
        case .close(let session, _):
            guard let attempt = UInt64(session.split(separator: "#").last ?? ""), self.connections[attempt] != nil
            else { return }
            self.connections[attempt]?.phase = .closing
        case .resume(let waiter, let result):
            if self.waiting.removeValue(forKey: waiter) == nil { self.violations.append("\(waiter) is answered twice") }
            if case .success(let lease) = result { self.leases.append(lease) }
        case .startIdleTimer:
            if self.hasTimer { self.violations.append("a second timer") }
            self.hasTimer = true
        }
    }
}
