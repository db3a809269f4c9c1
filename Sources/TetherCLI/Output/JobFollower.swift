import Foundation
import Jobs
import Kafka

/// Follows one job on its reply topic: prints what comes, counts it, and knows when it is over.
struct JobFollower {
    enum Ending { case succeeded, failed, incomplete }

    private let id: String
    private let printsJSON: Bool
    private let showsProgress: Bool
    private let started = ContinuousClock.now
    private var expected: Int?
    private var finished: Set<String> = []
    private var isFinished = false
    private var outcomes: [Outcome: Int] = [:]
    private var rejection: ErrorDescription?
    private var streamed: Set<String> = []

    init(id: String, printsJSON: Bool) {
        self.id = id
        self.printsJSON = printsJSON
        self.showsProgress = !printsJSON && Console.errorIsTerminal
    }

    private var isOver: Bool {
        self.rejection != nil || self.isFinished || (self.expected.map { self.finished.count >= $0 } ?? false)
    }

    var ending: Ending {
        guard self.isOver, self.rejection != nil || self.finished.count >= self.expected ?? 0 else {
            return .incomplete
        }
        return self.rejection == nil && (self.outcomes[.succeeded] ?? 0) == self.finished.count ? .succeeded : .failed
    }

    mutating func follow(_ reader: KafkaReader, until deadline: ContinuousClock.Instant) async throws {
        let key = Array(self.id.utf8)
        while !self.isOver && ContinuousClock.now < deadline {
            for record in try await reader.next(timeout: .milliseconds(250)) where record.key == key {
                guard let value = record.value, let reply = try? Reply(decoding: value) else { continue }
                if self.showsProgress { Console.progress("") }
                if self.printsJSON { Console.write(value + [0x0A]) }
                self.take(reply)
            }
            if self.showsProgress { self.drawProgress() }
        }
        if self.showsProgress { Console.progress("") }
    }

    private mutating func take(_ reply: Reply) {
        switch reply {
        case .accepted(let accepted):
            self.expected = accepted.tasks
        case .rejected(let rejected):
            self.rejection = rejected.error
        case .finished(let finished):
            // With every result counted here already; or some are missing, and not to be waited for.
            self.isFinished = true
            self.expected = self.expected ?? finished.tasks
        case .output(let output):
            guard !self.printsJSON else { return }
            self.streamed.insert(output.task)
            for line in String(decoding: output.bytes, as: UTF8.self).split(
                separator: "\n", omittingEmptySubsequences: false)
            {
                Console.write("\(output.device) │ \(line)\n")
            }
        case .result(let result):
            // A second terminal record of a task (redelivered) doesn't count.
            guard self.finished.insert(result.task).inserted else { return }
            self.outcomes[result.outcome, default: 0] += 1
            if !self.printsJSON { self.show(result) }
        }
    }

    private func show(_ result: DeviceResult) {
        var text = "── \(result.device) · \(result.outcome.rawValue) · \(Console.time(result.timing.executed))"
        if let error = result.error { text += " · \(error.code): \(error.message)" }
        text += "\n"
        if !self.streamed.contains(result.task) {
            for command in result.commands {
                if result.commands.count > 1 { text += "> \(command.command)\n" }
                guard let output = command.output, !output.isEmpty else { continue }
                text += String(decoding: output, as: UTF8.self)
                if output.last != 0x0A { text += "\n" }
            }
        }
        Console.write(text)
    }

    private func drawProgress() {
        let total = self.expected.map(String.init) ?? "?"
        let failed = self.finished.count - (self.outcomes[.succeeded] ?? 0)
        Console.progress(
            "\(self.finished.count)/\(total) devices, \(failed) not succeeded, \(Console.time(.now - self.started))")
    }

    func summarise() {
        guard !self.printsJSON else { return }
        if let rejection {
            Console.error("rejected: \(rejection.code): \(rejection.message)")
            return
        }
        let counts = Outcome.allCases.compactMap { outcome in
            self.outcomes[outcome].map { "\($0) \(outcome.rawValue)" }
        }
        let missing = (self.expected ?? 0) - self.finished.count
        var text = "job \(self.id): " + (counts.isEmpty ? "no results" : counts.joined(separator: ", "))
        if self.expected == nil { text += " (the job was not accepted in time: is a worker running?)" }
        if missing > 0 { text += ", \(missing) missing" }
        Console.error(text + " in \(Console.time(.now - self.started))")
    }
}
