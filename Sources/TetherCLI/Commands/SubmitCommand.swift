import ArgumentParser
import Foundation
import Jobs
import Kafka
import Logging
import Worker

struct SubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Send a job and show its results as they come.",
        discussion: """
            On a terminal a progress line runs along; elsewhere, and with --json, only results are printed, one line each with --json.

            Exit status: 0 every task succeeded; 1 at least one didn't, or the job was rejected; 3 results are missing after the deadline; \
            64 the command line or the job is wrong.

            Examples:
              tether submit --kafka localhost:9092 group:core -c 'show version' -c 'show clock'
              tether submit --kafka localhost:9092 --job job.json --json
            """
    )

    @OptionGroup var kafka: KafkaOptions
    @OptionGroup var log: LogOptions

    @Argument(help: "Devices, group:NAME, tag:NAME, glob patterns, or all.")
    var targets: [String] = []
    @Option(name: [.customShort("c"), .customLong("command")], help: "A command to run; several are run in order.")
    var commands: [String] = []
    @Option(
        help: ArgumentHelp("A job as JSON, instead of targets and commands; - reads standard input.", valueName: "file")
    )
    var job: String?
    @Option(help: "Job id. Default: a new one.")
    var id: String?
    @Option(help: "Topic for the replies. Default: Tether's own result topic.")
    var replyTo: String?
    @Option(help: "Until when the job is worth doing, from now: 30s, 10m, 2h.")
    var deadline: TimeSpan?
    @Option(help: "read, idempotent or change. Default: read when every command only reads.")
    var effect: String?
    @Option(help: "Name of a credential of the workers' store.")
    var credential: String?
    @Flag(help: "Send output while it comes.")
    var stream = false
    @Flag(help: "Print replies as they are on the topic, one JSON record a line.")
    var json = false
    @Flag(inversion: .prefixedNo, help: "Wait for the results.")
    var wait = true

    func run() async throws {
        var job = try self.readJob()
        if job.id == nil { job.id = "job-\(UUID().uuidString.lowercased())" }
        let id = job.id ?? ""
        let logger = self.log.logger("tether.submit")
        let configuration = try self.kafka.configuration()
        let topic = job.replyTo ?? self.kafka.topics.results
        let reader = self.wait ? try await KafkaReader(configuration, topic: topic, from: .end, logger: logger) : nil

        var value: [UInt8] = []
        job.encode(into: &value)
        let producer = try KafkaProducer(configuration, logger: logger)
        let position: (partition: Int32, offset: Int64)
        do {
            position = try await producer.send(
                acknowledged: ProducerRecord(topic: self.kafka.topics.jobs, key: Array(id.utf8), value: value)
            )
        } catch {
            await producer.close()
            await reader?.close()
            throw error
        }
        await producer.close()
        logger.debug("job written", metadata: ["partition": "\(position.partition)", "offset": "\(position.offset)"])
        guard let reader else {
            print(id)
            return
        }
        var follower = JobFollower(id: id, printsJSON: self.json)
        let patience = self.patience(for: job)
        do {
            try await follower.follow(reader, until: .now + patience)
        } catch {
            await reader.close()
            throw error
        }
        await reader.close()
        follower.summarise()
        switch follower.ending {
        case .succeeded: return
        case .failed: throw ExitCode(1)
        case .incomplete: throw ExitCode(3)
        }
    }

    /// A job's results are due by its deadline; a little longer for the way back.
    private func patience(for job: Job) -> Duration {
        switch job.deadline {
        case .after(let duration): duration + .seconds(15)
        case .at(let milliseconds):
            .milliseconds(max(0, milliseconds - Int64(Date().timeIntervalSince1970 * 1000))) + .seconds(15)
        case nil: .seconds(600 + 15)
        }
    }

    private func readJob() throws -> Job {
        if let path = self.job {
            guard self.targets.isEmpty, self.commands.isEmpty else {
                throw ValidationError("Give either --job or targets and commands, not both.")
            }
            let data =
                path == "-"
                ? FileHandle.standardInput.readDataToEndOfFile()
                : try Data(contentsOf: URL(fileURLWithPath: path))
            var job = try Self.decode(Array(data))
            job.id = self.id ?? job.id
            job.replyTo = self.replyTo ?? job.replyTo
            if self.stream { job.stream = true }
            return job
        }
        guard !self.targets.isEmpty else {
            throw ValidationError("No targets. Example: tether submit router1 -c 'show version'")
        }
        guard !self.commands.isEmpty else {
            throw ValidationError("No commands. Example: tether submit router1 -c 'show version'")
        }
        var effect: Effect?
        if let name = self.effect {
            guard let known = Effect(rawValue: name) else {
                throw ValidationError("There is no effect \(name); it is read, idempotent or change.")
            }
            effect = known
        }
        let job = Job(
            id: self.id,
            targets: self.targets,
            operation: .run(self.commands.map { Command($0) }),
            replyTo: self.replyTo,
            stream: self.stream,
            deadline: self.deadline.map { .after($0.duration) },
            effect: effect,
            credential: self.credential.map { .named($0) }
        )
        // What was typed is held to the same rules as what is written by hand.
        var bytes: [UInt8] = []
        job.encode(into: &bytes)
        return try Self.decode(bytes)
    }

    private static func decode(_ bytes: [UInt8]) throws -> Job {
        do {
            return try Job(decoding: bytes)
        } catch {
            throw ValidationError(error.description)
        }
    }
}
