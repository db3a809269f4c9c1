import Jobs

/// What healthy devices' jobs notice of devices that never answer: nothing, it should be. Rounds with and without such devices take turns.
enum Isolation {
    private static let devices = 100
    /// Every fifth device.
    private static let share = 5
    private static let rate = 100.0

    static func measure(_ options: BenchmarkOptions, into report: inout Report) async throws {
        let rounds = options.quick ? 4 : 10
        let (healthy, disturbed) = try await KafkaStage.with(devices: Self.devices, isWarm: true) { stage in
            try await stage.submit(id: "warm-up", targets: ["all"])
            try await stage.results(Self.devices, within: .seconds(60))
            let devices = stage.devices
            let mute = devices.indices.filter { $0.isMultiple(of: Self.share) }
            var latencies: [[[Double]]] = [[], []]
            for round in 0..<rounds {
                let isDisturbed = !round.isMultiple(of: 2)
                for index in mute {
                    try await stage.farms.setFault(isDisturbed ? "hang" : "none", of: devices[index])
                }
                let jobs = PacedJobs(
                    name: "round\(round)", rate: Self.rate, count: options.quick ? 500 : 1_000, deadline: .seconds(3)
                ) { (devices[$0 % Self.devices], !($0 % Self.devices).isMultiple(of: Self.share)) }
                latencies[isDisturbed ? 1 : 0].append(try await jobs.latencies(on: stage))
                // Until the devices that were mute have their sessions again.
                for index in mute { try await stage.farms.setFault("none", of: devices[index]) }
                try await stage.farms.waitForSessions(Self.devices, within: .seconds(120))
            }
            return (latencies[0], latencies[1])
        }
        func p99(_ rounds: [[Double]]) -> Double { rounds.map { $0.percentile(99) }.median }
        func p50(_ rounds: [[Double]]) -> Double { rounds.map(\.median).median }
        Report.table(
            "Healthy devices' jobs, \(Self.devices) devices, 100 jobs/s, milliseconds; medians of rounds that take turns",
            columns: ["", "p50", "p99"],
            rows: [
                ["all answer", Report.number(p50(healthy)), Report.number(p99(healthy))],
                ["20 % never answer", Report.number(p50(disturbed)), Report.number(p99(disturbed))],
            ]
        )
        report.add("isolation_healthy_p50_ms", p50(healthy))
        report.add("isolation_healthy_p99_ms", p99(healthy))
        report.add("isolation_disturbed_p50_ms", p50(disturbed))
        report.add("isolation_disturbed_p99_ms", p99(disturbed))
        report.add("isolation_p50_ratio", p50(disturbed) / p50(healthy))
        report.add("isolation_p99_ratio", p99(disturbed) / p99(healthy))
    }
}
