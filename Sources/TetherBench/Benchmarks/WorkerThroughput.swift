import Jobs

/// Jobs per second, and the worker's CPU for each, with 1,000 warm devices.
enum WorkerThroughput {
    private static let window = 256

    static func measure(_ options: BenchmarkOptions, into report: inout Report) async throws {
        let devices = 1_000
        let jobs = options.quick ? 2_000 : 10_000
        let (elapsed, cpu, idle) = try await KafkaStage.with(devices: devices, processes: 2, isWarm: true) { stage in
            try await stage.submit(id: "warm-up", targets: ["all"])
            try await stage.results(devices, within: .seconds(120))
            var start = try stage.workerCPU()
            try await Task.sleep(for: .seconds(5))
            let idle = (try stage.workerCPU() - start) / 5
            start = try stage.workerCPU()
            let elapsed = try await stage.run(jobs: jobs, inFlight: Self.window, name: "many")
            return (elapsed / .seconds(1), try stage.workerCPU() - start, idle)
        }
        Report.table(
            "\(devices) warm devices, one worker, \(Self.window) jobs in flight",
            columns: ["", ""],
            rows: [
                ["jobs per second", Report.number(Double(jobs) / elapsed)],
                ["worker's CPU per job, µs", Report.number(cpu / Double(jobs) * 1e6)],
                ["worker's CPU while idle, ms/s", Report.number(idle * 1e3)],
            ]
        )
        report.add("worker_jobs_per_second", Double(jobs) / elapsed)
        report.add("worker_job_cpu_us", cpu / Double(jobs) * 1e6)
        report.add("worker_idle_cpu_ms_per_second", idle * 1e3)
    }
}
