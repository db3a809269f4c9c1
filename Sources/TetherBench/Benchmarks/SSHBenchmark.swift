import ArgumentParser
import Foundation
import Lab

/// `TetherBench ssh`: our engine beside the reference program, both against the same simulated devices, turn and turn about.
struct SSHBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssh",
        abstract: "Connections, commands and idle sessions, beside a minimal C program on libssh2."
    )

    @OptionGroup var options: BenchmarkOptions

    func run() async throws {
        var report = Report()
        try await Self.measure(self.options, into: &report)
        report.finish(self.options)
    }

    /// One kind of work, and who does it.
    private struct Case {
        /// Begins the names of its figures.
        var name: String
        var title: String
        var mode: MeasuredClient.Mode
        var sessions: Int
        var count: Int
        var engines: [MeasuredClient.Engine]
        var command = "show clock"
        /// Whether sessions send the return key only when they have seen the echo, as they do before a change.
        var waitsForEcho = false
        /// Where the figure is one for each KB of output: the bytes that a command prints.
        var bytes: Int?
        /// How often each program has its turn at most.
        var turns = Int.max
    }

    /// Most devices that are simulated. More sessions than these share them.
    private static let maximumDevices = 1_000

    /// Who does the work. The reference program is the first of each turn.
    private enum Program: Hashable {
        case reference
        case ours(MeasuredClient.Engine)

        var title: String {
            switch self {
            case .reference: "C reference"
            case .ours(.ssh): "SSH module"
            case .ours(.deviceSession): "DeviceSession"
            case .ours(.deviceClient): "DeviceClient"
            case .ours(.deviceClientLoop): "DeviceClient, its executor"
            }
        }

        /// Follows the case's name in the names of figures.
        var suffix: String {
            switch self {
            case .reference: "_reference"
            case .ours(.ssh): ""
            case .ours(.deviceSession): "_device_session"
            case .ours(.deviceClient): "_device_client"
            case .ours(.deviceClientLoop): "_device_client_loop"
            }
        }
    }

    private static func cases(quick: Bool) -> [Case] {
        let everyone = MeasuredClient.Engine.allCases
        let commands = [
            Case(
                name: "connect", title: "connect, log in, shell, first prompt; 16 in flight (ms)", mode: .connect,
                sessions: 16, count: quick ? 320 : 960, engines: [.ssh, .deviceClient]
            ),
            Case(
                name: "connect_sequential", title: "the same, one at a time (ms)", mode: .connect,
                sessions: 1, count: quick ? 100 : 300, engines: [.ssh, .deviceClient]
            ),
            Case(
                name: "warm_shell", title: "command in an open shell, 50 sessions (µs)", mode: .warm,
                sessions: 50, count: quick ? 10_000 : 60_000, engines: everyone
            ),
            Case(
                name: "warm_shell_single", title: "the same, one session (µs)", mode: .warm,
                sessions: 1, count: quick ? 2_000 : 10_000, engines: everyone
            ),
            Case(
                name: "warm_shell_echo_gate", title: "50 sessions, return key after the echo (µs)", mode: .warm,
                sessions: 50, count: quick ? 5_000 : 20_000, engines: [.deviceSession], waitsForEcho: true
            ),
            Case(
                name: "large_output", title: "19 KB of output, 16 sessions (µs)", mode: .warm,
                sessions: 16, count: quick ? 800 : 3_200, engines: everyone, command: "lab output 19000"
            ),
            Case(
                name: "exec", title: "command on a channel of its own, 16 sessions (µs)", mode: .exec,
                sessions: 16, count: quick ? 3_200 : 16_000, engines: [.ssh]
            ),
        ]
        let idle = [
            Case(
                name: "idle_session", title: "memory of an idle session, \(quick ? 300 : 1_000) open (KB)", mode: .idle,
                sessions: quick ? 300 : 1_000, count: 0, engines: [.ssh, .deviceClient]
            ),
            Case(
                name: "idle_session_10k", title: "the same, 10,000 open (KB)", mode: .idle,
                sessions: 10_000, count: 0, engines: [.ssh, .deviceClient], turns: 1
            ),
        ]
        return commands + Self.outputs(quick: quick) + idle.filter { !quick || $0.sessions <= 1_000 }
    }

    /// Outputs of growing size: what a KB costs must not grow with it.
    private static func outputs(quick: Bool) -> [Case] {
        let sizes = [
            ("1kb", 1_000, 4_000), ("10kb", 10_000, 1_600), ("100kb", 100_000, 240), ("1mb", 1_000_000, 24),
            ("10mb", 10_000_000, 4), ("100mb", 100_000_000, 1),
        ]
        return sizes.filter { !quick || $0.1 <= 10_000_000 }.map { name, bytes, count in
            Case(
                name: "output_\(name)", title: "output of \(name.uppercased()) (µs a KB)", mode: .warm,
                sessions: min(4, count), count: quick ? max(1, count / 4) : count, engines: [.ssh, .deviceClientLoop],
                command: "lab output \(bytes)", bytes: bytes, turns: 3
            )
        }
    }

    static func measure(_ options: BenchmarkOptions, into report: inout Report) async throws {
        let cases = Self.cases(quick: options.quick)
        let devices = min(cases.map(\.sessions).max() ?? 1, Self.maximumDevices)
        let rows = try await SimulatedDevices.with(count: devices) { devices, _ in
            var rows: [[String]] = []
            for work in cases {
                Report.progress("ssh: \(work.title)")
                rows.append(try await Self.measure(work, devices, turns: options.turns, into: &report))
            }
            return rows
        }
        Report.table(
            "SSH: CPU of the client for one of each, and its ratio to the C program (medians of \(options.turns))",
            columns: ["", Program.reference.title] + MeasuredClient.Engine.allCases.map { Program.ours($0).title },
            rows: rows
        )
    }

    private static func measure(
        _ work: Case,
        _ devices: SimulatedDevices,
        turns: Int,
        into report: inout Report
    ) async throws -> [String] {
        let programs = [.reference] + work.engines.map { Program.ours($0) }
        var measured: [Program: [Measurement]] = [:]
        for _ in 0..<min(turns, work.turns) {
            for program in programs {
                measured[program, default: []].append(try await Self.run(work, program, devices))
            }
        }
        let isMemory = work.mode == .idle
        let unit =
            isMemory ? "kb" : work.mode == .connect ? "cpu_ms" : work.bytes == nil ? "cpu_us" : "cpu_us_per_kb"
        func value(_ program: Program) -> Double {
            let values = measured[program, default: []].map { measurement in
                isMemory
                    ? measurement.bytesPerSession / 1024
                    : work.mode == .connect
                        ? measurement.cpuMicroseconds / 1000
                        : measurement.cpuMicroseconds / (Double(work.bytes ?? 1_000) / 1_000)
            }
            return values.median
        }
        let reference = value(.reference)
        var cells = [work.title]
        for program in [.reference] + MeasuredClient.Engine.allCases.map({ Program.ours($0) }) {
            guard let measurements = measured[program] else {
                cells.append("")
                continue
            }
            let figure = value(program)
            report.add("\(work.name)\(program.suffix)_\(unit)", figure)
            if !isMemory {
                report.add("\(work.name)\(program.suffix)_user_cpu_us", measurements.map(\.userMicroseconds).median)
            } else {
                report.add("\(work.name)\(program.suffix)_process_mb", Double(measurements[0].rssBytes) / 1_048_576)
            }
            if program == .reference {
                cells.append(Report.number(figure))
            } else {
                report.add("\(work.name)\(program.suffix)_\(isMemory ? "memory" : "cpu")_ratio", figure / reference)
                cells.append("\(Report.number(figure)) ×\(Report.number(figure / reference))")
            }
        }
        return cells
    }

    private static func run(_ work: Case, _ program: Program, _ devices: SimulatedDevices) async throws -> Measurement {
        let measured = MeasuredWork(
            mode: work.mode, sessions: work.sessions, count: work.count, command: work.command,
            waitsForEcho: work.waitsForEcho)
        do {
            switch program {
            case .reference: return try await measured.runReference(on: devices)
            case .ours(let engine): return try await measured.run(engine, on: devices)
            }
        } catch {
            throw BenchmarkError("\(program.title), \(work.name): \(error)")
        }
    }
}
