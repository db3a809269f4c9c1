import NIOCore
import Testing

@testable import Devices

@Suite("The pool's decisions")
struct PoolStateMachineTests {
    typealias Machine = PoolStateMachine<String, Int, TestFailure>

    struct TestFailure: Error, Equatable {}

    /// The machine, and its actions as text.
    struct Pool {
        var machine: Machine
        var now = NIODeadline.uptimeNanoseconds(0)

        init(maximum: Int = 10, idleTimeout: TimeAmount? = nil) {
            self.machine = Machine(maximum: maximum, idleTimeout: idleTimeout)
        }

        mutating func callAsFunction(_ event: (inout Machine, inout [Machine.Action]) -> Void) -> [String] {
            var actions: [Machine.Action] = []
            event(&self.machine, &actions)
            return actions.map(Self.text)
        }

        mutating func request(_ key: String, _ waiter: UInt64, identity: Int = 0) -> [String] {
            self { $0.request(key, identity, waiter, &$1) }
        }
        mutating func opened(_ key: String, _ attempt: UInt64) -> [String] {
            let now = self.now
            return self { $0.opened(key, attempt, "\(key)#\(attempt)", now: now, &$1) }
        }
        mutating func lease(_ key: String, _ identity: Int, generation: UInt64? = nil) -> String? {
            self.machine.leaseOpen(key, identity, generation: generation)?.session
        }
        mutating func known(_ key: String) -> String? { self.machine.leaseKnown(key)?.session }
        mutating func failed(_ key: String, _ attempt: UInt64) -> [String] {
            self { $0.openingFailed(key, attempt, TestFailure(), &$1) }
        }
        mutating func release(_ key: String, _ attempt: UInt64) -> [String] {
            let now = self.now
            return self { $0.release(key, attempt, now: now, &$1) }
        }
        mutating func ended(_ key: String, _ attempt: UInt64) -> [String] { self { $0.ended(key, attempt, &$1) } }
        mutating func cancel(_ key: String, _ waiter: UInt64) -> [String] { self { $0.cancel(key, waiter, &$1) } }
        mutating func close(_ key: String) -> [String] { self { $0.close(key, &$1) } }

        static func text(_ action: Machine.Action) -> String {
            switch action {
            case .open(let attempt, let key, let identity):
                "open \(key)#\(attempt)" + (identity == 0 ? "" : " as \(identity)")
            case .cancelOpening(let attempt): "cancel opening #\(attempt)"
            case .close(let session, let reason): "close \(session)" + (reason == .requested ? "" : " (\(reason))")
            case .resume(let waiter, .success(let lease)): "\(waiter) gets \(lease.session)"
            case .resume(let waiter, .failure(let refusal)): "\(waiter) refused: \(refusal.name)"
            case .startIdleTimer(let deadline): "timer at \(deadline.uptimeNanoseconds / 1_000_000_000)"
            }
        }
    }

    @Test("callers that arrive while a connection opens share it")
    func shared() {
        var pool = Pool()
        #expect(pool.request("a", 1) == ["open a#1"])
        #expect(pool.request("a", 2) == [])
        #expect(pool.request("b", 3) == ["open b#2"])
        #expect(pool.opened("a", 1) == ["1 gets a#1", "2 gets a#1"])
        #expect(pool.request("a", 4) == ["4 gets a#1"])
        #expect(pool.machine.connections == 2)
    }

