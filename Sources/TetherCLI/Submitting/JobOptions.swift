import ArgumentParser
import Foundation
import Jobs

/// A job, from flags, from a file, or from a file with flags written over it.
struct JobOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Devices, group:NAME, tag:NAME, glob patterns such as 'access-*', or all; several separated by commas or spaces. With a file: instead of its targets.",
            valueName: "target"))
    var targets: [String] = []

    @OptionGroup(title: "What to do") var operation: OperationOptions

    @Option(
        name: [.customShort("f"), .customLong("file"), .customLong("job")],
        help: ArgumentHelp(
            "A job as JSON or YAML; - reads standard input, as no targets at all do when that is no terminal. Flags win over its fields.",
            valueName: "file"),
        completion: .file(extensions: ["json", "yaml", "yml"]))
    var file: String?

    @Option(help: ArgumentHelp("Job id, at most 200 bytes. Default: a new one.", valueName: "id"))
    var id: String?

    @Option(
        help: ArgumentHelp(
            "Until when the job is worth doing, from now, as 30s or 2h; waiting counts. Default: the workers', 10m.",
            valueName: "time"))
    var deadline: TimeSpan?

    @Option(help: "What running it again would do. Default: read when every command only reads, else change.")
    var effect: Effect?

    @Option(help: "interactive goes before the bulk tasks that wait for the same device. Default: bulk.")
    var priority: Priority?

    @Option(help: ArgumentHelp("Name of a credential of the workers' store.", valueName: "name"))
    var credential: String?

    @Option(help: ArgumentHelp("Platform of the devices, instead of the inventory's.", valueName: "name"))
    var platform: String?

    @Option(
        name: .customLong("label"),
        help: ArgumentHelp("A label that comes back on every reply. May be repeated.", valueName: "name=value"))
    var labels: [String] = []

    @Option(
        help: ArgumentHelp("Topic for the replies. Default: Tether's own result topic.", valueName: "topic"))
    var replyTo: String?

    /// The job as it is to be sent, held to the contract.
    /// - Parameter stream: output is to be sent while it comes.
    func job(stream: Bool) throws -> Job {
        var document = try self.document()
        let targets = self.targets.flatMap { $0.split(separator: ",") }
        if !targets.isEmpty { document.object["targets"] = .array(targets.map { .string(String($0)) }) }
        if let operation = try self.operation.operation() { document.object["operation"] = .object(operation) }
        func set(_ name: String, _ value: JSONValue?) { if let value { document.object[name] = value } }
        set("id", self.id.map { .string($0) })
        set("deadline", self.deadline?.json)
        set("effect", self.effect.map { .string($0.rawValue) })
        set("priority", self.priority.map { .string($0.rawValue) })
        set("credential", self.credential.map { .string($0) })
        set("platform", self.platform.map { .string($0) })
        set("reply_to", self.replyTo.map { .string($0) })
        if stream { set("stream", .bool(true)) }
        try self.addLabels(to: &document.object)
        do {
            var job = try document.job()
            if job.id == nil { job.id = "job-\(UUID().uuidString.lowercased())" }
            return job
        } catch {
            guard self.isFromFlags else { throw CommandFailure(.invalidInput, error.description) }
            throw ValidationError(error.message)
        }
    }

    private var isFromFlags: Bool { self.file == nil && !self.targets.isEmpty }

    private func document() throws -> JobDocument {
        let hasInput = self.targets.isEmpty && isatty(STDIN_FILENO) == 0
        guard let path = self.file ?? (hasInput ? "-" : nil) else {
            guard !self.targets.isEmpty else {
                throw ValidationError("No targets. Example: tether submit router1 -c 'show version'")
            }
            guard try self.operation.operation() != nil else {
                throw ValidationError(
                    "Nothing to do: commands follow -c. Example: tether submit router1 -c 'show version'")
            }
            return try JobDocument(name: "command line", bytes: Array("{}".utf8))
        }
        do {
            return try JobDocument(path: path)
        } catch let problem as Problem {
            throw CommandFailure(.invalidInput, problem.description)
        }
    }

    private func addLabels(to object: inout JSONObject) throws {
        guard !self.labels.isEmpty else { return }
        var labels = JSONObject()
        if case .object(let written) = object["labels"] { labels = written }
        for label in self.labels {
            guard let separator = label.firstIndex(of: "="), separator != label.startIndex else {
                throw ValidationError("--label takes name=value.")
            }
            labels[String(label[..<separator])] = .string(String(label[label.index(after: separator)...]))
        }
        object["labels"] = .object(labels)
    }
}

extension TimeSpan {
    /// As the contract writes durations: whole milliseconds.
    var json: JSONValue {
        let milliseconds = (self.duration / .milliseconds(1)).rounded()
        return .string("\(Int64(milliseconds))ms")
    }
}

extension Effect: ExpressibleByArgument {}
extension Priority: ExpressibleByArgument {}
