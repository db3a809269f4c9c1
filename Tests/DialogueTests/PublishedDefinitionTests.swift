import Dialogue
import Foundation
import Testing

/// Reads scrapli's published definitions, which aren't part of this repository. With `TETHER_SCRAPLI_DEFINITIONS` set to the directory of their
/// YAML files, these tests run; where the definitions' own tests lie in `tests` beside it, their prompts are tried too.
@Suite(
    "Published definitions",
    .enabled(if: ProcessInfo.processInfo.environment["TETHER_SCRAPLI_DEFINITIONS"] != nil)
)
struct PublishedDefinitionTests {
    static let directory = ProcessInfo.processInfo.environment["TETHER_SCRAPLI_DEFINITIONS"]

    private func files() throws -> [String] {
        let directory = try #require(Self.directory)
        return try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".yaml") }.sorted()
    }

    private func definition(_ file: String) throws -> PlatformDefinition {
        let path = try #require(Self.directory) + "/" + file
        return try PlatformDefinition(yaml: try String(contentsOfFile: path, encoding: .utf8), file: path)
    }

    @Test("every published definition loads")
    func load() throws {
        let files = try self.files()
        #expect(!files.isEmpty)
        var notes: [String] = []
        for file in files {
            let definition = try self.definition(file)
            #expect(definition.name == file.replacing(".yaml", with: ""))
            notes += definition.notes
        }
        print("published definitions: \(files.count) loaded, \(notes.count) with a note: \(notes)")
        // A directory of the user's, as it is.
        let library = try PlatformLibrary(directory: Self.directory)
        #expect(library.names.count >= files.count)
    }

    @Test("the prompts that the published definitions are tested with are recognised, with their modes")
    func prompts() throws {
        var count = 0
        var otherModes: [String] = []
        for file in try self.files() {
            let definition = try self.definition(file)
            for (mode, prompt) in try self.prompts(of: file) {
                count += 1
                let machine = self.signOn(definition, prompt)
                #expect(machine != nil, "\(file): \(prompt.debugDescription) is no prompt")
                // Where a prompt fits several modes, the first of the file counts until another is entered.
                if let found = machine?.modeName, found != mode { otherModes.append("\(file) \(mode) → \(found)") }
                if machine?.modeName == nil, file != "default.yaml" {
                    Issue.record("\(file): \(prompt.debugDescription) has no mode")
                }
            }
        }
        print(
            "published definitions: \(count) prompts, \(otherModes.count) that fit an earlier mode too: \(otherModes)")
    }

    @Test("the shipped definitions recognise these prompts too")
    func shippedPrompts() throws {
        let library = try PlatformLibrary()
        var count = 0
        var unknown: [String] = []
        for file in try self.files() {
            guard let definition = library.platform(named: file.replacing(".yaml", with: "")),
                definition.transport == .terminal
            else {
                continue
            }
            for (_, prompt) in try self.prompts(of: file) {
                count += 1
                let machine = self.signOn(definition, prompt)
                if machine?.modeName == nil { unknown.append("\(definition.name) \(prompt.debugDescription)") }
            }
        }
        print("shipped definitions: \(count) published prompts tried, \(unknown.count) not known: \(unknown)")
        #expect(unknown.count * 5 < count)
    }

    /// The machine after a first prompt, or nothing if the prompt wasn't taken for one at once.
    private func signOn(_ definition: PlatformDefinition, _ prompt: String) -> DialogueMachine? {
        var machine = DialogueMachine(platform: definition, hasEnableSecret: true)
        var actions: [DialogueMachine.Action] = []
        machine.opened(&actions)
        Array(prompt.replacing("\n", with: "\r\n").utf8).withUnsafeBytes { machine.received($0, &actions) }
        guard case .startTimer(let duration)? = actions.last, duration <= .milliseconds(300) else { return nil }
        machine.timerFired(&actions)
        if duration > .zero {
            Array(("\r\n" + prompt.replacing("\n", with: "\r\n")).utf8).withUnsafeBytes {
                machine.received($0, &actions)
            }
            machine.timerFired(&actions)
        }
        return machine
    }

    /// Mode and prompt of each case in a definition's own test, a Python file.
    private func prompts(of file: String) throws -> [(mode: String, prompt: String)] {
        let directory = URL(fileURLWithPath: try #require(Self.directory))
        let name = "test_" + file.replacing(".yaml", with: ".py")
        let path = directory.deletingLastPathComponent().appendingPathComponent("tests").appendingPathComponent(name)
        guard let source = try? String(contentsOf: path, encoding: .utf8) else { return [] }
        let expression = try Regex<(Substring, Substring, Substring)>(
            #"\(\s*"[^"]*",\s*"([^"]*)",\s*(?:#[^\n]*\s*)?"((?:[^"\\]|\\.)*)",?[^()]{0,80}?\)"#)
        // The cases stand before the first function; what follows only names their parts.
        let end = source.firstRange(of: "@pytest")?.lowerBound ?? source.endIndex
        return String(source[..<end]).matches(of: expression).map { match in
            (
                String(match.output.1),
                String(match.output.2).replacing(#"\n"#, with: "\n").replacing(#"\\"#, with: #"\"#)
            )
        }
    }
}
