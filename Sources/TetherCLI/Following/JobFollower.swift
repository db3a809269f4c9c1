import Jobs
import Kafka

/// Reads a reply topic until one job is over.
struct JobFollower {
    let id: String
    let report: JobReport
    /// Called once, when Ctrl-C was pressed for the first time.
    let onInterruption: @Sendable (JobTally) async -> Void
    let interruptions: Interruptions

    /// A router answers within milliseconds; after a crash of one, the next after the session time-out.
    private static let silence = Duration.seconds(5)

    /// - Parameter deadline: `nil`: for as long as it takes.
    func follow(_ reader: KafkaReader, until deadline: ContinuousClock.Instant?) async throws {
        let key = Array(self.id.utf8)
        var hasToldOfInterruption = false
        let started = ContinuousClock.now
        var hasToldOfSilence = false
        // Often enough for a line that moves; what comes is there at once anyway.
        let pause = self.report.showsProgress ? ProgressLine.interval : .milliseconds(250)
        while !self.report.tally.isOver, deadline.map({ .now < $0 }) ?? true {
            for record in try await reader.next(timeout: pause) where record.key == key {
                guard let value = record.value, let reply = try? Reply(decoding: value) else { continue }
                try self.report.take(reply, record: value)
            }
            if self.interruptions.hasBegun, !hasToldOfInterruption {
                hasToldOfInterruption = true
                await self.onInterruption(self.report.tally)
            }
            if !hasToldOfSilence, self.report.tally.isUnheard, started.duration(to: .now) > Self.silence {
                hasToldOfSilence = true
                self.report.say(
                    "No worker has taken the job yet; it waits in Kafka. Is one running? When one has just ended, the others wait for its session time-out (45 s)."
                )
            }
            self.report.tick()
        }
    }
}
