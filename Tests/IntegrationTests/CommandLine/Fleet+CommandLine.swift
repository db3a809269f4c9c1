import Foundation
import Lab
import TestSupport

extension Fleet {
    /// How its topics are reached.
    private var kafkaArguments: [String] {
        ["--kafka", self.cluster.bootstrapServers, "--topic-prefix", self.topics.prefix]
    }

    /// Runs a command of `tether` to its end.
    func tether(_ command: String, _ arguments: [String], input: String = "") async throws -> (
        status: Int32, output: Data, errors: String
    ) {
        try await ChildProcess.run(
            SiblingProgram.url("tether").path,
            command.split(separator: " ").map(String.init) + self.kafkaArguments + arguments,
            input: Data(input.utf8), on: self.cluster.leash)
    }

    /// A command of `tether` at a terminal.
    func terminal(_ command: String, _ arguments: [String]) throws -> TerminalProcess {
        try TerminalProcess(
            SiblingProgram.url("tether").path, [command] + self.kafkaArguments + arguments,
            environment: ["TERM": "xterm", "NO_COLOR": "1", "PATH": "/usr/bin:/bin"], columns: 200)
    }
}
