import Foundation
import Lab

/// What was asked of the fleet.
struct SubmittedJob: Sendable {
    enum Kind: Sendable {
        /// Adds one to a counter on the device that has the job's name.
        case change
        /// The same, but said to be repeatable.
        case read
    }

    var id: String
    var number: Int
    var kind: Kind
    /// Devices of one lane of submission: the jobs of one key keep their order.
    var key: String
    var devices: [String]
    var value: [UInt8]
    /// Milliseconds since 1970, by the sender's clock.
    var submitted: Int64
    var deadline: Duration
}

/// Makes jobs: mostly small ones, some slow, some with several commands, some that expire.
struct Workload: Sendable {
    static let lanes = 4

    private var generator: SplitMix
    private let lanes: [[String]]
    private var last = 0

    init(seed: UInt64, devices: [String]) {
        self.generator = SplitMix(seed: seed)
        var lanes = [[String]](repeating: [], count: Self.lanes)
        for (index, device) in devices.enumerated() { lanes[index % Self.lanes].append(device) }
        self.lanes = lanes.filter { !$0.isEmpty }
    }

    mutating func next(at now: Int64) -> SubmittedJob {
        self.last += 1
        let lane = Int.random(in: 0..<self.lanes.count, using: &self.generator)
        let devices = Array(
            self.lanes[lane].shuffled(using: &self.generator).prefix(Int.random(in: 1...9, using: &self.generator))
        ).sorted()
        let id = "j\(self.last)"
        var commands: [String]
        var kind = SubmittedJob.Kind.change
        var deadline = Duration.seconds(45)
        switch Int.random(in: 0..<100, using: &self.generator) {
        case 0..<45: commands = ["lab count \(id) \(Int.random(in: 0...300, using: &self.generator))"]
        case 45..<75:
            kind = .read
            commands = ["lab count \(id)"]
        case 75..<85: commands = ["show version", "lab count \(id)", "lab sleep 200"]
        case 85..<92:
            kind = .read
            commands = ["lab count \(id)", "lab output 20000"]
        default:
            commands = ["lab count \(id) 1500"]
            deadline = .seconds(4)
        }
        let job: [String: Any] = [
            "version": 1, "id": id, "targets": devices, "effect": kind == .change ? "change" : "read",
            "operation": ["type": "run", "commands": commands], "deadline": "\(deadline.components.seconds)s",
            "stream": commands.count == 2,
        ]
        let value = (try? JSONSerialization.data(withJSONObject: job, options: [.sortedKeys])) ?? Data()
        return SubmittedJob(
            id: id, number: self.last, kind: kind, key: "lane-\(lane)", devices: devices, value: Array(value),
            submitted: now, deadline: deadline
        )
    }

    mutating func pause(rate: Double) -> Duration {
        // A Poisson stream: bursts and lulls come by themselves.
        let mean = 1 / rate
        return .milliseconds(Int64(-mean * log(Double.random(in: 0.0001...1, using: &self.generator)) * 1_000))
    }
}
