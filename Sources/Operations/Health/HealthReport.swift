import Jobs
import Worker

/// What a probe gets to know, judged from a worker's status. A value without I/O.
package struct HealthReport: Sendable {
    /// Work that waits this long without anything moving counts as stalled.
    package static let stallLimit = Duration.seconds(300)
    /// After so long without a poll the group takes a consumer's partitions away (librdkafka's default of `max.poll.interval.ms`).
    package static let pollLimit = Duration.seconds(300)
    /// An event loop that runs nothing for so long doesn't turn: nothing of ours takes a second there.
    package static let loopLimit = Duration.seconds(30)

    package let status: WorkerStatus
    private let lanes: [LaneStatus]
    private let slowestLoop: Duration

    /// - Parameters:
    ///   - lanes: devices with work, as far as known.
    ///   - slowestLoop: since the event loop that is furthest behind last answered.
    package init(_ status: WorkerStatus, lanes: [LaneStatus] = [], slowestLoop: Duration = .zero) {
        self.status = status
        self.lanes = lanes
        self.slowestLoop = slowestLoop
    }

    // MARK: Liveness

    /// Why the process should be started anew; empty while it turns.
    package var deaths: [String] {
        var reasons: [String] = []
        if self.slowestLoop > Self.loopLimit {
            reasons.append("an event loop has not turned for \(Self.text(self.slowestLoop))")
        }
        for membership in self.status.memberships {
            guard let sinceTurn = membership.sinceTurn, sinceTurn > Self.pollLimit else { continue }
            reasons.append(
                "the consumer of the role \(membership.role.rawValue) has not polled for \(Self.text(sinceTurn))")
        }
        return reasons
    }

    package var isLive: Bool { self.deaths.isEmpty }

    // MARK: Stalls

    /// Why work waits and nothing moves; `nil` while it does move. Health means progress, whatever is connected.
    package var stall: String? {
        guard let execution = self.status.execution else { return nil }
        if execution.hasUncommitted, execution.sinceCommit > Self.stallLimit {
            return "finished tasks wait to be committed, and Kafka has acknowledged no commit for "
                + "\(Self.text(execution.sinceCommit)): look at the brokers and at this worker's membership of its group"
        }
        guard execution.unfinishedTasks > 0, execution.sinceProgress > Self.stallLimit else { return nil }
        if execution.unacknowledged > 0 {
            return "\(execution.unacknowledged) results wait for Kafka's acknowledgement, and none has come for "
                + "\(Self.text(execution.sinceProgress)): look at the brokers and the reply topics"
        }
        // A long task within its deadline is no stall: it ends by itself, or by its deadline.
        guard !self.lanes.contains(where: { $0.running.map { $0.left > .zero } ?? false }) else { return nil }
        return "\(execution.unfinishedTasks) tasks wait, and none has ended for \(Self.text(execution.sinceProgress)): "
            + "look at this worker's log, and restart it if that says nothing"
    }

    package var isStalled: Bool { self.stall != nil }

    // MARK: Readiness

    /// Why the worker can't do its work now; empty when it can.
    package var obstacles: [String] {
        var reasons: [String] = []
        if let failure = self.status.failure { reasons.append("the worker is about to end: \(failure)") }
        if self.status.isDraining { reasons.append("the worker drains: it takes no new work") }
        for membership in self.status.memberships {
            let role = membership.role.rawValue
            if !membership.hasJoined {
                reasons.append(
                    "the consumer group of the role \(role) hasn't said yet which partitions are this worker's")
            }
            if !membership.isReachable {
                let since = membership.sinceAnswer.map { "for \(Self.text($0))" } ?? "so far"
                reasons.append("no broker has answered the role \(role) \(since)")
            }
        }
        if let execution = self.status.execution, !execution.mayStart, self.status.failure == nil {
            reasons.append(
                "Kafka has confirmed no commit of this worker for \(Self.text(execution.sinceCommit)): another one may own its "
                    + "devices by now, so no task is started")
        }
        if let stall { reasons.append(stall) }
        reasons += self.deaths
        return reasons
    }

    package var isReady: Bool { self.obstacles.isEmpty }

    // MARK: JSON

    package var liveJSON: [UInt8] {
        self.json { writer in
            writer.field("live", bool: self.isLive)
            writer.name("reasons")
            writer.array(self.deaths) { $0.string($1) }
        }
    }

    package var readyJSON: [UInt8] {
        self.json { writer in
            writer.field("ready", bool: self.isReady)
            writer.name("reasons")
            writer.array(self.obstacles) { $0.string($1) }
            writer.field("open_sessions", self.status.openSessions)
            if let execution = self.status.execution {
                writer.field("partitions", execution.partitions.count)
                writer.field("unfinished_tasks", execution.unfinishedTasks)
                writer.field("finished_tasks", execution.finishedTasks)
                writer.field("warm_devices", execution.warmDevices)
                writer.field("stalled", bool: self.isStalled)
                writer.field("stall", self.stall)
            }
            if let routed = self.status.routedJobs {
                writer.field("routed_jobs", routed)
            }
            writer.field("dropped_events", self.status.droppedEvents)
            if self.status.failure != nil {
                writer.field("failed", bool: true)
            }
            writer.name("roles")
            writer.array(self.status.memberships) { writer, membership in
                writer.object { writer in
                    writer.field("role", membership.role.rawValue)
                    writer.field("joined", bool: membership.hasJoined)
                    writer.field("partitions", membership.partitions)
                    writer.field("reachable", bool: membership.isReachable)
                }
            }
        }
    }

    private func json(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var bytes: [UInt8] = []
        JSONWriter.append(to: &bytes) { writer in writer.object { body(&$0) } }
        return bytes + [UInt8(ascii: "\n")]
    }

    private static func text(_ duration: Duration) -> String { "\(duration.components.seconds) s" }
}
