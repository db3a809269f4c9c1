import ArgumentParser

/// `tether-lab`: simulated devices and a development broker with faults, for tests and demonstrations.
@main
struct TetherLab: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tether-lab",
        abstract: "Simulated network devices and a development Kafka broker that can be spoiled on purpose.",
        subcommands: [DevicesCommand.self, BrokerCommand.self, ControlCommand.self]
    )
}
