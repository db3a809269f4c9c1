import ArgumentParser
import Foundation

@main
struct Tether: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tether",
        abstract: "A Kafka worker for network devices: jobs in, one owner and one session per device, results out.",
        discussion: """
            Data goes to standard output, everything that is said about it to standard error. --json makes the data JSON, one object a line. Colours are \
            shown on terminals only; NO_COLOR turns them off, CLICOLOR_FORCE=1 on everywhere.

            Every command ends with one of these:
            \(ExitStatus.table)

            Completion for your shell: tether --generate-completion-script bash (or zsh, fish).

            Examples:
              tether run --inventory inventory.yaml router1 'show version'    from here, without Kafka
              tether submit group:core -c 'show version'                      through Kafka and the workers
            """,
        version: "0.1.0",
        subcommands: [
            WorkerCommand.self, SubmitCommand.self, WatchCommand.self, CancelCommand.self, ValidateCommand.self,
            RunCommand.self, InventoryCommand.self, TopicsCommand.self, CloseCommand.self, DrainCommand.self,
            ConfigCommand.self, SealCommand.self, KeysCommand.self,
        ]
    )

    static func main() async {
        do {
            var command = try await Self.asyncParseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Self.end(with: error)
        }
    }

    /// Says what went wrong, and ends with the status that stands for it.
    private static func end(with error: any Error) -> Never {
        if let status = ExitStatus(of: error) {
            self.say(error)
            Self.exit(withError: status.code)
        }
        // The parser's own errors, requests for help, and the exit codes that commands have thrown.
        guard Self.exitCode(for: error) == .failure, !(error is ExitCode) else { Self.exit(withError: error) }
        self.say(error)
        Self.exit(withError: ExitStatus.internalError.code)
    }

    private static func say(_ error: any Error) {
        var words = "\(error)"
        if let error = error as? CocoaError {
            words = error.localizedDescription
            if let path = error.userInfo[NSFilePathErrorKey] as? String { words = "\(path): \(words)" }
        }
        Console.error("\(Console.error.styled("Error:", .bad)) \(Console.error.shown(words))")
    }
}

extension ExitStatus {
    /// For the help.
    fileprivate static var table: String {
        self.allCases.map { status in
            let number = "\(status.rawValue)"
            return "  " + String(repeating: " ", count: 3 - number.count) + "\(number)  \(status.meaning)"
        }.joined(separator: "\n")
    }
}
