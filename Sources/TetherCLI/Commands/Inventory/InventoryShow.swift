import ArgumentParser
import Devices

extension InventoryCommand {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what is in effect for a device, and from where each of it comes.",
            discussion: """
                Secrets are never shown, only that and where they are set. Exit status 1 when there is no such device.

                Example: tether inventory show --inventory ./inventory router1
                """
        )

        @OptionGroup var options: InventoryOptions
        @Flag(help: "One JSON object.")
        var json = false
        @Argument(help: "Name of a device.")
        var device: String

        private struct Shown: Encodable {
            var device: String
            var settings: [EffectiveSetting]
        }

        func run() async throws {
            let inventory = try await self.options.load()
            guard let settings = inventory.effectiveSettings(of: self.device, environmentPrefix: "TETHER") else {
                Console.error("\(self.device): no device of the inventory has this name")
                throw ExitStatus.failed.code
            }
            if self.json {
                Console.write(try JSONLine.text(Shown(device: self.device, settings: settings)) + "\n")
            } else {
                var table = Table([.init("setting"), .init("value"), .init("from")])
                for setting in settings {
                    table.add([.init(setting.name), .init(setting.value), .init(setting.source, .faint)])
                }
                table.print()
            }
        }
    }
}
