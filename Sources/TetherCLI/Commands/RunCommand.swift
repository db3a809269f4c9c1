import ArgumentParser
import Devices
import Foundation
import Logging

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run commands on devices from here, without Kafka.",
        discussion: """
            Each device gets one session for all commands; devices run side by side. Exit status 1 if any command failed.

            Example: tether run --inventory ./inventory group:core 'show version' 'show clock'
            """
    )

    @OptionGroup var log: LogOptions

    @Option(help: ArgumentHelp("Inventory file or directory (YAML).", valueName: "path"))
    var inventory: String
    @Option(
        help: ArgumentHelp("known_hosts file to check host keys against and learn new ones into.", valueName: "path"))
    var knownHosts: String?
    @Option(help: ArgumentHelp("Directory with platform definitions of your own.", valueName: "path"))
    var platforms: String?
    @Option(help: "Devices that are worked on at the same time.")
    var concurrency = 64
    @Argument(
        help: "Devices, group:NAME, tag:NAME, glob patterns, all, or user@host:port; several separated by commas.")
    var targets: String
    @Argument(help: "Commands, run in this order.")
    var commands: [String]

    func run() async throws {
        guard self.concurrency > 0 else { throw ValidationError("--concurrency must be at least 1.") }
        let inventory = try await Inventory.load(path: self.inventory)
        let configuration = DeviceClient.Configuration(
            inventory: inventory,
            knownHostsFile: self.knownHosts,
            platformDirectory: self.platforms
        )
        let targets = self.targets.split(separator: ",").map(String.init)
        let commands = self.commands.map { DeviceCommand($0) }
        let concurrency = self.concurrency
        var logger = self.log.logger("tether.run")
        logger.logLevel = max(self.log.logLevel, .warning)
        let succeeded = try await DeviceClient.withClient(configuration, logger: logger) { client in
            let results = await client.run(on: targets, commands, atMost: concurrency) { Self.show($0) }
            return results.allSatisfy { (try? $0.result.get().succeeded) ?? false }
        }
        if !succeeded { throw ExitCode(1) }
    }

    private static func show(_ result: TargetResult<SequenceResult>) {
        let target = result.target
        let sequence: SequenceResult
        switch result.result {
        case .success(let value): sequence = value
        case .failure(let error): return Console.error("\(target): \(error)")
        }
        var text = ""
        for step in sequence.steps {
            let command = step.command.text
            switch step.outcome {
            case .answered(let result):
                text +=
                    "── \(target) · \(command) · \(step.succeeded ? "succeeded" : "failed") · \(Console.time(result.elapsed))\n"
                text += Self.line(result.text)
            case .failed(let error):
                text += "── \(target) · \(command) · \(error)\n"
                text += Self.line(String(decoding: error.partialOutput, as: UTF8.self))
            case .notRun: break
            }
        }
        Console.write(text)
    }

    private static func line(_ text: String) -> String { text.isEmpty || text.hasSuffix("\n") ? text : text + "\n" }
}
