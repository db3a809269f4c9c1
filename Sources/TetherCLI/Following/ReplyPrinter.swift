import Jobs

/// What a reply looks like. Pure: replies go in, bytes for standard output come out.
struct ReplyPrinter {
    /// Reply records as they are on the topic, one a line.
    var asJSON = false
    /// Commands' output too, not only what became of it.
    var showsOutput = true
    /// Replies of several jobs are shown: each line says of which.
    var showsJob = false
    /// `accepted` and `finished` are shown. The counts in the summary say the same to whoever waits for one job.
    var showsCourse = false
    var stream: StandardStream

    private var lines = LinePrefixer()
    /// Tasks whose output was shown while it came.
    private var streamed: Set<String> = []

    init(stream: StandardStream = Console.output) {
        self.stream = stream
    }

    /// - Parameter record: the reply as it was received.
    mutating func text(of reply: Reply, record: [UInt8]) -> [UInt8] {
        guard !self.asJSON else { return record + [UInt8(ascii: "\n")] }
        switch reply {
        case .accepted(let accepted):
            guard self.showsCourse else { return [] }
            let what =
                accepted.duplicate
                ? "its id was used before; nothing new was begun"
                : "\(accepted.tasks) tasks, \(accepted.devices) devices"
            return self.line("accepted", of: accepted.job, what)
        case .rejected(let rejected):
            guard self.showsCourse else { return [] }
            return self.line(
                self.stream.styled("rejected", .bad), of: rejected.job,
                "\(rejected.error.code): \(self.oneLine(rejected.error.message))")
        case .finished(let finished):
            guard self.showsCourse else { return [] }
            let counts = Outcome.allCases.compactMap { outcome in
                finished.outcomes[outcome] > 0 ? "\(finished.outcomes[outcome]) \(outcome.rawValue)" : nil
            }
            let missing = finished.missing > 0 ? ["\(finished.missing) missing"] : []
            return self.line(
                "finished", of: finished.job,
                "\((counts + missing).joined(separator: ", ")) in \(Console.time(finished.elapsed))")
        case .output(let output):
            guard self.showsOutput else { return [] }
            self.streamed.insert(output.task)
            return self.lines.append(output.bytes, of: output.task).flatMap { self.line($0, of: output.device) }
        case .result(let result): return self.text(of: result)
        }
    }

    private mutating func text(of result: DeviceResult) -> [UInt8] {
        var text: [UInt8] = []
        if let rest = self.lines.finish(result.task) { text += self.line(rest, of: result.device) }
        let wasStreamed = self.streamed.remove(result.task) != nil
        var parts = [self.stream.styled(self.oneLine(result.device), .strong)]
        if self.showsJob { parts.append(self.oneLine(result.job)) }
        parts.append(self.stream.styled(result.outcome.rawValue, result.outcome.style))
        parts.append(Console.time(result.timing.executed))
        if let error = result.error { parts.append("\(error.code): \(self.oneLine(error.message))") }
        text += Array("── \(parts.joined(separator: " · "))\n".utf8)
        guard self.showsOutput else { return text }
        if !wasStreamed {
            for command in result.commands {
                if result.commands.count > 1 {
                    text += Array(self.stream.styled("> \(self.oneLine(command.command))", .faint).utf8)
                    text.append(UInt8(ascii: "\n"))
                }
                guard let output = command.output, !output.isEmpty else { continue }
                text += self.stream.shown(output)
                if output.last != UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
            }
        }
        for line in result.detail?.lines ?? [] { text += Array("\(self.stream.shown(line))\n".utf8) }
        return text
    }

    private func line(_ bytes: [UInt8], of device: String) -> [UInt8] {
        let prefix = self.stream.styled("\(self.oneLine(device)) │", .faint)
        return Array("\(prefix) ".utf8) + self.stream.shown(bytes) + [UInt8(ascii: "\n")]
    }

    private func line(_ type: String, of job: String, _ what: String) -> [UInt8] {
        Array("── \(self.oneLine(job)) · \(type) · \(what)\n".utf8)
    }

    /// Names and messages stay on their line, on a terminal and off it.
    private func oneLine(_ text: String) -> String { TerminalText.escapedLine(text) }
}

extension OperationDetail {
    /// What people want to know of it; text of the device's is in it.
    var lines: [String] {
        switch self {
        case .configure(let detail):
            var lines = ["configuration: \(detail.state.rawValue.replacing("_", with: " ")), \(detail.lines) lines"]
            if let failed = detail.failedLine { lines.append("refused line \(failed.index + 1): \(failed.line)") }
            if let diff = detail.diff, !diff.isEmpty { lines.append(diff.trimmingLastLineEnd) }
            return lines
        case .upload(let detail), .download(let detail):
            var line = "\(detail.remotePath): \(detail.size) bytes, sha256 \(detail.sha256)"
            if let file = detail.file { line += ", in the workers' artifacts as \(file)" }
            if detail.wasPut { line += ", put to its address" }
            return [line]
        case .backup(let detail):
            return detail.file.map { ["\(detail.size) bytes, in the workers' artifacts as \($0)"] } ?? []
        case .diff(let detail):
            guard detail.added + detail.removed > 0 else { return ["no difference"] }
            return [detail.unified.trimmingLastLineEnd] + (detail.isCut ? ["(cut)"] : [])
        case .check(let detail):
            return detail.findings.map { finding in
                "\(finding.failure == nil ? "holds" : "FAILS"): \(finding.name ?? finding.command)"
                    + (finding.failure.map { ": \($0)" } ?? "")
            }
        case .steps(let steps):
            return steps.flatMap { step in ["step \(step.type): \(step.outcome.rawValue)"] + (step.detail?.lines ?? [])
            }
        }
    }
}

extension String {
    fileprivate var trimmingLastLineEnd: String { self.hasSuffix("\n") ? String(self.dropLast()) : self }
}