    @Test("a failed opening fails all who waited, and the next caller tries anew")
    func failedOpening() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.request("a", 2)
        #expect(pool.failed("a", 1) == ["1 refused: failed", "2 refused: failed"])
        #expect(pool.machine.entries.isEmpty && pool.machine.connections == 0)
        #expect(pool.request("a", 3) == ["open a#2"])
    }

    @Test("one caller's cancellation leaves the opening to the others; the last one's takes it along")
    func cancellation() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.request("a", 2)
        #expect(pool.cancel("a", 1) == ["1 refused: cancelled"])
        #expect(pool.cancel("a", 1) == [])
        #expect(pool.cancel("a", 2) == ["2 refused: cancelled", "cancel opening #1"])
        // Somebody comes before the cancelled opening has ended: never two connections.
        #expect(pool.request("a", 3) == [])
        #expect(pool.failed("a", 1) == ["open a#2"])
        #expect(pool.opened("a", 2) == ["3 gets a#2"])
    }

    @Test("a cancelled opening that succeeds all the same is closed")
    func cancelledTooLate() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.cancel("a", 1)
        #expect(pool.opened("a", 1) == ["close a#1"])
        #expect(pool.machine.connections == 1)
        #expect(pool.ended("a", 1) == [])
        #expect(pool.machine.connections == 0)
    }

    @Test("a lost session is opened again for the next caller, who waits for the old connection to be gone")
    func loss() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.opened("a", 1)
        #expect(pool { machine, _ in machine.failing("a", 1) } == [])
        #expect(pool.request("a", 2) == [])
        #expect(pool.ended("a", 1) == ["open a#2"])
        #expect(pool.release("a", 1) == [])
        #expect(pool.opened("a", 2) == ["2 gets a#2"])
    }

    @Test("news of an old connection doesn't touch its successor")
    func staleNews() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.opened("a", 1)
        _ = pool.ended("a", 1)
        _ = pool.request("a", 2)
        #expect(pool.ended("a", 1) == [])
        #expect(pool.failed("a", 1) == [])
        #expect(pool.opened("a", 1) == ["close a#1"])
        #expect(pool.opened("a", 2) == ["2 gets a#2"])
    }

    @Test(
        "a connection that breaks before it is reported open goes to those who waited, and isn't tried again in a circle"
    )
    func brokenEarly() {
        var pool = Pool()
        _ = pool.request("a", 1)
        #expect(pool.ended("a", 1) == [])
        #expect(pool.opened("a", 1) == ["1 gets a#1"])
        #expect(pool.machine.connections == 0 && pool.machine.entries.isEmpty)
    }

    @Test("at the bound the session unused for longest makes room, and the new one waits until it is gone")
    func eviction() {
        var pool = Pool(maximum: 2)
        for (key, waiter) in [("a", 1), ("b", 2)] as [(String, UInt64)] {
            _ = pool.request(key, waiter)
            _ = pool.opened(key, waiter)
            _ = pool.release(key, waiter)
        }
        #expect(pool.request("a", 3) == ["3 gets a#1"])
        #expect(pool.release("a", 1) == [])
        #expect(pool.request("c", 4) == ["close b#2 (room)"])
        #expect(pool.machine.connections == 2)
        #expect(pool.ended("b", 2) == ["open c#3"])
    }

    @Test("at the bound with every session in use a newcomer is refused")
    func limit() {
        var pool = Pool(maximum: 1)
        _ = pool.request("a", 1)
        #expect(pool.request("b", 2) == ["2 refused: limit"])
        _ = pool.opened("a", 1)
        #expect(pool.request("b", 3) == ["3 refused: limit"])
        #expect(pool.release("a", 1) == [])
        #expect(pool.request("b", 4) == ["close a#1 (room)"])
        // Its room is promised once.
        #expect(pool.request("c", 5) == ["5 refused: limit"])
        #expect(pool.cancel("b", 4) == ["4 refused: cancelled"])
        #expect(pool.ended("a", 1) == [])
        #expect(pool.machine.entries.isEmpty)
    }

    @Test("another identity replaces the session once its holders have given it back")
    func replacement() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.opened("a", 1)
        #expect(pool.request("a", 2, identity: 7) == [])
        #expect(pool.request("a", 3) == [])
        #expect(pool.release("a", 1) == ["close a#1 (replaced)"])
        #expect(pool.ended("a", 1) == ["open a#2 as 7"])
        // The third wants the first identity again: its turn comes after the second's.
        #expect(pool.opened("a", 2) == ["2 gets a#2"])
        #expect(pool.release("a", 2) == ["close a#2 (replaced)"])
        #expect(pool.ended("a", 2) == ["open a#3"])
        #expect(pool.opened("a", 3) == ["3 gets a#3"])
    }

    @Test("idle sessions are closed after their time, with one timer for all")
    func idleTimeout() {
        var pool = Pool(idleTimeout: .seconds(10))
        for (key, waiter) in [("a", 1), ("b", 2)] as [(String, UInt64)] {
            _ = pool.request(key, waiter)
            _ = pool.opened(key, waiter)
        }
        #expect(pool.release("a", 1) == ["timer at 10"])
        pool.now = .uptimeNanoseconds(4_000_000_000)
        #expect(pool.release("b", 2) == [])
        pool.now = .uptimeNanoseconds(10_000_000_000)
        #expect(
            pool { $0.idleTimerFired(now: .uptimeNanoseconds(10_000_000_000), &$1) } == [
                "close a#1 (idle)", "timer at 14",
            ])
        // Used in between: its time begins anew.
        #expect(pool.request("b", 3) == ["3 gets b#2"])
        pool.now = .uptimeNanoseconds(13_000_000_000)
        #expect(pool.release("b", 2) == [])
        #expect(pool { $0.idleTimerFired(now: .uptimeNanoseconds(14_000_000_000), &$1) } == ["timer at 23"])
        #expect(pool { $0.idleTimerFired(now: .uptimeNanoseconds(23_000_000_000), &$1) } == ["close b#2 (idle)"])
    }

    @Test("closing refuses who waits, cancels openings and closes sessions; afterwards the pool is usable")
    func closing() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.opened("a", 1)
        _ = pool.request("b", 2)
        #expect(Set(pool { $0.closeAll(&$1) }) == ["close a#1", "2 refused: closed", "cancel opening #2"])
        #expect(pool.request("a", 3) == [])
        #expect(pool.ended("a", 1) == ["open a#3"])
    }

    @Test("after shutdown everybody is refused")
    func shutDown() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.opened("a", 1)
        _ = pool.request("b", 2)
        #expect(Set(pool { $0.shutDown(&$1) }) == ["close a#1 (shutDown)", "2 refused: shutDown", "cancel opening #2"])
        #expect(pool.request("a", 3) == ["3 refused: shutDown"])
        #expect(pool.machine.leaseOpen("a", 0) == nil)
        _ = pool.ended("a", 1)
        _ = pool.failed("b", 2)
        #expect(pool.machine.connections == 0 && pool.machine.entries.isEmpty)
    }

    @Test("a session is given out by its key alone only if that is known to stand for what the session was opened for")
    func knownIdentity() {
        var pool = Pool()
        _ = pool.request("a", 1)
        #expect(pool.known("a") == nil)
        _ = pool.opened("a", 1)
        // Whoever opened it may have had something else in mind.
        #expect(pool.known("a") == nil)
        #expect(pool.lease("a", 0) == "a#1")
        #expect(pool.known("a") == nil)
        #expect(pool.lease("a", 1, generation: 1) == nil)
        #expect(pool.known("a") == nil)
        #expect(pool.lease("a", 0, generation: 1) == "a#1")
        #expect(pool.known("a") == "a#1")
        #expect(pool.machine.entries["a"]?.uses == 4)
        pool.machine.identitiesChanged()
        #expect(pool.known("a") == nil)
        // Whoever looked it up before the change knows nothing of what it stands for now.
        #expect(pool.lease("a", 0, generation: 1) == "a#1")
        #expect(pool.known("a") == nil)
        #expect(pool.lease("a", 0, generation: 2) == "a#1")
        #expect(pool.known("a") == "a#1")
        // Asked for as something else, it is on its way out.
        #expect(pool.request("a", 2, identity: 1) == [])
        #expect(pool.known("a") == nil)
        for _ in 0..<6 { #expect(pool.release("a", 1) == []) }
        #expect(pool.release("a", 1) == ["close a#1 (replaced)"])
        #expect(pool.ended("a", 1) == ["open a#2 as 1"])
        #expect(pool.opened("a", 2) == ["2 gets a#2"])
        #expect(pool.known("a") == nil)
        #expect(pool.lease("a", 1, generation: 2) == "a#2")
        #expect(pool.known("a") == "a#2")
        _ = pool { $0.shutDown(&$1) }
        #expect(pool.known("a") == nil)
    }

    @Test("a retired session is closed when nobody uses it")
    func retirement() {
        var pool = Pool()
        _ = pool.request("a", 1)
        _ = pool.opened("a", 1)
        #expect(pool { $0.retire("a", .inventory, &$1) } == [])
        #expect(pool.release("a", 1) == ["close a#1 (inventory)"])
    }

    @Test(
        "a session that comes of age is closed at once when idle, else when its last holder gives it back; the next one is new"
    )
    func age() {
        var pool = Pool()
        for key in ["a", "b"] {
            _ = pool.request(key, key == "a" ? 1 : 2)
            _ = pool.opened(key, key == "a" ? 1 : 2)
        }
        _ = pool.release("a", 1)
        #expect(pool { $0.cameOfAge("a", 1, &$1) } == ["close a#1 (age)"])
        #expect(pool { $0.cameOfAge("b", 2, &$1) } == [])
        #expect(pool.request("b", 3) == [])
        #expect(pool.release("b", 2) == ["close b#2 (age)"])
        #expect(pool.ended("b", 2) == ["open b#3"])
        // News of the old one's age doesn't touch its successor.
        #expect(pool.opened("b", 3) == ["3 gets b#3"])
        #expect(pool { $0.cameOfAge("b", 2, &$1) } == [])
        #expect(pool.release("b", 3) == [])
    }

    @Test("a warm session outlives the idle time-out, but still makes room when there is none")
    func warm() {
        var pool = Pool(maximum: 2, idleTimeout: .seconds(10))
        pool.machine.setWarm("a", true)
        for (key, waiter) in [("a", 1), ("b", 2)] as [(String, UInt64)] {
            _ = pool.request(key, waiter)
            _ = pool.opened(key, waiter)
            _ = pool.release(key, waiter)
        }
        #expect(
            pool { $0.idleTimerFired(now: .uptimeNanoseconds(10_000_000_000), &$1) }
                == ["close b#2 (idle)", "timer at 20"]
        )
        _ = pool.ended("b", 2)
        _ = pool.request("b", 3)
        _ = pool.opened("b", 3)
        #expect(pool.request("c", 4) == ["close a#1 (room)"])
        pool.machine.setWarm("a", false)
        #expect(pool.machine.warm.isEmpty)
    }

    @Test("an opening that was decided upon while the key was warm is refused when it isn't any more")
    func cooled() {
        var pool = Pool(maximum: 2)
        pool.machine.setWarm("a", true)
        #expect(pool { $0.request("a", 0, 1, onlyIfWarm: true, &$1) } == ["open a#1"])
        pool.machine.setWarm("b", true)
        pool.machine.setWarm("b", false)
        #expect(pool { $0.request("b", 0, 2, onlyIfWarm: true, &$1) } == ["2 refused: closed"])
        #expect(pool.machine.entries["b"] == nil)
    }

    @Test(
        "whatever happens: one connection a key, no more than the maximum, every waiter answered once",
        arguments: 0..<40)
    func random(run: Int) {
        let seed = UInt64.random(in: .min ... .max)
        var world = PoolWorld(seed: seed, maximum: run % 5 + 1)
        for _ in 0..<600 { world.step() }
        world.finish()
        #expect(world.violations.isEmpty, "seed \(seed), maximum \(run % 5 + 1): \(world.violations.prefix(3))")
    }
}

extension PoolStateMachine.Refusal {
    var name: String {
        switch self {
        case .failed: "failed"
        case .limit: "limit"
        case .cancelled: "cancelled"
        case .closed: "closed"
        case .shutDown: "shutDown"
        }
    }
}

extension PoolStateMachine.Lease: Equatable where Session: Equatable {
    public static func == (left: Self, right: Self) -> Bool {
        left.key == right.key && left.attempt == right.attempt && left.session == right.session
    }
}
