import ArgumentParser
import Devices
import Foundation
import Kafka
import Worker

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check a configuration file, or show the settings in force and where each comes from.",
        subcommands: [Check.self, Show.self]
    )

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration file, and the policy and inventory that it names.",
            discussion: """
                Nothing is connected to. Exit status 1 when there is a mistake.

                Example: tether config check /etc/tether/tether.yaml
                """)

        @Argument(help: "The file. Default: $TETHER_CONFIG.")
        var file: String?

        func run() async throws {
            do {
                for line in try Self.check(self.file, ProcessInfo.processInfo.environment) { print(line) }
            } catch {
                Console.error("\(error)")
                throw ExitCode(1)
            }
        }

        /// - Returns: what was checked.
        static func check(_ file: String?, _ environment: [String: String]) throws -> [String] {
            let settings = try Settings(file: file, environment: environment)
            guard let path = settings.file else {
                throw SettingsError("No file: name one, or set TETHER_CONFIG.")
            }
            var lines = ["\(path): \(settings.givenCount) settings"]
            if let policy = try settings.policySource() {
                lines.append("policy: jobs from \(policy.current.topicNames.joined(separator: ", "))")
            }
            // Who is to be talked to may be said elsewhere.
            let somebody = try settings.optional(Settings.kafkaServers)?.joined(separator: ",") ?? "localhost:9092"
            let whole = try Settings(
                file: file, options: [Settings.kafkaServers.key: somebody], environment: environment)
            try whole.worker(policy: nil).kafka.check()
            try settings.checkOperations()
            if let path = try settings.optional(Settings.inventory) {
                let inventory = try Inventory(path: path, environment: environment, isWithoutSources: true)
                lines.append("inventory: \(inventory.deviceCount) devices")
            }
            return lines + Settings.unknownVariables(in: environment).map { "note: \($0)" }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the settings in force. The values of secrets are never shown.",
            discussion: """
                What the command line of a worker may say is not seen here: only the environment, the file and the defaults.

                Example: tether config show --config /etc/tether/tether.yaml --origin
                """)

        @OptionGroup var source: ConfigurationOptions
        @Flag(help: "As one JSON object.") var json = false
        @Flag(help: "Say where each value comes from.") var origin = false

        func run() async throws {
            let settings: Settings
            do {
                settings = try Settings(file: self.source.file)
            } catch {
                throw ValidationError(error.description)
            }
            Console.write(self.json ? settings.json(withOrigin: self.origin) : settings.text(withOrigin: self.origin))
        }
    }
}
