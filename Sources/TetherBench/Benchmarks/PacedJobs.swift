import Foundation
import Jobs
import NIOConcurrencyHelpers

/// Jobs at a steady rate, whatever becomes of them: what a caller waits for counts from the moment when the job was due, so that a slow answer
/// can't hide behind the ones that it delays.
struct PacedJobs {
    var name: String
    /// A second.
    var rate: Double
    var count: Int
    /// Of each job.
    var deadline = Duration.seconds(60)
    /// The device of a job, and whether the benchmark waits for its answer.
    var target: @Sendable (Int) -> (device: String, isMeasured: Bool)

    /// Milliseconds from when each measured job was due to its result.
    func latencies(on stage: KafkaStage) async throws -> [Double] {
        let start = ContinuousClock.now
        let interval = Duration.seconds(1) / self.rate
        return try await withThrowingTaskGroup(of: [Double].self) { tasks in
            tasks.addTask {
                for index in 0..<self.count {
                    try await Task.sleep(until: start + interval * index, tolerance: .zero)
                    try await stage.submit(
                        id: "\(self.name)-\(index)", targets: [self.target(index).device], deadline: self.deadline)
                }
                return []
            }
            tasks.addTask {
                var missing = Set((0..<self.count).filter { self.target($0).isMeasured })
                var latencies: [Double] = []
                let end = start + interval * self.count + .seconds(60)
                while !missing.isEmpty {
                    guard ContinuousClock.now < end else {
                        throw BenchmarkError("\(missing.count) jobs of \(self.name) have no result")
                    }
                    let replies = try await stage.nextReplies()
                    let now = ContinuousClock.now
                    for case .result(let result) in replies {
                        // Also of earlier rounds, whose devices had no answer.
                        guard result.job.hasPrefix("\(self.name)-"),
                            let index = Int(result.job.dropFirst(self.name.count + 1)), missing.remove(index) != nil
                        else { continue }
                        guard result.outcome == .succeeded else {
                            throw BenchmarkError("\(result.task): \(result.outcome.rawValue)")
                        }
                        latencies.append((now - (start + interval * index)) / .milliseconds(1))
                    }
                }
                return latencies
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
    }
}
