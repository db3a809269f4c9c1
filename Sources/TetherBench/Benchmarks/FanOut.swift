import Jobs

/// One job for many devices: first on devices that are not logged in to, then on the sessions that it has left open.
enum FanOut {
    struct Round {
        /// Seconds since the job was written.
        var accepted = 0.0
        var firstResult = 0.0
        var lastResult = 0.0
        var finished = 0.0
        var cpu = 0.0
        var peakBytes = 0
        var logins = 0
        var failed = 0

        /// The middle value of each time and cost; the worst of the others.
        static func median(of rounds: [Round]) -> Round {
            Round(
                accepted: rounds.map(\.accepted).median, firstResult: rounds.map(\.firstResult).median,
                lastResult: rounds.map(\.lastResult).median, finished: rounds.map(\.finished).median,
                cpu: rounds.map(\.cpu).median, peakBytes: rounds.map(\.peakBytes).max() ?? 0,
                logins: rounds.map(\.logins).max() ?? 0, failed: rounds.map(\.failed).max() ?? 0)
        }
    }

    static func measure(devices: Int, into report: inout Report) async throws {
        let rounds = try await KafkaStage.with(devices: devices, processes: max(1, devices / 2_500)) { stage in
            // One device waits for the worker to own its partitions; the rest is cold.
            try await stage.submit(id: "warm-up", targets: [stage.devices[0]])
            try await stage.results(1, within: .seconds(120))
            return [
                try await Self.round("cold", devices, stage), try await Self.round("warm", devices, stage),
            ]
        }
        func row(_ name: String, _ value: (Round) -> Double) -> [String] {
            [name] + rounds.map { Report.number(value($0)) }
        }
        Report.table(
            "One job for \(devices) devices, one worker",
            columns: ["", "cold", "warm"],
            rows: [
                row("accepted after, s") { $0.accepted }, row("first result, s") { $0.firstResult },
                row("last result, s") { $0.lastResult }, row("finished, s") { $0.finished },
                row("results per second") { Double(devices) / $0.lastResult },
                row("worker's CPU per device, ms") { $0.cpu / Double(devices) * 1e3 },
                row("worker's peak memory, MB") { Double($0.peakBytes) / 1e6 }, row("logins") { Double($0.logins) },
                row("not succeeded") { Double($0.failed) },
            ]
        )
        for (name, round) in zip(["cold", "warm"], rounds) {
            report.add("fan_out_\(name)_accepted_s", round.accepted)
            report.add("fan_out_\(name)_first_result_s", round.firstResult)
            report.add("fan_out_\(name)_last_result_s", round.lastResult)
            report.add("fan_out_\(name)_finished_s", round.finished)
            report.add("fan_out_\(name)_cpu_per_device_ms", round.cpu / Double(devices) * 1e3)
            report.add("fan_out_\(name)_peak_mb", Double(round.peakBytes) / 1e6)
            report.add("fan_out_\(name)_logins", Double(round.logins))
            report.add("fan_out_\(name)_not_succeeded", Double(round.failed))
        }
        report.add("fan_out_devices", Double(devices))
    }

    /// One job for all devices.
    static func round(_ name: String, _ devices: Int, _ stage: KafkaStage) async throws -> Round {
        Report.progress("worker: fan-out, \(name)")
        var round = Round()
        let cpu = try stage.workerCPU()
        let logins = try await stage.farms.counters().logins
        let start = ContinuousClock.now
        try await stage.submit(id: name, targets: ["all"], deadline: .seconds(600))
        var results = 0
        var isFinished = false
        while results < devices || !isFinished {
            guard ContinuousClock.now < start + .seconds(600) else {
                throw BenchmarkError("\(results) of \(devices) results after ten minutes")
            }
            let replies = try await stage.nextReplies()
            let elapsed = (ContinuousClock.now - start) / .seconds(1)
            for reply in replies {
                switch reply {
                case .accepted(let accepted) where accepted.job == name: round.accepted = elapsed
                case .result(let result) where result.job == name:
                    results += 1
                    if result.outcome != .succeeded { round.failed += 1 }
                    if results == 1 { round.firstResult = elapsed }
                    round.lastResult = elapsed
                case .finished(let finished) where finished.job == name:
                    isFinished = true
                    round.finished = elapsed
                case .rejected: throw BenchmarkError("the worker rejected the job")
                default: continue
                }
            }
        }
        round.cpu = try stage.workerCPU() - cpu
        round.peakBytes = try stage.workerPeakBytes()
        round.logins = try await stage.farms.counters().logins - logins
        return round
    }
}
