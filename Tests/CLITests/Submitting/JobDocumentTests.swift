import Foundation
import Jobs
import TestSupport
import Testing

@testable import TetherCLI

@Suite("Jobs from files")
struct JobDocumentTests {
    private func document(_ text: String, _ name: String = "job.yaml") throws -> JobDocument {
        try JobDocument(name: name, bytes: Array(text.utf8))
    }

    /// What is wrong with a text, as it is printed.
    private func problem(_ text: String, _ name: String = "job.yaml") -> String {
        do {
            _ = try self.document(text, name).job()
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test("a job in YAML is the same as in JSON")
    func yaml() throws {
        let yaml = """
            id: nightly   # with a comment
            targets: [router1, "group:core", 'tag:edge']
            deadline: 10m
            stream: true
            labels: {ticket: "1234", window: "on"}
            operation:
              type: run
              commands:
                - show version
                - {command: show interfaces, timeout: 2m}
                - "no"
                - |-
                  show clock
            """
        let job = try self.document(yaml).job()
        #expect(job.id == "nightly" && job.targets == ["router1", "group:core", "tag:edge"] && job.stream)
        #expect(job.deadline == .after(.seconds(600)))
        #expect(job.labels == ["ticket": "1234", "window": "on"])
        #expect(
            job.operation
                == .run([
                    Command("show version"), Command("show interfaces", timeout: .seconds(120)), Command("no"),
                    Command("show clock"),
                ]))
    }

    @Test("every example of a job reads the same as JSON and as YAML")
    func examples() throws {
        var count = 0
        for (name, bytes) in try Repository.exampleRecords() where name.hasPrefix("job") {
            let expected = try Job(decoding: bytes)
            #expect(try JobDocument(name: name, bytes: bytes).job() == expected, "\(name)")
            // JSON is YAML, so that the other reader takes it too.
            #expect(try JobDocument(name: "job.yaml", bytes: bytes).job() == expected, "\(name)")
            count += 1
        }
        #expect(count > 10)
    }

    @Test("what a text is, its name says, or else its first character")
    func kinds() throws {
        let yaml = "targets: [a]\noperation: {type: probe}\n"
        let json = "\n {\"targets\": [\"a\"], \"operation\": {\"type\": \"probe\"}}"
        for name in ["standard input", "job", "job.txt"] {
            #expect(try self.document(yaml, name).job().targets == ["a"])
            #expect(try self.document(json, name).job().targets == ["a"])
        }
        #expect(self.problem(yaml, "job.json").hasPrefix("job.json:1: column 1: "))
    }

    @Test("a mistake is told with its file, line and field")
    func mistakes() {
        #expect(
            self.problem(
                "targets: [a]\noperation:\n  type: run\n  commands:\n    - show version\n    - {command: x, timeout: soon}\n"
            )
            .hasPrefix("job.yaml:6: operation.commands[1].timeout: "))
        #expect(self.problem("targets: [a]\noperation:\n  type: run\n").hasPrefix("job.yaml:2: operation.commands: "))
        #expect(self.problem("\n\noperation: {type: probe}\n").hasPrefix("job.yaml: targets: "))
        #expect(
            self.problem("targets: [a]\noperation: {type: probe}\nlabels:\n  a b: 1\n").hasPrefix(
                "job.yaml:4: labels[\"a b\"]: "))
        #expect(
            self.problem("{\n  \"targets\": [\"a\"],\n  \"operation\": {\"type\": \"prob\"}\n}", "job.json")
                .hasPrefix("job.json:3: operation.type: "))
        #expect(self.problem("{\n  \"targets\": [\"a\"],,\n}", "job.json").hasPrefix("job.json:2: column 20: "))
        #expect(self.problem("targets: [a\noperation: x\n").hasPrefix("job.yaml:2: column "))
        #expect(self.problem("targets: [a]\ntargets: [b]\n").contains("this key twice: targets"))
        #expect(self.problem("").hasPrefix("job.yaml: is empty"))
        #expect(self.problem("[1, 2]\n").hasPrefix("job.yaml:1: expected an object"))
        #expect(self.problem("targets: *a\n").hasPrefix("job.yaml"))
    }

    @Test("a file that isn't there, isn't text, or unfolds into too much is an error, too")
    func unusable() throws {
        #expect(throws: Problem.self) { try JobDocument(path: "/nonexistent/job.yaml") }
        #expect(throws: Problem.self) { try JobDocument(name: "job.yaml", bytes: [0xFF, 0xFE]) }
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...6 {
            let alias = "*a\(level - 1)"
            bomb += "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
        }
        #expect(self.problem(bomb).contains("holds too much"))
    }

    @Test(
        "paths of fields",
        arguments: [
            ("targets: expected", "targets"), ("operation.commands[1].timeout: x", "operation.commands[1].timeout"),
            ("labels[\"a b\"]: x", "labels[\"a b\"]"),
        ])
    func paths(message: String, path: String) {
        #expect(FieldPath.split(message).path == FieldPath(path))
        #expect(FieldPath(path) != nil)
    }

    @Test(
        "no path",
        arguments: [
            "", "not a path", "a..b", "a.", "[x]", "a[", ".a", "a[-1]", "expected either \"lines\" or \"text\"",
        ])
    func noPath(text: String) {
        #expect(FieldPath(text) == nil)
    }
}

@Suite("Fields that workers ignore")
struct FieldInspectionTests {
    @Test("are those that the schema of jobs doesn't have")
    func schema() throws {
        struct Schema: Decodable { var properties: [String: Property] }
        struct Property: Decodable {
            var type: String?
            /// What may not be there has to be `null`.
            var isAllowed: Bool { self.type != "null" }
            private enum CodingKeys: CodingKey { case type }
            init(from decoder: any Decoder) throws {
                let fields = try decoder.container(keyedBy: CodingKeys.self)
                self.type = try? fields.decode(String.self, forKey: .type)
            }
        }
        let file = Repository.schemas.appendingPathComponent("job.schema.json")
        let schema = try JSONDecoder().decode(Schema.self, from: Data(contentsOf: file))
        #expect(Set(FieldInspection.known) == Set(schema.properties.filter(\.value.isAllowed).keys))
    }

    @Test("are warned of, with the line and what was probably meant")
    func warning() throws {
        let text = "targets: [a]\noperation: {type: probe}\ndeadlin: 10m\ncomment: hello\n"
        let document = try JobDocument(name: "job.yaml", bytes: Array(text.utf8))
        let problems = FieldInspection().inspect(try document.job(), in: document).problems
        #expect(
            problems.map(\.description) == [
                "job.yaml:3: warning: deadlin: workers ignore this field (did you mean deadline?)",
                "job.yaml:4: warning: comment: workers ignore this field",
            ])
    }
}
