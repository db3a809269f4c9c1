import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import TetherCLI

/// The help of every command, as it is printed, stands in a file of `Help`: what users read changes in a diff, not by accident.
///
/// `TETHER_UPDATE_HELP=1 swift test --filter HelpTests` writes the files anew.
@Suite("Help")
struct HelpTests {
    /// A command's help, with its name as it is typed.
    struct Entry: Sendable, CustomTestStringConvertible {
        var name: String
        var abstract: String
        var discussion: String
        var help: String
        var hasSubcommands: Bool

        var testDescription: String { self.name }
        var file: String { self.name.replacing(" ", with: "-") + ".txt" }

        /// The command and all below it.
        static func all(_ command: any ParsableCommand.Type = Tether.self, under parent: String = "") -> [Entry] {
            let configuration = command.configuration
            let own = configuration.commandName ?? "\(command)".lowercased()
            let entry = Entry(
                name: parent.isEmpty ? own : "\(parent) \(own)", abstract: configuration.abstract,
                discussion: configuration.discussion, help: Tether.helpMessage(for: command, columns: 100) + "\n",
                hasSubcommands: !configuration.subcommands.isEmpty)
            return [entry] + configuration.subcommands.flatMap { Self.all($0, under: entry.name) }
        }
    }

    private static let folder = Repository.root.appendingPathComponent("Tests/CLITests/Help")
    private static let updates = ProcessInfo.processInfo.environment["TETHER_UPDATE_HELP"] == "1"

    @Test("is what its file says", arguments: Entry.all())
    func golden(entry: Entry) throws {
        let file = Self.folder.appendingPathComponent(entry.file)
        if Self.updates { try Data(entry.help.utf8).write(to: file) }
        let expected = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        #expect(entry.help == expected, "TETHER_UPDATE_HELP=1 swift test --filter HelpTests writes \(entry.file) anew")
    }

    @Test("no file is left of a command that is gone")
    func leftovers() throws {
        let expected = Set(Entry.all().map(\.file))
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter {
            $0.hasSuffix(".txt")
        }
        if Self.updates {
            for name in found where !expected.contains(name) {
                try FileManager.default.removeItem(at: Self.folder.appendingPathComponent(name))
            }
        } else {
            #expect(Set(found) == expected)
        }
    }

    @Test("every command says what it does in a sentence, and shows it in an example", arguments: Entry.all())
    func quality(entry: Entry) {
        #expect(entry.abstract.hasSuffix("."))
        guard !entry.hasSubcommands else { return }
        let example = entry.discussion.firstRange(of: "Example")
        #expect(example.map { entry.discussion[$0.upperBound...].contains(entry.name) } == true)
    }

    @Test("a completion script can be made for every shell", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let script = Tether.completionScript(for: try #require(CompletionShell(rawValue: shell)))
        for name in ["submit", "watch", "validate", "cancel-on-interrupt"] { #expect(script.contains(name)) }
    }
}
