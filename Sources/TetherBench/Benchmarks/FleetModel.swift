import Jobs

/// What a fleet of any size takes, from what two fleets took.
///
/// Memory, CPU and time are taken to grow by the same amount with each device: `fixed + each × devices`. What that is worth is seen by holding it
/// against fleets that the model has not seen.
struct FleetModel {
    struct Line {
        var fixed: Double
        var each: Double

        /// Through two points. A cost is never negative, whatever noise says.
        init(_ first: (Double, Double), _ second: (Double, Double)) {
            self.each = max(0, (second.1 - first.1) / (second.0 - first.0))
            self.fixed = max(0, first.1 - self.each * first.0)
        }

        func at(_ devices: Int) -> Double { self.fixed + self.each * Double(devices) }
    }

    private struct Quantity {
        var name: String
        var key: String
        /// `nil` where it was not measured.
        var measured: (FleetFigures) -> Double?
        var predicted: (Int) -> Double
    }

    private let quantities: [Quantity]
    private let resident: Line
    private let opening: Line
    private let accepted: Line
    private let fanOut: Line
    private let idle: Line
    private let records: Line
    private let bytes: Line

    init(from small: FleetFigures, and large: FleetFigures) {
        var quantities: [Quantity] = []
        func line(_ name: String, _ key: String, _ value: @escaping (FleetFigures) -> Double) -> Line {
            let line = Line((Double(small.devices), value(small)), (Double(large.devices), value(large)))
            quantities.append(Quantity(name: name, key: key, measured: value, predicted: line.at))
            return line
        }
        self.resident = line("resident, MB", "resident_mb") { Double($0.residentBytes) / 1e6 }
        self.idle = line("idle, % of a core", "idle_cpu_percent") { $0.idleCPU * 100 }
        let opening = line("all sessions open after, s", "opening_s") { $0.opening }
        self.opening = opening
        _ = line("worker's CPU for that, s", "opening_cpu_s") { $0.openingCPU }
        self.accepted = line("fan-out: accepted after, s", "fan_out_accepted_s") { $0.fanOut.accepted }
        self.fanOut = line("fan-out: last result, s", "fan_out_last_result_s") { $0.fanOut.lastResult }
        _ = line("fan-out: worker's CPU, s", "fan_out_cpu_s") { $0.fanOut.cpu }
        self.records = line("fan-out: records to Kafka", "fan_out_records") { $0.sent.records }
        self.bytes = line("fan-out: MB to Kafka", "fan_out_mb") { $0.sent.bytes / 1e6 }
        quantities.append(
            Quantity(
                name: "a dead worker's devices are open elsewhere after, s", key: "recovery_s",
                measured: { $0.disturbance?.recovery }, predicted: { Assumption.sessionTimeout + opening.at($0) }))
        self.quantities = quantities
    }

    /// Predictions beside what was measured.
    func show(against fleets: [FleetFigures], in report: inout Report) {
        var rows: [[String]] = []
        for quantity in self.quantities {
            var cells = [quantity.name]
            for fleet in fleets {
                guard let measured = quantity.measured(fleet) else {
                    cells += ["", "", ""]
                    continue
                }
                let predicted = quantity.predicted(fleet.devices)
                cells += [Report.number(predicted), Report.number(measured), Report.number(predicted / measured)]
                report.add("model_\(fleet.devices)_\(quantity.key)_ratio", predicted / measured)
            }
            rows.append(cells)
        }
        Report.table(
            "The model, and fleets that it has not seen",
            columns: [""] + fleets.flatMap { ["\($0.devices) predicted", "measured", "ratio"] },
            rows: rows
        )
    }

    /// What Tether does by default, and what is assumed of a machine.
    private enum Assumption {
        /// Below `--max-sessions` (10,000): there is room for the devices of workers that have died.
        static let sessionsPerWorker = 8_000
        /// `--session-timeout`, in seconds.
        static let sessionTimeout = 45.0
        /// So that a worker's share moves in small steps.
        static let partitionsPerWorker = 8
        /// Targets that one job may come to (`--max-targets`).
        static let targetsPerJob = 100_000
        static let replicas = 3
    }

    func show(fleet devices: Int, in report: inout Report) {
        let share = Assumption.sessionsPerWorker
        let workers = (devices + share - 1) / share
        let jobs = (devices + Assumption.targetsPerJob - 1) / Assumption.targetsPerJob
        // Routers share jobs out, and each takes one after the other.
        let routing = self.accepted.at(min(devices, Assumption.targetsPerJob)) * Double((jobs + workers - 1) / workers)
        let fanOut = routing + self.fanOut.at(share)
        // A task, its result, and the collector's record.
        let records = self.records.at(devices)
        let megabytes = self.bytes.at(devices)
        let recovery = Assumption.sessionTimeout + self.opening.each * Double(share) / Double(max(1, workers - 1))
        Report.table(
            "A fleet of \(devices) devices, by the model",
            columns: ["assumed", ""],
            rows: [
                ["sessions per worker, of --max-sessions 10000", "\(share)"],
                ["session time-out, s", Report.number(Assumption.sessionTimeout)],
                ["partitions per worker", "\(Assumption.partitionsPerWorker)"],
                ["targets per job (--max-targets)", "\(Assumption.targetsPerJob)"],
                ["replicas of a topic", "\(Assumption.replicas)"],
                ["a worker has what it had here", "a share of 2 cores, beside its simulated devices"],
                ["a device answers", "at once, as the simulated ones do"],
            ]
        )
        Report.table(
            "and so",
            columns: ["predicted", ""],
            rows: [
                ["workers", "\(workers)"],
                ["partitions of the task topic", "\(workers * Assumption.partitionsPerWorker)"],
                ["memory for each session, KB", Report.number(self.resident.each * 1e3)],
                ["memory of a worker, MB", Report.number(self.resident.at(share))],
                ["memory of all workers, GB", Report.number(self.resident.at(share) * Double(workers) / 1e3)],
                ["idle CPU of a worker, % of a core", Report.number(self.idle.at(share))],
                ["full fan-out, s", Report.number(fanOut)],
                ["records of a full fan-out", Report.number(records)],
                ["records per second meanwhile", Report.number(records / fanOut)],
                ["MB of a full fan-out, one replica", Report.number(megabytes)],
                [
                    "MB per second meanwhile, all replicas",
                    Report.number(megabytes * Double(Assumption.replicas) / fanOut),
                ],
                ["all sessions opened by a fleet that starts cold, s", Report.number(self.opening.at(share))],
                ["a dead worker's devices are all open elsewhere after, s", Report.number(recovery)],
            ]
        )
        report.add("model_\(devices)_workers", Double(workers))
        report.add("model_\(devices)_partitions", Double(workers * Assumption.partitionsPerWorker))
        report.add("model_session_kb", self.resident.each * 1e3)
        report.add("model_\(devices)_worker_mb", self.resident.at(share))
        report.add("model_\(devices)_fan_out_s", fanOut)
        report.add("model_\(devices)_records_per_s", records / fanOut)
        report.add("model_\(devices)_recovery_s", recovery)
    }
}
