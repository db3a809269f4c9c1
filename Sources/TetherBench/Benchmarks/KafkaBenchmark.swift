import ArgumentParser
import Foundation
import Jobs
import Kafka
import Logging

/// `TetherBench kafka`: a job's way from the producer to its result through a real broker and one worker with warm sessions, beside a bare hop from
/// a producer to a consumer through the same broker in the same run.
struct KafkaBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kafka",
        abstract: "Latency and cost of a job through a broker and one worker."
    )

    @OptionGroup var options: BenchmarkOptions

    func run() async throws {
        var report = Report()
        try await Self.measure(self.options, into: &report)
        report.finish(self.options)
    }

    static func measure(_ options: BenchmarkOptions, into report: inout Report) async throws {
        Report.progress("kafka: starting broker, devices and worker")
        let devices = options.quick ? 20 : 50
        let result = try await KafkaStage.with(devices: devices) { stage in
            try await Self.measure(options, stage)
        }
        let rows = [
            ["one job at a time, p50", "\(Report.number(result.jobLatency.median)) ms"],
            ["one job at a time, p99", "\(Report.number(result.jobLatency.percentile(99))) ms"],
            ["bare hop, p50", "\(Report.number(result.hopLatency.median)) ms"],
            ["bare hop, p99", "\(Report.number(result.hopLatency.percentile(99))) ms"],
            ["worker's CPU per job, one at a time", "\(Report.number(result.latencyCPU)) µs"],
            ["worker's CPU per job, \(Self.window) in flight", "\(Report.number(result.throughputCPU)) µs"],
            ["jobs per second, \(Self.window) in flight", Report.number(result.jobsPerSecond)],
            ["results per second, one job for all devices", Report.number(result.fanOutPerSecond)],
            ["worker's CPU per result of such a job", "\(Report.number(result.fanOutCPU)) µs"],
        ]
        Report.table(
            "Kafka: job to result, \(devices) warm devices, one worker, development broker",
            columns: ["", ""],
            rows: rows
        )
        report.add("job_latency_p50_ms", result.jobLatency.median)
        report.add("job_latency_p99_ms", result.jobLatency.percentile(99))
        report.add("hop_latency_p50_ms", result.hopLatency.median)
        report.add("hop_latency_p99_ms", result.hopLatency.percentile(99))
        report.add("job_latency_p50_ratio", result.jobLatency.median / result.hopLatency.median)
        report.add("job_latency_p99_ratio", result.jobLatency.percentile(99) / result.hopLatency.percentile(99))
        report.add("job_single_cpu_us", result.latencyCPU)
        report.add("job_cpu_us", result.throughputCPU)
        report.add("jobs_per_second", result.jobsPerSecond)
        report.add("fan_out_result_cpu_us", result.fanOutCPU)
        report.add("fan_out_results_per_second", result.fanOutPerSecond)
    }

    private struct Result {
        /// Milliseconds, one a job or hop.
        var jobLatency: [Double] = []
        var hopLatency: [Double] = []
        /// Microseconds of the worker's CPU for a job.
        var latencyCPU = 0.0
        var throughputCPU = 0.0
        var jobsPerSecond = 0.0
        var fanOutCPU = 0.0
        var fanOutPerSecond = 0.0
    }

    /// Jobs in flight when throughput is measured.
    private static let window = 128

    private static func measure(_ options: BenchmarkOptions, _ stage: KafkaStage) async throws -> Result {
        var result = Result()
        let patience = Duration.seconds(60)

        // The first job of all opens every session; it also waits until the worker owns its devices.
        Report.progress("kafka: opening sessions")
        try await stage.submit(id: "warm-up", targets: ["all"])
        try await stage.results(stage.devices.count, within: .seconds(120))

        Report.progress("kafka: latency")
        let singles = options.quick ? 300 : 1_000
        var cpu = try stage.workerCPU()
        for index in 0..<singles {
            result.hopLatency.append(try await Self.milliseconds { try await stage.hop(within: patience) })
            result.jobLatency.append(
                try await Self.milliseconds {
                    try await stage.submit(id: "single-\(index)", targets: [stage.devices[index % stage.devices.count]])
                    try await stage.results(1, within: patience)
                }
            )
        }
        result.latencyCPU = (try stage.workerCPU() - cpu) / Double(singles) * 1e6

        Report.progress("kafka: throughput")
        let jobs = options.quick ? 2_000 : 10_000
        cpu = try stage.workerCPU()
        let throughput = try await stage.run(jobs: jobs, inFlight: Self.window, name: "many") / .milliseconds(1)
        result.throughputCPU = (try stage.workerCPU() - cpu) / Double(jobs) * 1e6
        result.jobsPerSecond = Double(jobs) / throughput * 1000

        Report.progress("kafka: fan-out")
        let rounds = (options.quick ? 1_000 : 5_000) / stage.devices.count
        cpu = try stage.workerCPU()
        let fanOut = try await Self.milliseconds {
            for round in 0..<rounds {
                try await stage.submit(id: "all-\(round)", targets: ["all"])
                try await stage.results(stage.devices.count, within: patience)
            }
        }
        let results = Double(rounds * stage.devices.count)
        result.fanOutCPU = (try stage.workerCPU() - cpu) / results * 1e6
        result.fanOutPerSecond = results / fanOut * 1000
        return result
    }

    private static func milliseconds(_ body: () async throws -> Void) async throws -> Double {
        let clock = ContinuousClock()
        let elapsed = try await clock.measure(body)
        return elapsed / .milliseconds(1)
    }
}
