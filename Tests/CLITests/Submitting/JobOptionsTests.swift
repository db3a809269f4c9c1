import ArgumentParser
import Foundation
import Jobs
import Testing

@testable import TetherCLI

@Suite("Jobs from flags")
struct JobOptionsTests {
    private func job(_ arguments: String...) throws -> Job { try JobOptions.parse(arguments).job(stream: false) }

    private func inFile<Value>(_ text: String, _ name: String = "job.yaml", _ body: (String) throws -> Value) throws
        -> Value
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-job-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent(name)
        try Data(text.utf8).write(to: file)
        return try body(file.path)
    }

    @Test("every flag has its field")
    func flags() throws {
        let job = try self.job(
            "router1", "group:core", "-c", "show version", "-c", "show clock", "--id", "x", "--deadline", "90s",
            "--effect",
            "idempotent", "--priority", "interactive", "--credential", "netops", "--platform", "cisco_iosxe", "--label",
            "a=b=c",
            "--label", "d=", "--reply-to", "my.replies")
        #expect(
            job
                == Job(
                    id: "x", targets: ["router1", "group:core"],
                    operation: .run([Command("show version"), Command("show clock")]), replyTo: "my.replies",
                    deadline: .after(.seconds(90)), effect: .idempotent, priority: .interactive, credential: "netops",
                    platform: "cisco_iosxe", labels: ["a": "b=c", "d": ""]))
        #expect(try self.job("a", "--probe").id?.hasPrefix("job-") == true)
    }

    @Test("targets may be separated by commas, as with `tether run`")
    func commas() throws {
        #expect(try self.job("a,b", "c", "--probe").targets == ["a", "b", "c"])
    }

    @Test("what to do")
    func operations() throws {
        #expect(try self.job("a", "--probe").operation == .probe)
        #expect(try self.job("a", "--backup").operation == .backup(.init()))
        #expect(try self.job("a", "--sequence", "health").operation == .sequence(.init("health")))
        try self.inFile("interface lo1\n no shutdown\n", "lines.txt") { (file: String) throws -> Void in
            let text = Jobs.Operation.Configure.Lines.text("interface lo1\n no shutdown\n")
            #expect(try self.job("a", "--configure", file).operation == .configure(.init(text)))
            #expect(
                try self.job("a", "--configure", file, "--dry-run").operation
                    == .configure(.init(text, commit: .dryRun)))
            #expect(
                try self.job("a", "--configure", file, "--commit-within", "5m").operation
                    == .configure(.init(text, commit: .within(.seconds(300), confirms: true))))
            #expect(
                try self.job("a", "--upload", "\(file):flash:lines.txt").operation
                    == .upload(
                        .init(.inline(Array("interface lo1\n no shutdown\n".utf8)), remotePath: "flash:lines.txt")))
        }
        #expect(
            try self.job(
                "a", "-c", "show clock", "--check", "UTC", "--check", "/^\\*/", "--check", "!CET", "--check", "!/C.T/"
            )
            .operation
                == .check([
                    Assertion("show clock", .contains("UTC")), Assertion("show clock", .matches("^\\*")),
                    Assertion("show clock", .doesNotContain("CET")), Assertion("show clock", .doesNotMatch("C.T")),
                ]))
    }

    @Test(
        "what doesn't go together is refused",
        arguments: [
            ["a"], ["a", "-c", "x", "--probe"], ["a", "--dry-run", "-c", "x"],
            ["a", "-c", "x", "-c", "y", "--check", "z"],
            ["a", "--check", "z"], ["a", "--upload", "nocolon"], ["a", "-c", "x", "--label", "novalue"],
            ["a", "-c", "x", "--label", "=v"], ["a", "-c", "two\nlines"], ["user:secret@a", "-c", "x"],
            ["a", "-c", "x", "--reply-to", "no topic"],
        ])
    func refused(arguments: [String]) {
        #expect(throws: ValidationError.self) { try JobOptions.parse(arguments).job(stream: false) }
    }

    @Test("flags win over a file's fields, and labels of both come together")
    func overrides() throws {
        let text = """
            id: file
            targets: [from-file]
            operation: {type: probe}
            labels: {a: file, b: file}
            deadline: 1h
            """
        try self.inFile(text) { (file: String) throws -> Void in
            #expect(try self.job("-f", file).targets == ["from-file"])
            let job = try self.job(
                "router1", "-f", file, "--id", "flag", "--label", "b=flag", "-c", "show clock", "--deadline", "1m")
            #expect(job.id == "flag" && job.targets == ["router1"] && job.deadline == .after(.seconds(60)))
            #expect(job.labels == ["a": "file", "b": "flag"])
            #expect(job.operation == .run([Command("show clock")]))
            #expect(try JobOptions.parse(["--job", file]).job(stream: true).stream)
        }
        // A file may leave out what flags give.
        try self.inFile("{\"operation\": {\"type\": \"probe\"}}", "job.json") { (file: String) throws -> Void in
            #expect(try self.job("router1", "--file", file).targets == ["router1"])
        }
    }

    @Test("a mistake in a file has the status of a wrong file")
    func mistakes() throws {
        try self.inFile("targets: [a]\noperation: {type: fly}\n") { (file: String) throws -> Void in
            let error = #expect(throws: CommandFailure.self) { try self.job("-f", file) }
            #expect(error?.status == .invalidInput)
            #expect(error?.description.contains("job.yaml:2: operation.type: ") == true)
        }
        #expect(throws: CommandFailure.self) { try self.job("-f", "/nonexistent.json") }
        #expect(throws: CommandFailure.self) { try self.job("a", "--configure", "/nonexistent.txt") }
    }
}

extension Assertion {
    fileprivate init(_ command: String, _ condition: Condition) { self.init(Command(command), condition) }
}
