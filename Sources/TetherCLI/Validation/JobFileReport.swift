import Jobs

/// What `tether validate` says of one file.
struct JobFileReport {
    var file: String
    /// `nil`: it doesn't keep the contract.
    var job: Job?
    var findings = JobFindings()

    init(file: String) {
        self.file = file
    }

    var problems: [Problem] { self.findings.problems }
    private var isRight: Bool { !self.problems.contains { $0.severity == .error } }

    // MARK: For people

    func print() {
        for problem in self.problems { Console.error(TerminalText.escapedLine(problem.description)) }
        guard let job, self.isRight else { return }
        var words = [self.what(job)]
        if let devices = self.findings.devices { words.append("\(devices) device\(devices == 1 ? "" : "s")") }
        Console.line(
            "\(TerminalText.escapedLine(self.file)): \(Console.output.styled("valid", .good)): \(words.joined(separator: ", "))"
        )
        guard !self.findings.plans.isEmpty else { return }
        var table = Table([
            .init("platform"), .init("devices", .right), .init("effect"), .init("because of", shrinks: true),
        ])
        for plan in self.findings.plans {
            table.add([
                .init(plan.platform), "\(plan.devices)",
                .init(plan.effect.rawValue, plan.effect == .change ? .warning : nil),
                .init(plan.changes.joined(separator: "; ")),
            ])
        }
        table.print()
    }

    private func what(_ job: Job) -> String {
        switch job.operation {
        case .run(let commands): "run \(commands.count) command\(commands.count == 1 ? "" : "s")"
        case .sequence(let sequence): "sequence \(TerminalText.escapedLine(sequence.name))"
        case .check(let assertions): "check \(assertions.count) assertion\(assertions.count == 1 ? "" : "s")"
        case .steps(let steps): steps.map(\.type).joined(separator: ", then ")
        default: job.operation.type
        }
    }

    // MARK: For programs

    func printJSON() {
        Console.json { writer in
            writer.object { writer in
                writer.field("file", self.file)
                writer.field("valid", bool: self.isRight)
                writer.name("problems")
                writer.array(self.problems) { writer, problem in writer.object { Self.write(problem, to: &$0) } }
                if let devices = self.findings.devices {
                    writer.field("devices", devices)
                    writer.name("unknown")
                    writer.array(self.findings.unknown) { $0.string($1) }
                    writer.name("platforms")
                    writer.array(self.findings.plans) { writer, plan in writer.object { Self.write(plan, to: &$0) } }
                }
            }
        }
    }

    private static func write(_ problem: Problem, to writer: inout JSONWriter) {
        writer.field("severity", problem.severity.rawValue)
        if let line = problem.line {
            writer.field("line", line)
        }
        if let code = problem.code {
            writer.field("code", code)
        }
        writer.field("message", problem.message)
    }

    private static func write(_ plan: JobFindings.PlatformPlan, to writer: inout JSONWriter) {
        writer.field("platform", plan.platform)
        writer.field("devices", plan.devices)
        writer.field("effect", plan.effect.rawValue)
        writer.name("changes")
        writer.array(plan.changes) { $0.string($1) }
    }
}
