import Devices
import Foundation
import Jobs
import Worker

/// All that the status page shows, as of one moment. A value; made once for all who look.
package struct StatusSnapshot: Sendable {
    package struct DeviceRow: Sendable, Hashable {
        package var device: String
        /// `nil`: it has work or trouble, and no session.
        package var state: SessionStatus.State?
        package var age: Duration?
        package var isWarm = false
        package var waiting = 0
        package var running: LaneStatus.Running?
        /// Why there is no session.
        package var trouble: DeviceTroubles.Trouble?

        package init(device: String) { self.device = device }

        package var isFailing: Bool { self.trouble != nil }
    }

    /// What happens in a second, over the time since the snapshot before.
    package struct Rates: Sendable, Hashable {
        package var finished = 0.0
        package var routed = 0.0
    }

    /// Records that Kafka holds and this worker has not taken yet.
    package struct Lag: Sendable, Hashable {
        package var jobs: Int64?
        package var tasks: [Int32: Int64] = [:]
    }

    package let version: String
    package let time = Date()
    package let status: WorkerStatus
    package let uptime: Duration
    package let health: HealthReport
    /// How old the work of the devices is, when the event loops didn't tell in time.
    package let lanesDelay: Duration?
    /// In the order of their names.
    package let devices: [DeviceRow]
    package let failures: [RecentFailures.Failure]
    package let failureCounts: [Outcome: Int]
    package let lag: Lag
    package let sessionLimit: Int
    package let inventoryCount: Int
    package var rates = Rates()
    let sessionCounts: [SessionStatus.State: Int]

    init(
        version: String, status: WorkerStatus, uptime: Duration, lanes: LaneReader.Answer, slowestLoop: Duration,
        sessions: [SessionStatus], troubles: [DeviceTroubles.Trouble], failures: [RecentFailures.Failure],
        failureCounts: [Outcome: Int], lag: Lag, sessionLimit: Int, inventoryCount: Int
    ) {
        self.version = version
        self.status = status
        self.uptime = uptime
        self.health = HealthReport(status, lanes: lanes.lanes, slowestLoop: slowestLoop)
        self.lanesDelay = lanes.delay
        self.failures = failures
        self.failureCounts = failureCounts
        self.lag = lag
        self.sessionLimit = sessionLimit
        self.inventoryCount = inventoryCount
        self.sessionCounts = sessions.reduce(into: [:]) { $0[$1.state, default: 0] += 1 }
        var rows: [String: DeviceRow] = [:]
        rows.reserveCapacity(sessions.count)
        // Temporary ones last for one task: its lane shows it.
        for session in sessions where !session.isTemporary {
            var row = DeviceRow(device: session.device)
            row.state = session.state
            row.age = session.age
            row.isWarm = session.isWarm
            rows[session.device] = row
        }
        for lane in lanes.lanes {
            rows[lane.device, default: DeviceRow(device: lane.device)].waiting = lane.waiting
            rows[lane.device]?.running = lane.running
        }
        for trouble in troubles {
            // An open session says that it is over: a credential of one job alone may have been refused.
            switch rows[trouble.device]?.state {
            case .idle, .busy, .closing: continue
            case .waiting, .opening, nil:
                rows[trouble.device, default: DeviceRow(device: trouble.device)].trouble = trouble
            }
        }
        self.devices = rows.values.sorted { $0.device < $1.device }
    }

    var waitingTasks: Int { self.devices.reduce(0) { $0 + $1.waiting } }
    var longestLane: Int { self.devices.lazy.map(\.waiting).max() ?? 0 }
    var runningTasks: Int { self.devices.count { $0.running != nil } }
    var longestTask: Duration? { self.devices.lazy.compactMap { $0.running?.age }.max() }
    var openSessions: Int { (self.sessionCounts[.idle] ?? 0) + (self.sessionCounts[.busy] ?? 0) }
    var failingDevices: Int { self.devices.count(where: \.isFailing) }
}
