import Foundation
import Jobs

/// What a fleet of some size costs one worker.
struct FleetFigures {
    var devices = 0
    /// Seconds from the worker's start until every session is open.
    var opening = 0.0
    /// CPU seconds of the worker for that.
    var openingCPU = 0.0
    /// Resident memory of the worker with all sessions open, in bytes.
    var residentBytes = 0
    /// Part of one core that the worker takes when nobody asks anything of it; keepalives included.
    var idleCPU = 0.0
    /// One job for all, on open sessions.
    var fanOut = FanOut.Round()
    /// What the worker has sent to Kafka for that, as librdkafka counts it.
    var sent = SentToKafka()
    /// Of the largest fleet only.
    var disturbance: Disturbance?

    /// What became of a job while the worker was restarted in order, and after one died.
    struct Disturbance {
        var results = 0
        var repeated = 0
        var notSucceeded = 0
        /// Seconds from the order to end until every session was open again.
        var restart = 0.0
        /// Seconds from the death of a worker until another one had every session open.
        var recovery = 0.0
        var sessionsPerDevice = 0
    }

    /// Devices to a process that simulates them.
    private static let devicesPerProcess = 2_500
    private static let worker = "bench-worker"
    /// What takes a second or less is measured so often, and the median taken.
    private static let turns = 5

    static func measure(devices: Int, idle: Duration, isDisturbed: Bool) async throws -> FleetFigures {
        Report.progress("scale: \(devices) devices")
        return try await KafkaStage.with(
            devices: devices, processes: max(1, devices / Self.devicesPerProcess), isWarm: true, workers: [],
            metrics: true
        ) { stage in
            var figures = FleetFigures(devices: devices)
            (figures.opening, figures.openingCPU) = try await Self.open(devices, stage)

            // What logging in has left to do is not part of being idle.
            try await Task.sleep(for: .seconds(5))
            figures.residentBytes = try stage.workerResidentBytes()
            let cpu = try stage.workerCPU()
            try await Task.sleep(for: idle)
            figures.idleCPU = (try stage.workerCPU() - cpu) / (idle / .seconds(1))

            // The first job brings code and connections into memory that later ones find there.
            _ = try await FanOut.round("first", devices, stage)
            let before = try await stage.sentToKafka()
            var rounds: [FanOut.Round] = []
            for turn in 1...Self.turns { rounds.append(try await FanOut.round("warm-\(turn)", devices, stage)) }
            figures.sent = (try await stage.sentToKafka() - before) / Double(Self.turns)
            figures.fanOut = FanOut.Round.median(of: rounds)
            if isDisturbed { figures.disturbance = try await Self.disturb(devices, stage) }
            return figures
        }
    }

    /// Starts the worker until its sessions are open, several times; the last one stays.
    private static func open(_ devices: Int, _ stage: KafkaStage) async throws -> (seconds: Double, cpu: Double) {
        var seconds: [Double] = []
        var cpu: [Double] = []
        for turn in 1...Self.turns {
            let start = ContinuousClock.now
            try stage.startWorker(Self.worker)
            try await stage.farms.waitForSessions(devices, within: .seconds(600))
            seconds.append((ContinuousClock.now - start) / .seconds(1))
            cpu.append(try stage.workerCPU())
            guard turn < Self.turns else { break }
            await stage.stopWorker(Self.worker)
            try await stage.farms.waitForSessions(0, within: .seconds(60))
        }
        return (seconds.median, cpu.median)
    }

    private static func disturb(_ devices: Int, _ stage: KafkaStage) async throws -> Disturbance {
        var disturbance = Disturbance()
        // A restart in the middle of a job: what ran ends, the rest is done by the successor.
        Report.progress("scale: restart during a job")
        var seen: Set<String> = []
        var isFinished = false
        let end = ContinuousClock.now + .seconds(600)
        try await stage.submit(id: "restart", targets: ["all"], deadline: .seconds(500))
        var restart: ContinuousClock.Instant?
        while !isFinished || seen.count < devices {
            guard ContinuousClock.now < end else {
                throw BenchmarkError(
                    "\(seen.count) of \(devices) results of the job during which the worker was restarted")
            }
            for reply in try await stage.nextReplies() {
                switch reply {
                case .result(let result) where result.job == "restart":
                    disturbance.results += 1
                    if !seen.insert(result.device).inserted { disturbance.repeated += 1 }
                    if result.outcome != .succeeded { disturbance.notSucceeded += 1 }
                case .finished(let finished) where finished.job == "restart": isFinished = true
                default: continue
                }
            }
            if restart == nil, seen.count > devices / 10 {
                restart = .now
                await stage.stopWorker(Self.worker)
                try stage.startWorker(Self.worker)
            }
        }
        try await stage.farms.waitForSessions(devices, within: .seconds(600))
        disturbance.restart = (ContinuousClock.now - (restart ?? .now)) / .seconds(1)

        Report.progress("scale: a worker dies")
        let death = ContinuousClock.now
        await stage.killWorker(Self.worker)
        try stage.startWorker("successor")
        // The dead worker's sessions end with it.
        try await stage.farms.waitForFewerSessions(than: devices, within: .seconds(60))
        try await stage.farms.waitForSessions(devices, within: .seconds(600))
        disturbance.recovery = (ContinuousClock.now - death) / .seconds(1)
        disturbance.sessionsPerDevice = try await stage.farms.counters().maximumPerDevice
        return disturbance
    }

