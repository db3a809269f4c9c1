import ArgumentParser
import Foundation
import Jobs

/// `TetherBench soak`: a steady load for hours, and whether anything grows.
struct SoakBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "A steady load for hours: memory, descriptors and latency of two workers, minute by minute.",
        discussion: """
            Two jobs a second for single devices, and one for all every twenty seconds. Sessions are renewed every half hour, so that opening and \
            closing them is part of it. Exit status 1 when a job is lost or fails, or when memory or descriptors grow.
            """
    )

    @OptionGroup var options: BenchmarkOptions

    @Option(help: "Minutes. The first tenth, five minutes at most, is not judged: caches fill.")
    var minutes = 120

    @Option(help: "Devices.")
    var devices = 500

    func validate() throws {
        guard self.minutes >= 2, self.devices >= 1 else {
            throw ValidationError("--minutes must be at least 2, and --devices at least 1.")
        }
    }

    private struct Minute {
        /// Milliseconds of the single jobs that ended in it.
        var latencies: [Double] = []
        var bytes: [Int] = []
        var descriptors: [Int] = []
    }

    private struct Outcome {
        var minutes: [Minute] = []
        var jobs = 0
        var tasks = 0
        var results = 0
        var notSucceeded = 0
        var unfinished = 0
    }

    private static let jobsPerSecond = 2
    /// Every so many jobs, one for all devices.
    private static let fanOutEvery = 40
    /// Growth of resident memory over the whole time that is taken for noise of the allocator.
    private static let tolerance = 0.10

    func run() async throws {
        let (minutes, devices) = (self.minutes, self.devices)
        let outcome = try await KafkaStage.with(
            devices: devices, isWarm: true, retention: 180, workers: ["worker-1", "worker-2"],
            options: ["--max-session-age", "30m"]
        ) { stage in
            try await Self.load(minutes: minutes, devices, stage)
        }
        var report = Report()
        let isSound = Self.judge(outcome, in: &report)
        report.finish(self.options)
        guard isSound else { throw ExitCode.failure }
    }

    private static func load(minutes: Int, _ devices: Int, _ stage: KafkaStage) async throws -> Outcome {
        let start = ContinuousClock.now
        let interval = Duration.seconds(1) / Self.jobsPerSecond
        let jobs = minutes * 60 * Self.jobsPerSecond
        func isForAll(_ job: Int) -> Bool { job % Self.fanOutEvery == Self.fanOutEvery - 1 }
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for job in 0..<jobs {
                    try await Task.sleep(until: start + interval * job, tolerance: .zero)
                    let targets = isForAll(job) ? ["all"] : [stage.devices[(job * 7) % devices]]
                    try await stage.submit(id: "soak-\(job)", targets: targets)
                }
            }
            var outcome = Outcome(jobs: jobs)
            outcome.tasks = (0..<jobs).reduce(0) { $0 + (isForAll($1) ? devices : 1) }
            var finished = 0
            var minute = Minute()
            let end = start + interval * jobs + .seconds(120)
            while finished < jobs, ContinuousClock.now < end {
                for reply in try await stage.nextReplies() {
                    switch reply {
                    case .result(let result):
                        outcome.results += 1
                        if result.outcome != .succeeded { outcome.notSucceeded += 1 }
                        guard let job = Int(result.job.dropFirst(5)), !isForAll(job) else { continue }
                        minute.latencies.append((ContinuousClock.now - (start + interval * job)) / .milliseconds(1))
                    case .finished: finished += 1
                    default: continue
                    }
                }
                let isOver = finished >= jobs
                guard isOver || ContinuousClock.now >= start + .seconds(60) * (outcome.minutes.count + 1) else {
                    continue
                }
                for (_, process) in stage.workerProcesses {
                    minute.bytes.append(ResourceUsage.residentBytes(of: "\(process)") ?? 0)
                    minute.descriptors.append(ResourceUsage.descriptors(of: process) ?? 0)
                }
                Report.progress(
                    "soak: minute \(outcome.minutes.count + 1): p50 \(Report.number(minute.latencies.median)) ms, "
                        + "MB \(minute.bytes.map { $0 / 1_000_000 }), descriptors \(minute.descriptors)")
                outcome.minutes.append(minute)
                minute = Minute()
            }
            outcome.unfinished = jobs - finished
            tasks.cancelAll()
            return outcome
        }
    }

    /// Prints what came of it. `false` if anything was lost or grew.
    private static func judge(_ outcome: Outcome, in report: inout Report) -> Bool {
        let settled = Array(outcome.minutes.dropFirst(min(5, outcome.minutes.count / 10)))
        let quarter = max(1, settled.count / 4)
        let (first, last) = (Array(settled.prefix(quarter)), Array(settled.suffix(quarter)))
        func latency(_ minutes: [Minute], _ percent: Double) -> Double {
            minutes.flatMap(\.latencies).percentile(percent)
        }
        func bytes(_ minutes: [Minute]) -> Double {
            minutes.map { Double($0.bytes.reduce(0, +)) }.median / 1e6
        }
        func descriptors(_ minutes: [Minute]) -> Double {
            minutes.map { Double($0.descriptors.reduce(0, +)) }.median
        }
        func row(_ name: String, _ value: ([Minute]) -> Double) -> [String] {
            [name, Report.number(value(first)), Report.number(value(last))]
        }
        Report.table(
            "\(outcome.minutes.count) minutes, \(outcome.jobs) jobs, \(outcome.tasks) tasks: first and last quarter",
            columns: ["", "first", "last"],
            rows: [
                row("p50 of single jobs, ms") { latency($0, 50) }, row("p99, ms") { latency($0, 99) },
                row("resident memory of both workers, MB", bytes), row("their descriptors", descriptors),
            ]
        )
        let growth = bytes(last) / bytes(first) - 1
        let opened = descriptors(last) - descriptors(first)
        report.add("soak_minutes", Double(outcome.minutes.count))
        report.add("soak_tasks", Double(outcome.tasks))
        report.add("soak_missing_results", Double(outcome.tasks - outcome.results))
        report.add("soak_not_succeeded", Double(outcome.notSucceeded))
        report.add("soak_unfinished_jobs", Double(outcome.unfinished))
        report.add("soak_p50_ratio", latency(last, 50) / latency(first, 50))
        report.add("soak_p99_ratio", latency(last, 99) / latency(first, 99))
        report.add("soak_memory_ratio", 1 + growth)
        report.add("soak_descriptors_more", opened)
        var complaints: [String] = []
        if outcome.results != outcome.tasks {
            complaints.append("\(outcome.results) results of \(outcome.tasks) tasks")
        }
        if outcome.notSucceeded > 0 { complaints.append("\(outcome.notSucceeded) tasks did not succeed") }
        if outcome.unfinished > 0 { complaints.append("\(outcome.unfinished) jobs are not finished") }
        if growth > Self.tolerance { complaints.append("memory has grown by \(Report.number(growth * 100)) %") }
        if opened > 10 { complaints.append("\(Int(opened)) descriptors more") }
        for complaint in complaints { Report.progress("soak: \(complaint)") }
        return complaints.isEmpty
    }
}
