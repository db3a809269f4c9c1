import ArgumentParser
import Foundation
import UnixSignals

/// `TetherBench`: what Tether's engine costs, beside what a minimal C program on the same library costs for the same work.
@main
struct TetherBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "TetherBench",
        abstract:
            "Measure Tether: its SSH engine, file transfers, codec, inventories, workers and fleets, beside others' work.",
        discussion: """
            CPU time and ratios are what to compare: programs take turns within one run, and medians are shown. Wall-clock figures depend \
            on what else the machine does.
            """,
        subcommands: [
            SSHBenchmark.self, FilesBenchmark.self, JSONBenchmark.self, InventoryBenchmark.self, WorkerBenchmark.self,
            ScaleBenchmark.self, SoakBenchmark.self, PeersBenchmark.self, AllBenchmarks.self,
            MeasuredClient.self, MeasuredTransfer.self, MeasuredInventory.self,
        ],
        defaultSubcommand: AllBenchmarks.self
    )

    /// Runs the command; a signal ends the programs that it has started, and then this one.
    static func main() async {
        await withTaskGroup { tasks in
            tasks.addTask {
                for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    ChildProcesses.shared.terminate()
                    Foundation.exit(128 + signal.rawValue)
                }
            }
            await Self.main(nil)
            tasks.cancelAll()
        }
    }
}

/// What every benchmark takes.
struct BenchmarkOptions: ParsableArguments {
    @Flag(help: "Print all figures as one JSON object in the last line.")
    var json = false

    @Flag(help: "Less work and fewer repetitions.")
    var quick = false

    @Option(help: "How often each program has its turn.")
    var repetitions: Int?

    func validate() throws {
        if let repetitions, repetitions < 1 { throw ValidationError("--repetitions must be at least 1.") }
    }

    /// Odd, so that a median is a measured value.
    var turns: Int { self.repetitions ?? (self.quick ? 3 : 5) }
}

/// `TetherBench all`: one benchmark after the other, and one JSON object for all.
struct AllBenchmarks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all",
        abstract: "All of them but the soak, one after the other.",
        discussion: "One to two hours; with --quick, a fifth of that."
    )

    @OptionGroup var options: BenchmarkOptions
    @OptionGroup var peers: PeerOptions

    func run() async throws {
        var report = Report()
        try await SSHBenchmark.measure(self.options, into: &report)
        try await FilesBenchmark.measure(self.options, into: &report)
        JSONBenchmark.measure(self.options, into: &report)
        try InventoryBenchmark.measure(self.options, into: &report)
        try await WorkerBenchmark.measure(self.options, into: &report)
        try await ScaleBenchmark.measure(self.options, into: &report)
        try await PeersBenchmark.measure(self.options, self.peers, into: &report)
        report.finish(self.options)
    }
}
