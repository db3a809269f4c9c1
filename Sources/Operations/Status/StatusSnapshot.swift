import Devices
import Worker

/// All that the status page shows, as of one moment. A value; made once for all who look.
package struct StatusSnapshot: Sendable {
    package struct DeviceRow: Sendable, Hashable {
        package var device: String
        /// `nil`: it has work, and no session yet.
        package var state: SessionStatus.State?
        package var session: String?
        package var age: Duration?
        package var isWarm = false
        package var waiting = 0
        package var running: LaneStatus.Running?

        package init(device: String) { self.device = device }
    }

    /// What happens in a second, over the time since the snapshot before.
    package struct Rates: Sendable, Hashable {
        package var taken = 0.0
        package var finished = 0.0
        package var routed = 0.0
    }

    package var version: String
    package var status: WorkerStatus
    package var health: HealthReport
    /// In the order of their names.
    package var devices: [DeviceRow]
    package var failures: [RecentFailures.Failure]
    package var sessionLimit: Int
    package var inventoryCount: Int
    package var rates = Rates()
    let sessionCounts: [SessionStatus.State: Int]

    package init(
        version: String, status: WorkerStatus, lanes: [LaneStatus], sessions: [SessionStatus],
        failures: [RecentFailures.Failure], sessionLimit: Int, inventoryCount: Int
    ) {
        self.version = version
        self.status = status
        self.health = HealthReport(status, lanes: lanes)
        self.failures = failures
        self.sessionLimit = sessionLimit
        self.inventoryCount = inventoryCount
        self.sessionCounts = sessions.reduce(into: [:]) { $0[$1.state, default: 0] += 1 }
        var rows: [String: DeviceRow] = [:]
        rows.reserveCapacity(sessions.count)
        // Temporary ones last for one task: its lane shows it.
        for session in sessions where !session.isTemporary {
            var row = DeviceRow(device: session.device)
            row.state = session.state
            row.session = session.id
            row.age = session.age
            row.isWarm = session.isWarm
            rows[session.device] = row
        }
        for lane in lanes {
            var row = rows[lane.device] ?? DeviceRow(device: lane.device)
            row.waiting = lane.waiting
            row.running = lane.running
            rows[lane.device] = row
        }
        self.devices = rows.values.sorted { $0.device < $1.device }
    }

    var waitingTasks: Int { self.devices.reduce(0) { $0 + $1.waiting } }
    var runningTasks: Int { self.devices.count { $0.running != nil } }
    var openSessions: Int { (self.sessionCounts[.idle] ?? 0) + (self.sessionCounts[.busy] ?? 0) }
}
