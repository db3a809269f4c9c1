import ArgumentParser
import Devices
import Foundation
import Jobs
import Logging
import NIOCore

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run commands on devices from here, without Kafka.",
        discussion: """
            Each device gets one session for all commands; devices are worked on side by side, and a command that fails is the device's last. \
            Nothing of what `tether worker` guarantees between processes holds here: don't run it on devices that workers own while they work on them.

            Ctrl-C starts nothing more and interrupts what runs; pressed again it ends at once. With --json each line is a record as on a reply topic.

            Exit status: 0 every device succeeded; 1 some didn't; 4 an outcome is unknown; 64 wrong command line; 65 the inventory can't be used; \
            73 --save can't write; 130 interrupted.

            Examples:
              tether run --inventory ./inventory group:core 'show version' 'show clock'
              tether run --inventory ./inventory router1 router2 -c 'show version'
              tether run --inventory ./inventory all -c 'show running-config' --save configurations
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Devices, group:NAME, tag:NAME, glob patterns, all, or user@host:port; several separated by commas. Without -c only the first argument is targets, and the others are commands.",
            valueName: "target"))
    var targets: [String]
    @Option(
        name: [.customShort("c"), .customLong("command")],
        help: ArgumentHelp("A command; several are run in order.", valueName: "command"))
    var commands: [String] = []

    @OptionGroup var inventory: InventoryOptions
    @Option(
        help: ArgumentHelp("known_hosts file to check host keys against and learn new ones into.", valueName: "path"),
        completion: .file())
    var knownHosts: String?
    @Option(
        help: ArgumentHelp("Directory with platform definitions of your own.", valueName: "path"),
        completion: .directory)
    var platforms: String?
    @Option(help: ArgumentHelp("Name of a credential of the inventory or the environment.", valueName: "name"))
    var credential: String?
    @Option(help: "Devices that are worked on at the same time.")
    var concurrency = 64

    @OptionGroup(title: "Results") var output: OutputOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        _ = try self.inventory.path
        guard self.concurrency > 0 else { throw ValidationError("--concurrency must be at least 1.") }
        guard !self.commands.isEmpty || self.targets.count > 1 else {
            throw ValidationError("No commands. Example: tether run --inventory ./inventory router1 'show version'")
        }
    }

    func run() async throws {
        let inventory = try await Inventory.load(path: try self.inventory.path)
        let configuration = DeviceClient.Configuration(
            inventory: inventory,
            knownHostsFile: self.knownHosts,
            platformDirectory: self.platforms
        )
        let targets = (self.commands.isEmpty ? Array(self.targets.prefix(1)) : self.targets)
            .flatMap { $0.split(separator: ",") }.map(String.init)
        let commands = self.commands.isEmpty ? Array(self.targets.dropFirst()) : self.commands
        let report = try self.output.report(job: LocalRun.job)
        let work = LocalRun(
            targets: targets, commands: commands.map { DeviceCommand($0) }, credential: self.credential,
            concurrency: self.concurrency, streams: self.output.stream, report: report)
        let client = try DeviceClient(configuration, logger: self.log.quietLogger("tether.run"))
        do {
            try await work.run(with: client)
        } catch {
            await client.shutDown()
            throw error
        }
        await client.shutDown()
    }
}
