import Jobs

/// What healthy devices' jobs notice of devices that never answer: nothing, it should be. Short rounds with and without such devices take turns, in
/// pairs of changing order, so that whatever else the machine does falls on both.
enum Isolation {
    private static let devices = 100
    /// Every fifth device.
    private static let share = 5
    private static let rate = 100.0
    /// Of each job; what a device that doesn't answer has been asked ends with it.
    private static let deadline = Duration.seconds(2)
    /// Jobs at the beginning of each round that aren't measured: until the first time-outs, a round has none of the work that they make.
    private static let leadIn = 250
    /// Long enough for all that becomes of a device that doesn't answer: after the deadline it is interrupted, after another five seconds its session
    /// is closed and opened anew.
    private static let measured = 600

    private struct Round {
        /// Milliseconds of the healthy devices' measured jobs.
        var latencies: [Double]
        /// CPU seconds of the worker. Says what the others cost it, whatever else the machine does.
        var cpu: Double
    }

    static func measure(_ options: BenchmarkOptions, into report: inout Report) async throws {
        // The development broker writes all that it holds once a second: 7 KB for each job so far, which after some minutes would be most of the p99.
        let pairs = try await KafkaStage.with(devices: Self.devices, isWarm: true, retention: 10) { stage in
            try await stage.submit(id: "warm-up", targets: ["all"])
            try await stage.results(Self.devices, within: .seconds(60))
            // Connections and code, as in the rounds to come.
            _ = try await Self.round("lead-in", isDisturbed: false, stage)
            let end = ContinuousClock.now + (options.quick ? .seconds(45) : .seconds(250))
            var pairs: [(healthy: Round, disturbed: Round)] = []
            while pairs.isEmpty || ContinuousClock.now < end {
                let name = "pair\(pairs.count)"
                if pairs.count.isMultiple(of: 2) {
                    let healthy = try await Self.round("\(name)-healthy", isDisturbed: false, stage)
                    pairs.append((healthy, try await Self.round("\(name)-disturbed", isDisturbed: true, stage)))
                } else {
                    let disturbed = try await Self.round("\(name)-disturbed", isDisturbed: true, stage)
                    pairs.append((try await Self.round("\(name)-healthy", isDisturbed: false, stage), disturbed))
                }
            }
            return pairs
        }
        let healthy = pairs.flatMap(\.healthy.latencies)
        let disturbed = pairs.flatMap(\.disturbed.latencies)
        let percents = [50.0, 95, 99]
        let samples = pairs.map { (base: $0.healthy.latencies, other: $0.disturbed.latencies) }
        let ratios = percents.map { RatioOfPercentiles($0, of: samples) }
        let cpuRatio = pairs.reduce(0) { $0 + $1.disturbed.cpu } / pairs.reduce(0) { $0 + $1.healthy.cpu }
        func row(_ name: String, _ values: [Double]) -> [String] {
            [name] + percents.map { Report.number(values.percentile($0)) }
        }
        Report.table(
            "Healthy devices' jobs, \(Self.devices) devices, 100 jobs/s, milliseconds; \(pairs.count) pairs of rounds, \(healthy.count) jobs each way",
            columns: ["", "p50", "p95", "p99"],
            rows: [
                row("all answer", healthy), row("20 % never answer", disturbed),
                ["ratio"] + ratios.map { Report.number($0.ratio) },
                ["95 % interval"]
                    + ratios.map {
                        "\(Report.number($0.interval.lowerBound))–\(Report.number($0.interval.upperBound))"
                    },
            ]
        )
        print("  the worker's CPU with devices that never answer, over that without: \(Report.number(cpuRatio))")
        report.add("isolation_worker_cpu_ratio", cpuRatio)
        for (percent, ratio) in zip(percents, ratios) {
            let name = "p\(Int(percent))"
            report.add("isolation_healthy_\(name)_ms", healthy.percentile(percent))
            report.add("isolation_disturbed_\(name)_ms", disturbed.percentile(percent))
            report.add("isolation_\(name)_ratio", ratio.ratio)
            report.add("isolation_\(name)_low_ratio", ratio.interval.lowerBound)
            report.add("isolation_\(name)_high_ratio", ratio.interval.upperBound)
        }
        report.add("isolation_pairs", Double(pairs.count))
    }

    private static func round(_ name: String, isDisturbed: Bool, _ stage: KafkaStage) async throws -> Round {
        let devices = stage.devices
        let mute = devices.indices.filter { $0.isMultiple(of: Self.share) }.map { devices[$0] }
        if isDisturbed { try await stage.farms.setFault("hang", of: mute) }
        let cpu = try stage.workerCPU()
        let latencies = try await PacedJobs(
            name: name, rate: Self.rate, count: Self.leadIn + Self.measured, deadline: Self.deadline
        ) { index in
            let device = index % Self.devices
            return (devices[device], index >= Self.leadIn && !device.isMultiple(of: Self.share))
        }
        .latencies(on: stage)
        let round = Round(latencies: latencies, cpu: try stage.workerCPU() - cpu)
        guard isDisturbed else { return round }
        try await stage.farms.setFault("none", of: mute)
        // A session that has begun to be mute stays so. What is opened now answers.
        try await stage.farms.dropConnections(of: mute)
        try await stage.farms.waitForSessions(Self.devices, within: .seconds(120))
        return round
    }
}
