import DequeModule
import Jobs

/// The jobs that were accepted lately, by id. A value without I/O or clock.
struct AcceptedJobs: Sendable {
    private let window: Int64
    private let maximum: Int
    private var jobs: [String: (job: JobProgress.AcceptedJob, time: Int64)] = [:]
    private var order: Deque<String> = []

    /// - Parameters:
    ///   - window: how long an id is remembered; zero: not at all.
    ///   - maximum: past this many jobs the oldest is forgotten.
    init(window: Duration, maximum: Int) {
        self.window = window.components.seconds * 1_000 + window.components.attoseconds / 1_000_000_000_000_000
        self.maximum = maximum
    }

    var count: Int { self.jobs.count }

    /// - Parameter time: when it was accepted, in milliseconds since 1970.
    mutating func take(_ accepted: JobProgress.AcceptedJob, at time: Int64, now: Int64) {
        var job = accepted
        // Nobody asks for these, and for hundreds of thousands of jobs they would fill the memory.
        (job.echo, job.labels) = ([], [:])
        guard self.isFresh(time, now), self.maximum > 0 else { return }
        if let known = self.jobs[job.job] {
            // The same record comes again over the progress topic; after the window the id begins anew.
            guard !self.isFresh(known.time, now) else { return }
            self.order.removeAll { $0 == job.job }
        }
        while let first = self.order.first,
            self.order.count >= self.maximum || !(self.jobs[first].map { self.isFresh($0.time, now) } ?? false)
        {
            self.order.removeFirst()
            self.jobs[first] = nil
        }
        self.jobs[job.job] = (job, time)
        self.order.append(job.job)
    }

    /// The job that had this id first, within the window.
    func job(_ id: String, now: Int64) -> JobProgress.AcceptedJob? {
        guard let known = self.jobs[id], self.isFresh(known.time, now) else { return nil }
        return known.job
    }

    private func isFresh(_ time: Int64, _ now: Int64) -> Bool {
        // A time in the future is another clock's now.
        max(0, now - min(max(time, 0), now)) < self.window
    }
}
