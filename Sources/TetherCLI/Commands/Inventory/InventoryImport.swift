import ArgumentParser
import Devices

extension InventoryCommand {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an inventory of what another tool has, on standard output.",
            subcommands: [SSHConfig.self]
        )
    }

    struct SSHConfig: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ssh-config",
            abstract: "From an OpenSSH client configuration: a device for each name in its Host lines.",
            discussion: """
                As for OpenSSH, the first value wins; Include is followed. HostName, User, Port, IdentityFile, ProxyJump, BindAddress and \
                StrictHostKeyChecking are taken, and lists of algorithms as far as they ask for old ones. Everything else, and what stands \
                below Match, is told on standard error.

                Example: tether inventory import ssh-config ~/.ssh/config --device-type cisco_iosxe > inventory.yaml
                """
        )

        @Option(help: "Platform of the devices: the configuration doesn't say.")
        var deviceType = "generic"
        @Argument(help: ArgumentHelp("The configuration's file.", valueName: "path"))
        var path: String

        func run() async throws {
            let imported = try SSHConfigImport(path: self.path, deviceType: self.deviceType)
            Console.write(imported.yaml)
            for warning in imported.warnings { Console.error("\(warning)") }
            Console.error("\(imported.deviceCount) devices")
        }
    }
}
