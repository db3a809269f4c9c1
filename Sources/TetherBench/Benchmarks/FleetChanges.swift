import Jobs

/// Which sessions are opened anew when workers come and go.
enum FleetChanges {
    private static let names = ["worker-1", "worker-2", "worker-3"]
    /// Leads the group, and stays: the development broker lets a static leader that comes back share the partitions out anew, without telling the
    /// others; Kafka doesn't.
    private static let leader = "leader"

    /// Who has a device, and over which session.
    private struct Holding: Hashable {
        var worker: String
        var session: String
    }

    static func measureRestart(_ options: BenchmarkOptions, into report: inout Report) async throws {
        let devices = options.quick ? 100 : 500
        let (own, foreign, moved, elapsed) = try await KafkaStage.with(
            devices: devices, processes: 2, isWarm: true, workers: [Self.leader]
        ) { stage in
            for name in Self.names { try stage.startWorker(name) }
            try await Self.waitForAll(stage)
            var before = try await Self.holdings("start", stage)
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
            "Rolling restart of 3 of 4 static members over \(devices) warm devices",
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
            try await Self.waitForAll(stage, besides: 0)
            let before = try await Self.holdings("before", stage)
            let logins = try await stage.farms.counters().logins
            let start = ContinuousClock.now
            try stage.startWorker("worker-4")
            var elapsed = 0.0
            var after = before
            var round = 0
            // Until the new worker has a part of the devices, and all are logged in to.
            while !after.values.contains(where: { $0.worker == "worker-4" }) {
                guard ContinuousClock.now < start + .seconds(120) else {
                    throw BenchmarkError("worker-4 got no devices")
                }
                round += 1
                after = try await Self.holdings("join-\(round)", stage)
                elapsed = (ContinuousClock.now - start) / .seconds(1)
            }
            try await stage.farms.waitForSessions(devices, within: .seconds(120))
            after = try await Self.holdings("after", stage)
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
                ["until it answers jobs, s", Report.number(elapsed)],
            ]
        )
        report.add("join_devices", Double(devices))
        report.add("join_moved_devices", Double(moved))
        report.add("join_reopened_sessions", Double(reopened))
        report.add("join_logins", Double(logins))
        report.add("join_s", elapsed)
    }

    /// Waits until every worker answers for a part of the devices.
    private static func waitForAll(_ stage: KafkaStage, besides leaders: Int = 1) async throws {
        let end = ContinuousClock.now + .seconds(120)
        var round = 0
        while Set(try await Self.holdings("waiting-\(round)", stage).values.map(\.worker)).count
            < Self.names.count + leaders
        {
            guard ContinuousClock.now < end else { throw BenchmarkError("not all workers got devices") }
            round += 1
        }
        try await stage.farms.waitForSessions(stage.devices.count, within: .seconds(120))
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
