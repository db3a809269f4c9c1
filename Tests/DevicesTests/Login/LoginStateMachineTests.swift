import Lab
import NIOCore
import SSH
import Testing

@testable import Devices

@Suite("Who may log in, and when")
struct LoginStateMachineTests {
    /// The machine, and its actions as text.
    struct Gate {
        var machine: LoginStateMachine
        var now = NIODeadline.uptimeNanoseconds(0)

        init(policy: LoginPolicy = LoginPolicy(), domains: [String: LoginPolicy.Domain] = [:]) {
            self.machine = LoginStateMachine(policy: policy, domains: domains)
        }

        mutating func callAsFunction(
            _ event: (inout LoginStateMachine, NIODeadline, inout [LoginStateMachine.Action]) -> Void
        ) -> [String] {
            var actions: [LoginStateMachine.Action] = []
            event(&self.machine, self.now, &actions)
            return actions.map(Self.text)
        }

        mutating func request(_ device: String, domain: String? = nil, password: String = "secret") -> [String] {
            let request = LoginRequest(
                device: device,
                domain: domain,
                user: "ops",
                credential: CredentialDigest(Credential(user: "ops", password: Secret(password)))
            )
            return self { _ = $0.request(request, now: $1, &$2) }
        }
        mutating func ended(_ ticket: UInt64, _ outcome: LoginOutcome) -> [String] {
            self { $0.ended(ticket, outcome, now: $1, &$2) }
        }
        mutating func failed(_ ticket: UInt64) -> [String] {
            self.ended(ticket, .unreachable(code: "connect.timeout", message: "silence"))
        }

        static func text(_ action: LoginStateMachine.Action) -> String {
            switch action {
            case .admit(let ticket): "\(ticket) admitted"
            case .refuse(let ticket, .paused): "\(ticket) paused"
            case .refuse(let ticket, .locked(_, let scope)): "\(ticket) locked in \(scope)"
            case .refuse(let ticket, .cancelled): "\(ticket) cancelled"
            case .startTimer(let deadline): "timer at \(deadline.uptimeNanoseconds / 1_000_000) ms"
            case .report(let event): "\(event.device): \(event.name)"
            }
        }
    }

    @Test("a device that fails several times in a row is left alone, then tried once, then used again")
    func breaker() {
        var gate = Gate(policy: LoginPolicy(failuresToPause: 2, pause: .seconds(10), maximumPause: .seconds(40)))
        #expect(gate.request("a") == ["1 admitted"])
        #expect(gate.failed(1) == [])
        #expect(gate.request("a") == ["2 admitted"])
        #expect(gate.failed(2) == ["a: device.unreachable"])
        #expect(gate.request("a") == ["3 paused"])
        #expect(gate.request("b") == ["4 admitted"], "others aren't concerned")
        gate.now = gate.now + .seconds(10)
        #expect(gate.request("a") == ["5 admitted"])
        #expect(gate.request("a") == ["6 paused"], "one attempt at a time until it is known")
        #expect(gate.failed(5) == ["a: device.unreachable"])
        #expect(gate.request("a") == ["7 paused"])
        gate.now = gate.now + .seconds(20)
        #expect(gate.request("a") == ["8 admitted"])
        #expect(gate.ended(8, .succeeded) == ["a: device.recovered"])
        #expect(gate.request("a") == ["9 admitted"])
        #expect(gate.request("a") == ["10 admitted"])
    }

    @Test("an attempt after a pause that its caller takes back leaves the way free for the next")
    func withdrawnTrial() {
        var gate = Gate(policy: LoginPolicy(failuresToPause: 1, pause: .seconds(10)))
        _ = gate.request("a")
        _ = gate.failed(1)
        gate.now = gate.now + .seconds(10)
        #expect(gate.request("a") == ["2 admitted"])
        #expect(gate.ended(2, .withdrawn) == [])
        #expect(gate.request("a") == ["3 admitted"])
    }

    @Test(
        "a refused credential is locked before the server would lock the account, for its device alone; another one is tried at once"
    )
    func lock() {
        var gate = Gate(policy: LoginPolicy(refusalsToLock: 3, lockPause: .seconds(60)))
        for ticket in UInt64(1)...2 {
            #expect(gate.request("a") == ["\(ticket) admitted"])
            #expect(gate.ended(ticket, .refused) == [])
        }
        #expect(gate.request("a") == ["3 admitted"])
        #expect(gate.ended(3, .refused) == ["a: credential.locked"])
        #expect(gate.request("a") == ["4 locked in a"])
        #expect(gate.request("b") == ["5 admitted"])
        #expect(gate.request("a", password: "rotated") == ["6 admitted"])
        gate.now = gate.now + .seconds(60)
        #expect(gate.request("a") == ["7 admitted"])
        #expect(gate.ended(7, .refused) == ["a: credential.locked"], "one attempt for each pause")
        #expect(gate.request("a") == ["8 locked in a"])
    }

    @Test(
        "a wrong password costs an authentication domain no more refusals than allowed, however many devices wait for it"
    )
    func domainLock() {
        var gate = Gate(policy: LoginPolicy(refusalsToLock: 3))
        var admitted: [String] = []
        for number in 0..<1_000 { admitted += gate.request("device-\(number)", domain: "tacacs") }
        #expect(admitted == ["1 admitted", "2 admitted", "3 admitted"])
        #expect(gate.ended(1, .refused) == [])
        #expect(gate.ended(2, .refused) == [])
        let end = gate.ended(3, .refused)
        #expect(end.filter { $0.hasSuffix("locked in auth_domain tacacs") }.count == 997)
        #expect(gate.request("device-1", domain: "tacacs") == ["1001 locked in auth_domain tacacs"])
        #expect(gate.machine.waiting == 0 && gate.machine.inFlight == 0)
    }

