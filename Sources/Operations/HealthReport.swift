import Worker

/// What a probe gets to know, judged from a worker's status.
package struct HealthReport: Sendable {
    /// Work that waits this long without any task being finished counts as stalled.
    package static let stallLimit = Duration.seconds(300)

    package let status: WorkerStatus

    package init(_ status: WorkerStatus) {
        self.status = status
    }

    /// Health means progress: work waits and nothing moves is not healthy, whatever is connected.
    package var isStalled: Bool {
        guard let execution = self.status.execution else { return false }
        return execution.unfinishedTasks > 0 && execution.sinceProgress > Self.stallLimit
    }

    package var isReady: Bool { self.status.failure == nil && !self.isStalled }

    package var json: String {
        var fields = ["\"ready\":\(self.isReady)", "\"open_sessions\":\(self.status.openSessions)"]
        if let execution = self.status.execution {
            fields.append("\"partitions\":\(execution.partitions.count)")
            fields.append("\"unfinished_tasks\":\(execution.unfinishedTasks)")
            fields.append("\"finished_tasks\":\(execution.finishedTasks)")
            fields.append("\"warm_devices\":\(execution.warmDevices)")
            fields.append("\"stalled\":\(self.isStalled)")
        }
        if let routed = self.status.routedJobs { fields.append("\"routed_jobs\":\(routed)") }
        fields.append("\"dropped_events\":\(self.status.droppedEvents)")
        if self.status.failure != nil { fields.append("\"failed\":true") }
        return "{\(fields.joined(separator: ","))}\n"
    }
}
