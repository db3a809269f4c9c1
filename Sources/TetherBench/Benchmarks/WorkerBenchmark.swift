import ArgumentParser
import Foundation
import Jobs

/// `TetherBench worker`: what a fleet of workers does with its devices' sessions, through a real broker, each program a process of its own.
struct WorkerBenchmark: AsyncParsableCommand {
    enum Stage: String, CaseIterable, ExpressibleByArgument {
        case latency, throughput, isolation, restart, join
        case fanOut = "fan-out"
    }

    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Jobs through workers with warm sessions: latency, throughput, fan-out, restarts, isolation."
    )

    @OptionGroup var options: BenchmarkOptions

    @Option(help: "Only this stage; may be repeated. Default: all.")
    var stage: [Stage] = []

    @Option(help: "Devices of the fan-out.")
    var fanOutDevices: Int?

    func run() async throws {
        var report = Report()
        try await Self.measure(
            self.options, self.stage.isEmpty ? Stage.allCases : self.stage, fanOut: self.fanOutDevices, into: &report)
        report.finish(self.options)
    }

    static func measure(
        _ options: BenchmarkOptions,
        _ stages: [Stage] = Stage.allCases,
        fanOut devices: Int? = nil,
        into report: inout Report
    ) async throws {
        for stage in stages {
            Report.progress("worker: \(stage.rawValue)")
            switch stage {
            case .latency: try await WorkerLatency.measure(options, into: &report)
            case .throughput: try await WorkerThroughput.measure(options, into: &report)
            case .fanOut:
                try await FanOut.measure(devices: devices ?? (options.quick ? 1_000 : 10_000), into: &report)
            case .isolation: try await Isolation.measure(options, into: &report)
            case .restart: try await FleetChanges.measureRestart(options, into: &report)
            case .join: try await FleetChanges.measureJoin(options, into: &report)
            }
        }
    }
}
