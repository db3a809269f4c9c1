import ArgumentParser
import Devices
import Foundation
import Logging

struct InventoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory",
        abstract: "Look at an inventory, check it, or make one of what other tools have.",
        discussion: """
            An inventory is a file or a directory of files: Tether's own YAML, CSV, Nornir's SimpleInventory (Containerlab's too) or Ansible's \
            YAML. `check` says which form was read.

            Examples:
              tether inventory check --inventory ./inventory
              tether inventory list --inventory ./inventory tag:edge
              tether inventory import ssh-config ~/.ssh/config > inventory.yaml
            """,
        subcommands: [ListDevices.self, Check.self, Show.self, Import.self]
    )
}

/// Which inventory: the same for each command that looks at one.
struct InventoryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Inventory file or directory. Default: $TETHER_INVENTORY.", valueName: "path"),
        completion: .file())
    var inventory: String?

    var path: String {
        get throws {
            guard let path = self.inventory ?? ProcessInfo.processInfo.environment["TETHER_INVENTORY"], !path.isEmpty
            else {
                throw ValidationError("No inventory: give --inventory PATH or set TETHER_INVENTORY.")
            }
            return path
        }
    }

    /// With the devices of its sources. What goes wrong with those without being fatal is told on standard error.
    func load() async throws -> Inventory {
        var logger = Logger(label: "tether.inventory") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        return try await InventoryWatch(path: try self.path, logger: logger).load()
    }
}

/// What a worker says about its inventory when it starts.
enum InventoryReport {
    static func log(_ inventory: Inventory, _ logger: Logger) {
        for file in inventory.files {
            logger.info(
                "inventory read",
                metadata: ["file": "\(file.name)", "form": "\(file.form.rawValue)", "devices": "\(file.devices)"])
        }
        for note in inventory.notes { logger.warning("inventory", metadata: ["note": "\(note)"]) }
    }
}

/// Objects as lines of JSON.
enum JSONLine {
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
