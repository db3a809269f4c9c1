import ArgumentParser
import Lab

/// `tether-lab control`: one command to a running lab.
struct ControlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control",
        abstract: "Send a command to a running lab and print the answer."
    )

    @Argument(help: "HOST:PORT given to the lab as --control.")
    var address: Endpoint

    @Argument(parsing: .captureForPassthrough, help: "The command, for example `stats` or `fault dev-0001 black-hole`.")
    var command: [String]

    func run() async throws {
        print(try await ControlServer.send(command.joined(separator: " "), host: address.host, port: address.port))
    }
}
