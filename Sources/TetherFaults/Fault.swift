import Lab

/// One thing that goes wrong, and for how long.
enum Fault: Sendable, CustomStringConvertible {
    /// `kill -9`; started again after a while.
    case kill(worker: Int, away: Duration)
    /// SIGTERM; started again after a while.
    case terminate(worker: Int, away: Duration)
    /// SIGSTOP, then SIGCONT.
    case freeze(worker: Int, time: Duration)
    /// Nothing gets through between the worker and the broker.
    case isolate(worker: Int, time: Duration)
    /// One more worker, which leaves again.
    case join(time: Duration)
    /// A clean restart.
    case restartBroker(down: Duration)
    case cutBrokerConnections
    case slowBroker(time: Duration)
    /// The task topic gets more partitions.
    case grow
    /// All connections cut, none taken for a while.
    case reboot(device: Int, down: Duration)
    case blackHole(device: Int, time: Duration)
    case hang(device: Int, time: Duration)
    case slow(device: Int, time: Duration)

    enum Kind: String, Sendable, CaseIterable {
        case kill, terminate, freeze, isolate, join
        case restartBroker = "restart broker"
        case cutBrokerConnections = "cut broker connections"
        case slowBroker = "slow broker"
        case grow
        case reboot = "reboot device"
        case blackHole = "black-hole device"
        case hang = "hang device"
        case slow = "slow device"
    }

    var kind: Kind {
        switch self {
        case .kill: .kill
        case .terminate: .terminate
        case .freeze: .freeze
        case .isolate: .isolate
        case .join: .join
        case .restartBroker: .restartBroker
        case .cutBrokerConnections: .cutBrokerConnections
        case .slowBroker: .slowBroker
        case .grow: .grow
        case .reboot: .reboot
        case .blackHole: .blackHole
        case .hang: .hang
        case .slow: .slow
        }
    }

    var description: String {
        switch self {
        case .kill(let worker, let time), .terminate(let worker, let time):
            "\(self.kind.rawValue) worker \(worker), back after \(time)"
        case .freeze(let worker, let time), .isolate(let worker, let time):
            "\(self.kind.rawValue) worker \(worker) for \(time)"
        case .join(let time), .slowBroker(let time): "\(self.kind.rawValue) for \(time)"
        case .restartBroker(let time): "\(self.kind.rawValue), down for \(time)"
        case .cutBrokerConnections, .grow: self.kind.rawValue
        case .reboot(let device, let time), .blackHole(let device, let time), .hang(let device, let time),
            .slow(let device, let time):
            "\(self.kind.rawValue) \(device) for \(time)"
        }
    }
}

/// What goes wrong next. The same seed gives the same sequence.
struct FaultPlan: Sendable {
    private var generator: SplitMix
    private let workers: Int
    private let devices: Int
    private let sessionTimeout: Duration
    private var growths = 0

    init(seed: UInt64, workers: Int, devices: Int, sessionTimeout: Duration) {
        self.generator = SplitMix(seed: seed)
        self.workers = workers
        self.devices = devices
        self.sessionTimeout = sessionTimeout
    }

    mutating func nextOfFleet() -> Fault {
        let worker = Int.random(in: 0..<self.workers, using: &self.generator)
        switch Int.random(in: 0..<100, using: &self.generator) {
        case 0..<22: return .kill(worker: worker, away: self.time(0.2, 9))
        case 22..<38: return .terminate(worker: worker, away: self.time(0.2, 9))
        case 38..<50: return .freeze(worker: worker, time: self.sessionTimeout + self.time(1, 6))
        case 50..<57: return .freeze(worker: worker, time: self.time(0.2, 3))
        case 57..<65: return .isolate(worker: worker, time: self.sessionTimeout + self.time(1, 5))
        case 65..<71: return .isolate(worker: worker, time: self.time(0.2, 3))
        case 71..<80: return .join(time: self.time(4, 10))
        case 80..<87: return .restartBroker(down: self.time(0, 2))
        case 87..<92: return .cutBrokerConnections
        case 92..<97: return .slowBroker(time: self.time(2, 6))
        default:
            guard self.growths < 2 else { return .cutBrokerConnections }
            self.growths += 1
            return .grow
        }
    }

    mutating func nextOfDevices() -> Fault {
        let device = Int.random(in: 0..<self.devices, using: &self.generator)
        switch Int.random(in: 0..<100, using: &self.generator) {
        case 0..<40: return .reboot(device: device, down: self.time(0, 4))
        case 40..<60: return .blackHole(device: device, time: self.time(1, 8))
        case 60..<80: return .hang(device: device, time: self.time(1, 8))
        default: return .slow(device: device, time: self.time(1, 8))
        }
    }

    /// Some time between these, in seconds.
    mutating func time(_ low: Double, _ high: Double) -> Duration {
        .milliseconds(Int64(Double.random(in: low...high, using: &self.generator) * 1_000))
    }
}