    static func show(_ fleets: [FleetFigures], in report: inout Report) {
        func row(_ name: String, _ value: (FleetFigures) -> Double) -> [String] {
            [name] + fleets.map { Report.number(value($0)) }
        }
        Report.table(
            "One worker, every session open; results per second and logins per second include the simulated devices' work",
            columns: ["devices"] + fleets.map { "\($0.devices)" },
            rows: [
                row("all sessions open after, s") { $0.opening },
                row("logins per second") { Double($0.devices) / $0.opening },
                row("worker's CPU per login, ms") { $0.openingCPU / Double($0.devices) * 1e3 },
                row("resident, MB") { Double($0.residentBytes) / 1e6 },
                row("idle, % of a core") { $0.idleCPU * 100 },
                row("fan-out: accepted after, s") { $0.fanOut.accepted },
                row("fan-out: last result, s") { $0.fanOut.lastResult },
                row("fan-out: worker's CPU per device, ms") { $0.fanOut.cpu / Double($0.devices) * 1e3 },
                row("fan-out: not succeeded") { Double($0.fanOut.failed) },
                row("fan-out: records to Kafka per device") { $0.sent.records / Double($0.devices) },
                row("fan-out: bytes to Kafka per device") { $0.sent.bytes / Double($0.devices) },
            ]
        )
        for fleet in fleets {
            let name = "scale_\(fleet.devices)"
            report.add("\(name)_opening_s", fleet.opening)
            report.add("\(name)_opening_cpu_per_device_ms", fleet.openingCPU / Double(fleet.devices) * 1e3)
            report.add("\(name)_resident_mb", Double(fleet.residentBytes) / 1e6)
            report.add("\(name)_idle_cpu_percent", fleet.idleCPU * 100)
            report.add("\(name)_fan_out_accepted_s", fleet.fanOut.accepted)
            report.add("\(name)_fan_out_last_result_s", fleet.fanOut.lastResult)
            report.add("\(name)_fan_out_cpu_per_device_ms", fleet.fanOut.cpu / Double(fleet.devices) * 1e3)
            report.add("\(name)_fan_out_not_succeeded", Double(fleet.fanOut.failed))
            report.add("\(name)_fan_out_records_per_device", fleet.sent.records / Double(fleet.devices))
            report.add("\(name)_fan_out_bytes_per_device", fleet.sent.bytes / Double(fleet.devices))
        }
        guard let fleet = fleets.last, let disturbance = fleet.disturbance else { return }
        Report.table(
            "The worker of \(fleet.devices) devices is restarted during a job, and later killed",
            columns: ["", ""],
            rows: [
                ["devices with a result", "\(disturbance.results - disturbance.repeated)"],
                ["second results", "\(disturbance.repeated)"], ["not succeeded", "\(disturbance.notSucceeded)"],
                ["restart: every session open again after, s", Report.number(disturbance.restart)],
                ["death: every session open at another worker after, s", Report.number(disturbance.recovery)],
                ["sessions that a device had at a time, at most", "\(disturbance.sessionsPerDevice)"],
            ]
        )
        report.add("scale_restart_lost", Double(fleet.devices - (disturbance.results - disturbance.repeated)))
        report.add("scale_restart_repeated", Double(disturbance.repeated))
        report.add("scale_restart_not_succeeded", Double(disturbance.notSucceeded))
        report.add("scale_restart_s", disturbance.restart)
        report.add("scale_recovery_s", disturbance.recovery)
    }
}
