import Foundation
import Lab
import TestSupport
import Testing

/// What the manifests, the unit and the articles type is what the program takes.
@Suite("Options in manifests and articles")
struct OptionTests {
    /// What a program says of itself, or of one of its commands.
    private func help(_ program: String, _ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = try SiblingProgram.url(program)
        process.arguments = command + ["--help"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    /// The options of a program's command and its subcommands, by their own help.
    private func options(of program: String, _ command: [String] = []) throws -> Set<String> {
        let text = try self.help(program, command)
        var options = Set(text.matches(of: #/--[a-z][a-z-]+/#).map { String($0.output) })
        let list = text.components(separatedBy: "SUBCOMMANDS:\n").dropFirst().first ?? ""
        for line in list.components(separatedBy: "\n") {
            guard let name = line.firstMatch(of: #/^\ \ ([a-z][a-z-]*)/#)?.output.1 else { continue }
            options.formUnion(try self.options(of: program, command + [String(name)]))
        }
        return options
    }

    @Test("every option of the manifests and the articles exists")
    func existing() throws {
        let tether = try self.options(of: "tether")
        #expect(tether.contains("--inventory") && tether.contains("--partitions"))
        let known = try ["tether-faults", "tether-lab"].reduce(tether) { known, program in
            known.union(try self.options(of: program))
        }
        let deploy = Repository.root.appendingPathComponent("deploy")
        var files = [
            "compose.yaml", "kubernetes/statefulset.yaml", "kubernetes/topics.yaml", "systemd/tether-worker@.service",
        ]
        .map { deploy.appendingPathComponent($0) }
        for catalogue in ["Worker/Worker.docc", "Dialogue/Dialogue.docc"] {
            files += try Repository.files(in: Repository.sources.appendingPathComponent(catalogue), suffix: ".md")
        }
        // Of other programs, in the same lines of shell.
        let others: Set = [
            "--build", "--profile", "--rm", "--since", "--from-file", "--describe", "--group", "--state", "--members",
            "--now",
            "--filter", "--bootstrap-server", "--list",
            "--config", "--storage", "--tool",
        ]
        for file in files {
            for match in try String(contentsOf: file, encoding: .utf8).matches(
                of: #/(?:^|[\s`"'\[=(])(--[a-z][a-z-]+)/#)
            {
                let option = String(match.output.1)
                #expect(
                    known.contains(option) || others.contains(option), "\(file.lastPathComponent): no option \(option)")
            }
        }
    }

    @Test("every article that another one links to exists")
    func links() throws {
        for catalogue in ["Worker/Worker.docc", "Dialogue/Dialogue.docc"] {
            let articles = try Repository.files(
                in: Repository.sources.appendingPathComponent(catalogue), suffix: ".md")
            let names = Set(articles.map { $0.deletingPathExtension().lastPathComponent })
            for article in articles {
                let text = try String(contentsOf: article, encoding: .utf8)
                let headings = Set(
                    text.components(separatedBy: "\n").filter { $0.hasPrefix("##") }.map {
                        $0.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
                    })
                for match in text.matches(of: #/<doc:(#?)([A-Za-z-]+)>/#) {
                    let target = String(match.output.2)
                    #expect(
                        match.output.1.isEmpty ? names.contains(target) : headings.contains(target),
                        "\(article.lastPathComponent): no \(target)")
                }
            }
        }
    }
}
