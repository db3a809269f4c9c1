import ArgumentParser

@main
struct Tether: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tether",
        abstract: "A Kafka worker for network devices: jobs in, one owner and one session per device, results out.",
        version: "0.1.0",
        subcommands: [
            WorkerCommand.self, SubmitCommand.self, CancelCommand.self, RunCommand.self, TopicsCommand.self,
            CloseCommand.self, DrainCommand.self, SealCommand.self, KeysCommand.self,
        ]
    )
}
