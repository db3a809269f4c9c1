import ArgumentParser
import Foundation
import Jobs

/// `TetherBench scale`: one worker with the sessions of a whole fleet, and what that says about larger ones.
struct ScaleBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Thousands of persistent sessions in one worker, and a model of a million.",
        discussion: """
            Fleets of two sizes give the model its figures; two others, measured in the same run, show what its predictions are worth. The simulated \
            devices take about two thirds of the machine's time, so rates are lower bounds.
            """
    )

    @OptionGroup var options: BenchmarkOptions

    @Option(help: "Devices of the largest fleet. Default: 10000, with --quick 2000.")
    var devices: Int?

    func run() async throws {
        var report = Report()
        try await Self.measure(self.options, devices: self.devices, into: &report)
        report.finish(self.options)
    }

    static func measure(_ options: BenchmarkOptions, devices: Int? = nil, into report: inout Report) async throws {
        let largest = devices ?? (options.quick ? 2_000 : 10_000)
        let small = largest / 20
        let middle = largest / 4
        var measured: [FleetFigures] = []
        for size in [small, largest / 10, middle, largest] {
            measured.append(
                try await FleetFigures.measure(
                    devices: size, idle: options.quick ? .seconds(30) : .seconds(90), isDisturbed: size == largest))
        }
        FleetFigures.show(measured, in: &report)
        let model = FleetModel(from: measured[0], and: measured[2])
        model.show(against: [measured[1], measured[3]], in: &report)
        model.show(fleet: 1_000_000, in: &report)
    }
}
