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
            The job comes from flags, from a file (-f), or from standard input. Results go to standard output, everything else to standard error: on a \
            terminal a line with the progress, at the end a summary. --no-wait prints the job's id instead and ends.

            Times are 500ms, 30s, 10m or 2h.

            Ctrl-C leaves the job running and says how to look at it or cancel it; pressed again it ends this command. With --cancel-on-interrupt it \
            cancels the job and waits for what comes of that.

            Exit status: 0 every device succeeded; 1 some didn't; 3 the job was rejected, or its id was used before; 4 an outcome is unknown; \
            64 wrong command line; 65 wrong job file; 69 Kafka can't be reached; 73 --save can't write; 124 results are missing after the deadline; \
            130 interrupted.

            Examples:
              tether submit group:core -c 'show version' -c 'show clock'
              tether submit 'access-*' --configure vlan.txt --dry-run
              tether submit all --backup --save backups/today
              tether submit router1 -c 'show clock' --check 'UTC'
              tether submit -f job.yaml --deadline 30m --label ticket=CHG-1234
              generate-job | tether submit --json | jq -c 'select(.type == "result")'
            """
    )

    @OptionGroup var job: JobOptions
    @OptionGroup(title: "Results") var output: OutputOptions

    @Flag(inversion: .prefixedNo, help: "Wait for the results.")
    var wait = true
    @Flag(help: "Ctrl-C cancels the job.")
    var cancelOnInterrupt = false
    @Option(
        help: ArgumentHelp(
            "Key of the job's record: jobs with the same key keep their order. Default: the job's id.", valueName: "key"
        ))
    var key: String?

    @OptionGroup(title: "Kafka") var kafka: KafkaOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard self.wait || (self.output.save == nil && !self.output.stream && !self.cancelOnInterrupt) else {
            throw ValidationError("--save, --stream and --cancel-on-interrupt need the results: leave --no-wait out.")
        }
    }

    func run() async throws {
        let job = try self.job.job(stream: self.output.stream)
        let id = job.id ?? ""
        let logger = self.log.quietLogger("tether.submit")
        let configuration = try self.kafka.configuration()
        let topic = job.replyTo ?? self.kafka.topics.results
        try await self.kafka.check(
            self.wait ? [self.kafka.topics.jobs, topic] : [self.kafka.topics.jobs], logger: logger)
        guard self.wait else {
            let position = try await self.send(job, id: id, configuration, logger)
            return self.show(id, position)
        }
        // Before the job is on its way: a folder that can't be written to is no reason to run it first.
        let report = try self.output.report(job: id)
        let reader = try await KafkaReader(configuration, topic: topic, from: .end, logger: logger)
        do {
            _ = try await self.send(job, id: id, configuration, logger)
            try await self.follow(job, id: id, reader, report)
        } catch {
            await reader.close()
            throw error
        }
        await reader.close()
    }

    private func send(_ job: Job, id: String, _ configuration: KafkaConfiguration, _ logger: Logger) async throws -> (
        partition: Int32, offset: Int64
    ) {
        var value: [UInt8] = []
        job.encode(into: &value)
        return try await Self.produce(
            ProducerRecord(topic: self.kafka.topics.jobs, key: Array((self.key ?? id).utf8), value: value),
            configuration,
            logger)
    }

    @discardableResult
    private static func produce(
        _ record: ProducerRecord, _ configuration: KafkaConfiguration, _ logger: Logger
    ) async throws -> (partition: Int32, offset: Int64) {
        let producer = try KafkaProducer(configuration, logger: logger)
        do {
            let position = try await producer.send(acknowledged: record)
            await producer.close()
            return position
        } catch {
            await producer.close()
            throw error
        }
    }

    private func show(_ id: String, _ position: (partition: Int32, offset: Int64)) {
        guard self.output.json else { return Console.line(id) }
        Console.json { writer in
            writer.object { writer in
                writer.field("job", id)
                writer.field("topic", self.kafka.topics.jobs)
                writer.field("partition", position.partition)
                writer.field("offset", position.offset)
            }
        }
    }

    // MARK: Waiting

    private func follow(_ job: Job, id: String, _ reader: KafkaReader, _ report: JobReport) async throws {
        let interruptions = Interruptions()
        defer { interruptions.stop() }
        let follower = JobFollower(
            id: id, report: report, onInterruption: { tally in await self.interrupted(tally, report) },
            interruptions: interruptions)
        try await follower.follow(reader, until: .now + self.patience(for: job))
        try report.finish()
        if interruptions.hasBegun, self.cancelOnInterrupt { throw ExitStatus.interrupted.code }
        let status = report.tally.status
        if status != .success { throw status.code }
    }

    private func interrupted(_ tally: JobTally, _ report: JobReport) async {
        let rest =
            tally.expected.map { "\(max(0, $0 - tally.done)) of \($0) devices haven't ended" }
            ?? "it is not yet accepted"
        let id = ShellWord.quoted(tally.job)
        guard self.cancelOnInterrupt else {
            report.say(
                """
                Interrupted. The job goes on: \(rest).
                  cancel it:   tether cancel\(self.kafka.words) \(id)
                  follow it:   tether watch\(self.kafka.words) \(id) --until-finished
                Press Ctrl-C again to leave.
                """)
            return
        }
        report.say("Interrupted: cancelling the job, \(rest). Press Ctrl-C again to leave.")
        do {
            var value: [UInt8] = []
            let order = Control.cancel(.init(job: tally.job))
            order.encode(into: &value)
            try await Self.produce(
                ProducerRecord(topic: self.kafka.topics.control, key: Array(order.key.utf8), value: value),
                self.kafka.configuration(), self.log.quietLogger("tether.submit"))
        } catch {
            report.say("The job could not be cancelled: \(error)")
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
}