    @Test("a credential that has worked in its domain is used by all at once")
    func provenCredential() {
        var gate = Gate(policy: LoginPolicy(maximumLogins: 100, refusalsToLock: 3))
        var admitted: [String] = []
        for number in 0..<500 { admitted += gate.request("device-\(number)", domain: "tacacs") }
        #expect(admitted.count == 3)
        #expect(gate.ended(1, .succeeded).count == 98)
        #expect(gate.machine.inFlight == 100)
    }

    @Test("logins under way and begun per second are bounded in a domain, and in the whole process")
    func governor() {
        var gate = Gate(
            policy: LoginPolicy(maximumLogins: 3),
            domains: ["slow": LoginPolicy.Domain(maximumLogins: 2, loginsPerSecond: 2)]
        )
        _ = gate.request("proof", domain: "slow")
        #expect(gate.ended(1, .succeeded) == [])
        gate.now = gate.now + .seconds(1)
        #expect(gate.request("a", domain: "slow") == ["2 admitted"])
        #expect(gate.request("b", domain: "slow") == ["timer at 1500 ms"])
        #expect(gate.request("c", domain: "slow") == [])
        #expect(gate.request("x") == ["5 admitted"])
        gate.now = gate.now + .milliseconds(500)
        #expect(gate { $0.timerFired(now: $1, &$2) } == ["3 admitted"])
        gate.now = gate.now + .milliseconds(500)
        #expect(gate.request("y") == [], "three are under way in the process")
        #expect(gate.ended(5, .succeeded) == ["6 admitted"])
        #expect(gate.ended(2, .succeeded).contains("4 admitted"))
    }

    @Test("who leaves while waiting makes room for nobody and is answered once")
    func cancelled() {
        var gate = Gate(policy: LoginPolicy(maximumLogins: 1))
        _ = gate.request("a")
        #expect(gate.request("b") == [])
        #expect(gate { $0.cancel(2, now: $1, &$2) } == ["2 cancelled"])
        #expect(gate { $0.cancel(2, now: $1, &$2) } == [])
        #expect(gate { $0.cancel(1, now: $1, &$2) } == [], "an admitted one ends by itself")
        #expect(gate.ended(1, .withdrawn) == [])
        #expect(gate.machine.inFlight == 0 && gate.machine.waiting == 0)
    }

    @Test(
        "whatever happens: bounds hold, everybody is answered once, and nobody waits without reason", arguments: 0..<30)
    func random(run: Int) {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(seed: seed)
        let maximum = run % 4 + 1
        var machine = LoginStateMachine(
            policy: LoginPolicy(maximumLogins: maximum, failuresToPause: 2, pause: .seconds(3), lockPause: .seconds(5)),
            domains: ["d": LoginPolicy.Domain(maximumLogins: 2, loginsPerSecond: 3)]
        )
        var now = NIODeadline.uptimeNanoseconds(0)
        var waiting: Set<UInt64> = []
        var admitted: Set<UInt64> = []
        var lastTicket: UInt64 = 0
        var timer: NIODeadline?
        var violations: [String] = []
        func perform(_ actions: [LoginStateMachine.Action]) {
            for action in actions {
                switch action {
                case .admit(let ticket):
                    if waiting.remove(ticket) == nil { violations.append("\(ticket) admitted twice") }
                    admitted.insert(ticket)
                case .refuse(let ticket, _):
                    if waiting.remove(ticket) == nil { violations.append("\(ticket) refused twice") }
                case .startTimer(let deadline): timer = min(timer ?? deadline, deadline)
                case .report: break
                }
            }
            if admitted.count > maximum { violations.append("\(admitted.count) under way") }
        }
        for step in 0..<2_000 {
            now = now + .milliseconds(Int64.random(in: 0...400, using: &generator))
            var actions: [LoginStateMachine.Action] = []
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<45 where step < 1_500:
                let request = LoginRequest(
                    device: ["a", "b", "c", "d", "e"].randomElement(using: &generator) ?? "a",
                    domain: Bool.random(using: &generator) ? "d" : nil,
                    user: "ops",
                    credential: CredentialDigest(Credential(user: ["x", "y"].randomElement(using: &generator)))
                )
                // Numbers are given in order: this one is known before its answer.
                lastTicket += 1
                waiting.insert(lastTicket)
                _ = machine.request(request, now: now, &actions)
            case 45..<60:
                if let ticket = waiting.sorted().randomElement(using: &generator) {
                    machine.cancel(ticket, now: now, &actions)
                }
            default:
                guard let ticket = admitted.sorted().randomElement(using: &generator) else { break }
                admitted.remove(ticket)
                let outcome: LoginOutcome =
                    switch Int.random(in: 0..<4, using: &generator) {
                    case 0: .refused
                    case 1: .unreachable(code: "connect.refused", message: "")
                    case 2: .withdrawn
                    default: .succeeded
                    }
                machine.ended(ticket, outcome, now: now, &actions)
            }
            perform(actions)
            if let deadline = timer, deadline <= now {
                timer = nil
                var actions: [LoginStateMachine.Action] = []
                machine.timerFired(now: now, &actions)
                perform(actions)
            }
        }
        #expect(violations.isEmpty, "seed \(seed): \(violations.prefix(3))")
        #expect(waiting.isEmpty && machine.waiting == 0, "seed \(seed): \(waiting.count) wait for ever")
        #expect(machine.inFlight == admitted.count)
    }
}
