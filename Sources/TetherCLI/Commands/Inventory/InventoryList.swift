import ArgumentParser
import Devices

extension InventoryCommand {
    struct ListDevices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List devices.",
            discussion: "Exit status 1 when a target stands for nothing."
        )

        @OptionGroup var options: InventoryOptions
        @Flag(help: "One JSON object a line.")
        var json = false
        @Argument(help: "Devices, group:NAME, tag:NAME, glob patterns, or all.")
        var targets: [String] = ["all"]

        private struct Row: Encodable {
            var name: String
            var host: String
            var port: Int
            var device_type: String
            var tags: [String]
            var groups: [String]
        }

        func run() async throws {
            let inventory = try await self.options.load()
            let resolution = inventory.resolve(self.targets)
            let rows = resolution.devices.compactMap { name in
                inventory[name].map { device in
                    Row(
                        name: name, host: device.host, port: device.port, device_type: device.platform,
                        tags: device.tags.sorted(), groups: inventory.groups(of: name).map(\.name))
                }
            }
            if self.json {
                Console.write(try rows.map { try JSONLine.text($0) + "\n" }.joined())
            } else if !rows.isEmpty {
                Console.write(
                    Columns.text(
                        [["NAME", "HOST", "PORT", "DEVICE TYPE", "TAGS", "GROUPS"]]
                            + rows.map { row in
                                [
                                    row.name, row.host, String(row.port), row.device_type,
                                    row.tags.joined(separator: " "),
                                    row.groups.joined(separator: " "),
                                ]
                            }))
            }
            for target in resolution.adHoc {
                Console.error("\(target.expression): no device of the inventory has this address")
            }
            // Of an empty inventory all are listed.
            let unknown = resolution.unknown.filter { $0 != "all" }
            for target in unknown { Console.error("\(target): nothing in the inventory has this name") }
            if !unknown.isEmpty || !resolution.adHoc.isEmpty { throw ExitCode(1) }
        }
    }
}
