import ArgumentParser
import Devices

extension InventoryCommand {
    struct ListDevices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List devices.",
            discussion: """
                Exit status 1 when a target stands for nothing.

                Example: tether inventory list --inventory ./inventory group:core
                """
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
            var deviceType: String
            var tags: [String]
            var groups: [String]

            enum CodingKeys: String, CodingKey {
                case name, host, port, tags, groups
                case deviceType = "device_type"
            }
        }

        func run() async throws {
            let inventory = try await self.options.load()
            let resolution = inventory.resolve(self.targets)
            let rows = resolution.devices.compactMap { name in
                inventory[name].map { device in
                    Row(
                        name: name, host: device.host, port: device.port, deviceType: device.platform,
                        tags: device.tags.sorted(), groups: inventory.groups(of: name).map(\.name))
                }
            }
            if self.json {
                Console.write(try rows.map { try JSONLine.text($0) + "\n" }.joined())
            } else if !rows.isEmpty {
                var table = Table([
                    .init("name"), .init("host"), .init("port", .right), .init("device type"),
                    .init("tags", shrinks: true), .init("groups", shrinks: true),
                ])
                for row in rows {
                    table.add([
                        .init(row.name), .init(row.host), .init(String(row.port)), .init(row.deviceType),
                        .init(row.tags.joined(separator: " ")), .init(row.groups.joined(separator: " ")),
                    ])
                }
                table.print()
            }
            for target in resolution.adHoc {
                Console.error("\(target.expression): no device of the inventory has this address")
            }
            // Of an empty inventory all are listed.
            let unknown = resolution.unknown.filter { $0 != "all" }
            for target in unknown { Console.error("\(target): nothing in the inventory has this name") }
            if !unknown.isEmpty || !resolution.adHoc.isEmpty { throw ExitStatus.failed.code }
        }
    }
}
