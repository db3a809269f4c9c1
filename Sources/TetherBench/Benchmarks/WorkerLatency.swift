import Jobs

/// How long a caller waits for a job on a warm session: alone, and at 100 jobs a second; beside a bare hop through the same broker.
enum WorkerLatency {
    private static let rate = 100.0

    static func measure(_ options: BenchmarkOptions, into report: inout Report) async throws {
        let count = options.quick ? 300 : 2_000
        let (hops, singles, paced) = try await KafkaStage.with(devices: 50, isWarm: true) { stage in
            let clock = ContinuousClock()
            // Connections and caches of both sides.
            try await stage.submit(id: "warm-up", targets: ["all"])
            try await stage.results(stage.devices.count, within: .seconds(60))
            var hops: [Double] = []
            var singles: [Double] = []
            for index in 0..<count {
                hops.append(try await clock.measure { try await stage.hop(within: .seconds(60)) } / .milliseconds(1))
                singles.append(
                    try await clock.measure {
                        try await stage.submit(
                            id: "single-\(index)", targets: [stage.devices[index % stage.devices.count]])
                        try await stage.results(1, within: .seconds(60))
                    } / .milliseconds(1)
                )
            }
            let devices = stage.devices
            let paced = try await PacedJobs(name: "paced", rate: Self.rate, count: count) {
                (devices[$0 % devices.count], true)
            }
            .latencies(on: stage)
            return (hops, singles, paced)
        }
        let rows = [("bare hop", hops), ("one job at a time", singles), ("100 jobs/s", paced)].map { name, values in
            [name, Report.number(values.median), Report.number(values.percentile(99))]
        }
        Report.table("Job to result, 50 warm devices, milliseconds", columns: ["", "p50", "p99"], rows: rows)
        for (name, values) in [("hop", hops), ("single", singles), ("paced", paced)] {
            report.add("worker_\(name)_p50_ms", values.median)
            report.add("worker_\(name)_p99_ms", values.percentile(99))
        }
        report.add("worker_single_p50_ratio", singles.median / hops.median)
        report.add("worker_paced_p50_ratio", paced.median / hops.median)
        report.add("worker_paced_p99_ratio", paced.percentile(99) / hops.percentile(99))
    }
}
