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

            From here, without Kafka:
              tether run --inventory inventory.yaml router1 'show version'
            Through Kafka and the workers:
              tether submit group:core -c 'show version'
            """,
        version: "0.1.0",
        subcommands: [
            WorkerCommand.self, SubmitCommand.self, WatchCommand.self, CancelCommand.self, ValidateCommand.self,
            RunCommand.self, InventoryCommand.self, TopicsCommand.self, CloseCommand.self, DrainCommand.self,
            ConfigCommand.self, SealCommand.self, KeysCommand.self,
        ]
    )

    static func main() async {
        var command: any ParsableCommand
        do {
            command = try await Self.asyncParseAsRoot()
        } catch {
            Self.end(with: error)
        }
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as ValidationError {
            // The parser would show how `tether` is used, not the command that was.
            self.say(error)
            Console.error("See '\(self.name(of: type(of: command))) --help'.")
            Self.exit(withError: ExitStatus.usage.code)
        } catch {
            Self.end(with: error)
        }
    }

    /// As it is typed: `tether inventory check`.
    static func name(of command: any ParsableCommand.Type) -> String { self.name(of: command, below: self) ?? "tether" }

    private static func name(of command: any ParsableCommand.Type, below parent: any ParsableCommand.Type) -> String? {
        let own = parent.configuration.commandName ?? "\(parent)".lowercased()
        if command == parent { return own }
        return parent.configuration.subcommands.lazy.compactMap { self.name(of: command, below: $0) }.first
            .map { "\(own) \($0)" }
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
            return "  " + String(repeating: " ", count: 3 - number.count) + "\(number)  "
                + self.folded(status.meaning, indent: 7).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    /// Lines of at most 78 columns, the second and later ones indented: the parser's own folding begins them at the margin.
    private static func folded(_ text: String, indent: Int) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if indent + line.count + 1 + word.count <= 78 {
                lines[lines.count - 1] = "\(line) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return [lines[0]] + lines.dropFirst().map { String(repeating: " ", count: indent) + $0 }
    }
}
