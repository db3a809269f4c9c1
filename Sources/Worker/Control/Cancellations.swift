import DequeModule
import Jobs

/// The jobs that were cancelled, for as long as a task of theirs may still come. A value without I/O or clock.
struct Cancellations: Sendable {
    private struct Entry: Sendable {
        /// `nil`: all of them.
        var devices: Set<String>?
        var until: Int64
    }

    /// Past this many jobs the oldest cancellation is forgotten.
    static let maximumJobs = 100_000

    private let lifetime: Int64
    private var jobs: [String: Entry] = [:]
    private var order: Deque<String> = []

    /// - Parameter lifetime: no task comes later than this after its job's cancellation: the longest deadline.
    init(lifetime: Duration) {
        self.lifetime = lifetime.components.seconds * 1_000
    }

    var count: Int { self.jobs.count }

    /// - Parameters:
    ///   - time: when the cancellation was written, in milliseconds since 1970.
    mutating func take(_ cancellation: Control.Cancellation, at time: Int64, now: Int64) {
        // The time is another clock's: it may be in the future, but it doesn't count for more than now.
        let until = min(max(time, 0), now) + self.lifetime
        guard until > now else { return }
        self.forget(now)
        if var entry = self.jobs[cancellation.job] {
            entry.devices = cancellation.devices.isEmpty ? nil : entry.devices?.union(cancellation.devices)
            entry.until = max(entry.until, until)
            self.jobs[cancellation.job] = entry
        } else {
            let devices = cancellation.devices.isEmpty ? nil : Set(cancellation.devices)
            self.jobs[cancellation.job] = Entry(devices: devices, until: until)
            self.order.append(cancellation.job)
        }
    }

    func covers(_ task: DeviceTask) -> Bool {
        guard !self.jobs.isEmpty, let entry = self.jobs[task.job] else { return false }
        return entry.devices?.contains(task.device) ?? true
    }

    private mutating func forget(_ now: Int64) {
        while let first = self.order.first, self.order.count >= Self.maximumJobs || self.jobs[first]?.until ?? 0 <= now
        {
            self.jobs[first] = nil
            self.order.removeFirst()
        }
    }
}

extension Control.Cancellation {
    func covers(_ device: String) -> Bool { self.devices.isEmpty || self.devices.contains(device) }
}
