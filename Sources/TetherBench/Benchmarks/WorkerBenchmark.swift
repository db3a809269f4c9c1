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
        for stage in self.stage.isEmpty ? Stage.allCases : self.stage {
            Report.progress("worker: \(stage.rawValue)")
            switch stage {
            case .latency: try await WorkerLatency.measure(self.options, into: &report)
            case .throughput: try await WorkerThroughput.measure(self.options, into: &report)
            case .fanOut:
                let devices = self.fanOutDevices ?? (self.options.quick ? 1_000 : 10_000)
                try await FanOut.measure(devices: devices, into: &report)
            case .isolation: try await Isolation.measure(self.options, into: &report)
            case .restart: try await FleetChanges.measureRestart(self.options, into: &report)
            case .join: try await FleetChanges.measureJoin(self.options, into: &report)
            }
        }
        var averages = [0.0]
        if getloadavg(&averages, 1) == 1 { report.add("load_average", averages[0]) }
        report.finish(self.options)
    }
}
