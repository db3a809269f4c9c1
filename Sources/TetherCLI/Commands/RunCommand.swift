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
        let inventory = try Inventory(path: self.inventory)
        let resolution = inventory.resolve(self.targets.split(separator: ",").map(String.init))
        for unknown in resolution.unknown {
            Console.error("\(unknown): target.unknown: nothing in the inventory has this name")
        }
        let configuration = DeviceClient.Configuration(
            inventory: inventory,
            knownHostsFile: self.knownHosts,
            platformDirectory: self.platforms
        )
        let commands = self.commands
        let concurrency = self.concurrency
        let targets = resolution.devices + resolution.adHoc.map(\.expression)
        var logger = self.log.logger("tether.run")
        logger.logLevel = max(self.log.logLevel, .warning)
        let failures = try await DeviceClient.withClient(configuration, logger: logger) { client in
            await withTaskGroup(of: Bool.self) { tasks in
                var waiting = targets.makeIterator()
                func startNext() {
                    guard let target = waiting.next() else { return }
                    tasks.addTask { await Self.run(commands, on: target, client: client) }
                }
                for _ in 0..<concurrency { startNext() }
                var failures = 0
                while let succeeded = await tasks.next() {
                    if !succeeded { failures += 1 }
                    startNext()
                }
                return failures
            }
        }
        if failures > 0 || !resolution.unknown.isEmpty { throw ExitCode(1) }
    }

    private static func run(_ commands: [String], on target: String, client: DeviceClient) async -> Bool {
        var text = ""
        for command in commands {
            do {
                let result = try await client.run(target, command)
                text +=
                    "── \(target) · \(command) · \(result.failure == nil ? "succeeded" : "failed") · \(Console.time(result.elapsed))\n"
                text += result.text.hasSuffix("\n") || result.output.isEmpty ? result.text : result.text + "\n"
                if result.failure != nil {
                    Console.write(text)
                    return false
                }
            } catch {
                text += "── \(target) · \(command) · \(error)\n"
                Console.write(text)
                return false
            }
        }
        Console.write(text)
        return true
    }
}
