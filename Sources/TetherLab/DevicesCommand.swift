import ArgumentParser
import Foundation
import Lab

/// `tether-lab devices`: a farm of simulated devices until a signal.
struct DevicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "Run simulated network devices until SIGTERM or SIGINT."
    )

    @Option(help: "Number of devices.")
    var count = 50

    @Option(help: "Command line they speak: \(Personality.allCases.map(\.rawValue).joined(separator: ", ")).")
    var personality = Personality.ciscoIOSXE

    @Flag(help: "Deal out all personalities in turn.")
    var mix = false

    @Option(help: "Beginning of the devices' names.")
    var namePrefix = "dev-"

    @Option(help: "IPv4 address to listen on; with --one-address-each the first of them.")
    var host = "127.0.0.1"

    @Option(help: "Port of the first device; 0 takes free ones.")
    var basePort = 20_000

    @Flag(help: "Give each device an address of its own, all on the base port.")
    var oneAddressEach = false

    @Option var user = "admin"
    @Option var password = "admin"

    @Option(help: "Secret of the privileged mode; none is asked for by default.")
    var enableSecret: String?

    @Flag(help: "Begin each login in privileged mode.")
    var privileged = false

    @Option(help: "Pause between a command and its answer, for example 5ms.")
    var delay = TimeSpan(.zero)

    @Option(help: "Write an inventory of the devices to this file.")
    var inventory: String?

    @Flag(help: "Leave the password out of the inventory.")
    var noPassword = false

    @Option(help: "HOST:PORT of the control port.")
    var control: Endpoint?

    @Option(help: "Append one JSON line for each executed command to this file.")
    var log: String?

    func run() async throws {
        let termination = await Termination()
        let farm = try DeviceFarm(
            DeviceFarm.Options(
                personalities: mix ? Personality.allCases : [personality],
                count: count,
                host: host,
                basePort: basePort,
                oneAddressEach: oneAddressEach,
                namePrefix: namePrefix,
                users: [user: password],
                enableSecret: enableSecret,
                startsPrivileged: privileged,
                responseDelay: delay.duration,
                commandLogPath: log,
                // The file has them all; memory is for tests within one process.
                commandLogLimit: log == nil ? 10_000 : 0
            )
        )
        defer { farm.stop() }
        if let inventory {
            let yaml = FarmInventory.yaml(farm, user: user, password: noPassword ? nil : password)
            try Data(yaml.utf8).write(to: URL(fileURLWithPath: inventory), options: .atomic)
        }
        var server: ControlServer?
        if let control {
            server = try await ControlServer.start(host: control.host, port: control.port) { words in
                FarmControl.answer(words, farm: farm) { termination.request() }
            }
        }
        var ready = "ready devices=\(count) first=\(farm.devices[0].host):\(farm.devices[0].port)"
        if let server, let control { ready += " control=\(control.host):\(server.port)" }
        Output.line(ready)
        await termination.wait()
        await server?.stop()
    }
}

/// Lines for the program that started the lab.
enum Output {
    /// Prints at once, also into a pipe.
    static func line(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}
