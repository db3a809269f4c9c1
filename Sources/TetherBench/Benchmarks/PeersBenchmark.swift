import ArgumentParser
import Foundation

/// Which libraries to measure.
struct PeerOptions: ParsableArguments {
    @Option(
        name: .customLong("peer"), help: "A library to measure ours beside; may be repeated. All of them by default.")
    private var peers: [Peer] = []

    @Option(help: "The folder of Tether's sources.")
    var package = "."

    var chosen: [Peer] { self.peers.isEmpty ? Peer.allCases : Peer.allCases.filter(self.peers.contains) }
}

/// `TetherBench peers`: the libraries that network engineers use, beside ours and the reference program, against the same simulated devices, turn
/// and turn about.
struct PeersBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Connections, commands and memory, beside asyncssh, netmiko and scrapli.",
        discussion: "`deploy/bench peers` installs the libraries first."
    )

    @OptionGroup var options: BenchmarkOptions
    @OptionGroup var peers: PeerOptions

    func run() async throws {
        var report = Report()
        try await Self.measure(self.options, self.peers, into: &report)
        report.finish(self.options)
    }

    static func measure(_ options: BenchmarkOptions, _ peers: PeerOptions, into report: inout Report) async throws {
        let environments = try PeerEnvironments(package: peers.package)
        let chosen = peers.chosen
        let installed = chosen.filter { environments.installed($0) != nil }
        var rows: [Program: Row] = [:]
        let programs: [Program] = [.reference, .ours] + installed.map { .peer($0) }
        for program in programs { rows[program] = Row() }
        try await SimulatedDevices.with(count: Self.devices) { devices, _ in
            for work in Self.cases(quick: options.quick) {
                Report.progress("peers: \(work.title)")
                try await Self.measure(work, options.turns, programs, environments, devices, into: &rows)
                work.add(rows, of: programs, to: &report)
            }
        }
        for peer in chosen where !installed.contains(peer) { report.add("peer_\(peer.figureName)_missing", 1) }
        Self.printTables(options, chosen, programs, rows, environments)
    }

    private enum Program: Hashable {
        case reference, ours
        case peer(Peer)

        var title: String {
            switch self {
            case .reference: "C reference"
            case .ours: "Tether's DeviceClient"
            case .peer(let peer): peer.rawValue
            }
        }
    }

    /// What a program was measured at, by the case's name: milliseconds of CPU or KB, and milliseconds of waiting.
    private struct Row {
        var costs: [String: Double] = [:]
        var waits: [String: Double] = [:]
    }

    /// One kind of work.
    private struct Case {
        var name: String
        var title: String
        /// With as many commands as the compiled programs need for a figure.
        var work: MeasuredWork
        /// Commands or connections of a library: it needs longer for each.
        var peerCount: Int

        var isMemory: Bool { self.work.mode == .idle }

        func cost(_ measurement: Measurement) -> Double {
            self.isMemory ? measurement.bytesPerSession / 1024 : measurement.cpuMicroseconds / 1000
        }

        func add(_ rows: [Program: Row], of programs: [Program], to report: inout Report) {
            let unit = self.isMemory ? "kb" : "cpu_ms"
            func cost(_ program: Program) -> Double { rows[program]?.costs[self.name] ?? .nan }
            for program in programs {
                let prefix: String
                switch program {
                case .reference: prefix = "peers_\(self.name)_reference"
                case .ours:
                    prefix = "peers_\(self.name)"
                    report.add(
                        "\(prefix)_\(self.isMemory ? "memory" : "cpu")_ratio", cost(.ours) / cost(.reference))
                case .peer(let peer):
                    prefix = "peer_\(peer.figureName)_\(self.name)"
                    report.add("\(prefix)_times_ours", cost(program) / cost(.ours))
                }
                report.add("\(prefix)_\(unit)", cost(program))
                report.add("\(prefix)_p50_ms", rows[program]?.waits[self.name] ?? .nan)
            }
        }
    }

    private static let devices = 100

    private static func cases(quick: Bool) -> [Case] {
        [
            Case(
                name: "visit", title: "connect, log in, 1 command, close",
                work: MeasuredWork(mode: .visit, sessions: 1, count: quick ? 100 : 300), peerCount: quick ? 12 : 36
            ),
            Case(
                name: "warm_single", title: "command, 1 session",
                work: MeasuredWork(mode: .warm, sessions: 1, count: quick ? 1_000 : 4_000), peerCount: quick ? 40 : 120
            ),
            Case(
                name: "warm", title: "command, 20 sessions",
                work: MeasuredWork(mode: .warm, sessions: 20, count: quick ? 4_000 : 16_000),
                peerCount: quick ? 400 : 1_200
            ),
            Case(
                name: "large_output", title: "19 KB of output",
                work: MeasuredWork(
                    mode: .warm, sessions: 1, count: quick ? 400 : 1_200, command: "lab output 19000"),
                peerCount: quick ? 40 : 120
            ),
            Case(
                name: "session", title: "KB an open session, \(Self.devices) open",
                work: MeasuredWork(mode: .idle, sessions: Self.devices, count: 0), peerCount: 0
            ),
        ]
    }

    private static func measure(
        _ work: Case,
        _ turns: Int,
        _ programs: [Program],
        _ environments: PeerEnvironments,
        _ devices: SimulatedDevices,
        into rows: inout [Program: Row]
    ) async throws {
        var measured: [Program: [Measurement]] = [:]
        for _ in 0..<turns {
            for program in programs {
                do {
                    measured[program, default: []].append(try await Self.run(work, program, environments, devices))
                } catch {
                    throw BenchmarkError("\(program.title), \(work.name): \(error)")
                }
            }
        }
        for (program, measurements) in measured {
            rows[program]?.costs[work.name] = measurements.map(work.cost).median
            let waits = measurements.compactMap { $0.p50Seconds.map { $0 * 1000 } }
            if !waits.isEmpty { rows[program]?.waits[work.name] = waits.median }
        }
    }

    private static func run(
        _ work: Case,
        _ program: Program,
        _ environments: PeerEnvironments,
        _ devices: SimulatedDevices
    ) async throws -> Measurement {
        switch program {
        case .reference: return try await work.work.runReference(on: devices)
        case .ours: return try await work.work.run(.deviceClient, on: devices)
        case .peer(let peer):
            var work = work
            work.work.count = work.peerCount
            return try await work.work.run(peer, of: environments, on: devices)
        }
    }

    private static func printTables(
        _ options: BenchmarkOptions,
        _ chosen: [Peer],
        _ programs: [Program],
        _ rows: [Program: Row],
        _ environments: PeerEnvironments
    ) {
        let cases = Self.cases(quick: options.quick)
        let timed = cases.filter { !$0.isMemory }
        func ours(_ work: Case) -> Double { rows[.ours]?.costs[work.name] ?? .nan }
        func cells(_ program: Program) -> [String] {
            cases.map { work in
                guard let cost = rows[program]?.costs[work.name] else { return "" }
                return "\(Report.number(cost)) ×\(Report.number(cost / ours(work)))"
            }
        }
        let absent = chosen.filter { environments.installed($0) == nil }.map { [$0.rawValue, "missing"] }
        func padded(_ row: [String], to count: Int) -> [String] {
            row + Array(repeating: "", count: max(0, count - row.count))
        }
        Report.table(
            "Peers: CPU of the client for one of each in ms, and how many times ours (medians of \(options.turns))",
            columns: [""] + cases.map(\.title),
            rows: programs.map { [$0.title] + cells($0) } + absent.map { padded($0, to: cases.count + 1) }
        )
        Report.table(
            "Peers: time to the answer in ms (median of the medians)",
            columns: [""] + timed.map(\.title),
            rows: programs.map { program in
                [program.title] + timed.map { rows[program]?.waits[$0.name].map(Report.number) ?? "" }
            } + absent.map { padded($0, to: timed.count + 1) }
        )
        print("")
        for peer in chosen {
            print("  \(peer.rawValue): \(environments.installed(peer) ?? "missing, for it could not be installed")")
        }
    }
}
