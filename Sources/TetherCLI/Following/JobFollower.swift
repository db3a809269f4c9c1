import Jobs
import Kafka

/// Reads a reply topic until one job is over.
struct JobFollower {
    let id: String
    let report: JobReport
    /// Called once, when Ctrl-C was pressed for the first time.
    let onInterruption: @Sendable (JobTally) async -> Void
    let interruptions: Interruptions

    /// - Parameter deadline: `nil`: for as long as it takes.
    func follow(_ reader: KafkaReader, until deadline: ContinuousClock.Instant?) async throws {
        let key = Array(self.id.utf8)
        var hasToldOfInterruption = false
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
            self.report.tick()
        }
    }
}
