import Dialogue

/// Something that is to hold for a command's output.
public struct OutputAssertion: Sendable, Hashable {
    public enum Condition: Sendable, Hashable {
        case contains(String)
        case doesNotContain(String)
        /// A regular expression (PCRE, without regard to case; `^` and `$` are the ends of lines).
        case matches(String)
        case doesNotMatch(String)
        /// The whole output, blanks and line ends at its ends aside.
        case equals(String)
    }

    public var command: DeviceCommand
    public var condition: Condition
    /// What it is about, for reports.
    public var name: String?

    public init(_ command: DeviceCommand, _ condition: Condition, name: String? = nil) {
        self.command = command
        self.condition = condition
        self.name = name
    }
}

/// What came of a check.
public struct CheckResult: Sendable {
    public struct Finding: Sendable {
        public var assertion: OutputAssertion
        /// Why it doesn't hold; `nil` when it does.
        public var failure: String?
        public var passed: Bool { self.failure == nil }
    }

    /// One for each assertion, in order.
    public var findings: [Finding]
    /// The commands' answers, each command once.
    public var results: [CommandResult]

    public var failures: [Finding] { self.findings.filter { !$0.passed } }
    public var passed: Bool { self.findings.allSatisfy(\.passed) }
}

extension DeviceSession {
    /// Runs the assertions' commands, each once, and says which assertions hold. One about a command that the device rejects does not.
    ///
    /// - Throws: `command.invalid`, also for a bad regular expression, before anything is sent; or why there is no complete answer.
    public func check(_ assertions: [OutputAssertion]) async throws(DeviceError) -> CheckResult {
        var patterns: [String: Pattern] = [:]
        var commands: [DeviceCommand] = []
        for assertion in assertions {
            try self.check(assertion.command)
            _ = try assertion.command.options(on: self.plan.platform, device: self.device.name)
            if !commands.contains(assertion.command) { commands.append(assertion.command) }
            switch assertion.condition {
            case .matches(let source), .doesNotMatch(let source):
                do throws(PatternError) {
                    patterns[source] = try Pattern(source)
                } catch {
                    throw DeviceCommand.invalid(self.device.name, "\(error)")
                }
            case .contains, .doesNotContain, .equals: break
            }
        }
        let asked = commands
        let answers = try await self.withTurn { turn throws(DeviceError) in
            var answers: [DeviceCommand: CommandResult] = [:]
            for command in asked { answers[command] = try await self.run(command, in: turn) }
            return answers
        }
        let compiled = patterns
        let findings = try await self.apart {
            assertions.map { assertion in
                CheckResult.Finding(
                    assertion: assertion,
                    failure: answers[assertion.command].flatMap { assertion.failure(in: $0, compiled) })
            }
        }
        return CheckResult(findings: findings, results: asked.compactMap { answers[$0] })
    }
}

extension OutputAssertion {
    func failure(in answer: CommandResult, _ patterns: [String: Pattern]) -> String? {
        if let failure = answer.failure { return "the device rejected \(quoted(answer.command)): \(failure)" }
        switch self.condition {
        case .contains(let text):
            return answer.text.contains(text) ? nil : "the output doesn't contain \(quoted(text))"
        case .doesNotContain(let text):
            guard let line = answer.text.split(whereSeparator: \.isNewline).first(where: { $0.contains(text) }) else {
                return answer.text.contains(text) ? "the output contains \(quoted(text))" : nil
            }
            return "the output contains \(quoted(text)): \(line.prefix(200))"
        case .matches(let source):
            switch patterns[source]?.firstMatch(in: answer.output) {
            case .matched: return nil
            case .abandoned: return Self.abandoned(source)
            case .noMatch, nil: return "nothing in the output matches \(quoted(source))"
            }
        case .doesNotMatch(let source):
            switch patterns[source]?.firstMatch(in: answer.output) {
            case .matched(let range):
                return
                    "the output matches \(quoted(source)): \(String(decoding: answer.output[range].prefix(200), as: UTF8.self))"
            // Nobody knows: that is no proof.
            case .abandoned: return Self.abandoned(source)
            case .noMatch, nil: return nil
            }
        case .equals(let text):
            let (old, new) = (Self.trimmed(text), Self.trimmed(answer.text))
            guard old != new else { return nil }
            return "the output differs:\n" + TextDifference(from: old, to: new).unified(from: "expected", to: "output")
        }
    }

    private static func abandoned(_ source: String) -> String {
        "\(quoted(source)) takes too long on this output: make it simpler"
    }

    /// Blanks and line ends at both ends removed, and every line end a line feed.
    private static func trimmed(_ text: String) -> String {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).joined(separator: "\n")
        return String(lines.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
