import Jobs

/// Which sessions are opened anew when workers come and go.
enum FleetChanges {
    private static let names = ["worker-1", "worker-2", "worker-3"]

    /// Who has a device, and over which session.
    private struct Holding: Hashable {
        var worker: String
        var session: String
    }

    static func measureRestart(_ options: BenchmarkOptions, into report: inout Report) async throws {
        let devices = options.quick ? 100 : 500
        let (own, foreign, moved, elapsed) = try await KafkaStage.with(
            devices: devices, processes: 2, isWarm: true, workers: [Self.names[0]]
        ) { stage in
            for name in Self.names.dropFirst() { try stage.startWorker(name) }
            var before = try await Self.settled(workers: 3, "start", stage)
            var (own, foreign, moved) = (0, 0, 0)
            let start = ContinuousClock.now
            for name in Self.names {
                await stage.stopWorker(name)
                try stage.startWorker(name)
                try await stage.farms.waitForSessions(devices, within: .seconds(120))
                let after = try await Self.holdings("after-\(name)", stage)
                for (device, old) in before where after[device] != old {
                    if old.worker == name { own += 1 } else { foreign += 1 }
                    if after[device]?.worker != old.worker { moved += 1 }
                }
                before = after
            }
            try await Self.requireOneSession(stage)
            return (own, foreign, moved, (ContinuousClock.now - start) / .seconds(1))
        }
        Report.table(
            "Rolling restart of 3 static members over \(devices) warm devices",
            columns: ["", ""],
            rows: [
                ["sessions opened anew by their restarted worker", "\(own)"],
                ["sessions of other workers opened anew", "\(foreign)"],
                ["devices that changed their worker", "\(moved)"],
                ["all three, s", Report.number(elapsed)],
            ]
        )
        report.add("restart_devices", Double(devices))
        report.add("restart_own_sessions", Double(own))
        report.add("restart_foreign_sessions", Double(foreign))
        report.add("restart_moved_devices", Double(moved))
        report.add("restart_s", elapsed)
    }

    static func measureJoin(_ options: BenchmarkOptions, into report: inout Report) async throws {
        let devices = options.quick ? 100 : 500
        let (logins, moved, reopened, elapsed) = try await KafkaStage.with(
            devices: devices, processes: 2, isWarm: true, workers: [Self.names[0]]
        ) { stage in
            for name in Self.names.dropFirst() { try stage.startWorker(name) }
            let before = try await Self.settled(workers: 3, "before", stage)
            let logins = try await stage.farms.counters().logins
            let start = ContinuousClock.now
            try stage.startWorker("worker-4")
            let after = try await Self.settled(workers: 4, "after", stage)
            let elapsed = (ContinuousClock.now - start) / .seconds(1)
            try await Self.requireOneSession(stage)
            let moved = before.count { after[$0.key]?.worker != $0.value.worker }
            let reopened = before.count { after[$0.key] != $0.value }
            return (try await stage.farms.counters().logins - logins, moved, reopened, elapsed)
        }
        Report.table(
            "A 4th worker joins 3 over \(devices) warm devices",
            columns: ["", ""],
            rows: [
                ["devices that moved", "\(moved)"], ["sessions opened anew", "\(reopened)"], ["logins", "\(logins)"],
                ["until nothing moves any more, s", Report.number(elapsed)],
            ]
        )
        report.add("join_devices", Double(devices))
        report.add("join_moved_devices", Double(moved))
        report.add("join_reopened_sessions", Double(reopened))
        report.add("join_logins", Double(logins))
        report.add("join_s", elapsed)
    }

    /// Waits until so many workers answer for a part of the devices each, and nothing has moved for a while: a group may need several rebalances.
    private static func settled(workers: Int, _ name: String, _ stage: KafkaStage) async throws -> [String: Holding] {
        let end = ContinuousClock.now + .seconds(120)
        var round = 0
        var last: [String: Holding] = [:]
        while ContinuousClock.now < end {
            round += 1
            let now = try await Self.holdings("\(name)-\(round)", stage)
            if now == last, Set(now.values.map(\.worker)).count == workers {
                try await stage.farms.waitForSessions(stage.devices.count, within: .seconds(120))
                return now
            }
            last = now
            try await Task.sleep(for: .seconds(4))
        }
        throw BenchmarkError("the devices of \(workers) workers don't come to rest")
    }

    /// Asks every device, and notes who answered over which session.
    private static func holdings(_ job: String, _ stage: KafkaStage) async throws -> [String: Holding] {
        try await stage.submit(id: job, targets: ["all"])
        var holdings: [String: Holding] = [:]
        for result in try await stage.results(stage.devices.count, within: .seconds(120)) {
            holdings[result.device] = Holding(worker: result.owner?.worker ?? "", session: result.session?.id ?? "")
        }
        return holdings
    }

    private static func requireOneSession(_ stage: KafkaStage) async throws {
        let most = try await stage.farms.counters().maximumPerDevice
        guard most == 1 else { throw BenchmarkError("a device had \(most) sessions at a time") }
    }
}
