import ArgumentParser
import Jobs
import Kafka
import Worker

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End a job: what waits at once, what runs as soon as the device lets go.",
        discussion: """
            Each task that had not ended gets a result with the outcome cancelled, or unknown if it was in the middle of a change. \
            A job that no worker has seen yet is cancelled too, and its id stays so for as long as the longest deadline (24h). Returns when the order is \
            written; the results follow on the job's reply topic.

            Examples:
              tether cancel nightly-2026-11-22
              tether cancel --kafka localhost:9092 nightly-2026-11-22 router1 router2
            """
    )

    @OptionGroup var kafka: KafkaOptions
    @OptionGroup var log: LogOptions
    @Argument(help: "The job's id.")
    var job: String
    @Argument(help: "Only these devices, as results name them. Default: all of the job's.")
    var devices: [String] = []

    func run() async throws {
        try await Order.send(
            .cancel(Control.Cancellation(job: self.job, devices: self.devices)), self.kafka, self.log)
        Console.error(
            "The order is written. What comes of it: tether watch\(self.kafka.words) \(ShellWord.quoted(self.job))")
    }
}

struct CloseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close",
        abstract: "Close the sessions of devices, once nothing runs on them. The next task opens them anew.",
        discussion: """
            Returns when the order is written. What came of it: tether watch events --type session.closed

            Example: tether close router1 router2
            """
    )

    @OptionGroup var kafka: KafkaOptions
    @OptionGroup var log: LogOptions
    @Argument(help: "Devices, as results name them.")
    var devices: [String]

    func run() async throws {
        try await Order.send(.close(devices: self.devices), self.kafka, self.log)
        Console.error(
            "The order is written. What comes of it: tether watch events\(self.kafka.words) --type session.closed --since 1m"
        )
    }
}

struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract:
            "End a worker in order, as SIGTERM does: running tasks may end, results are published, devices given up.",
        discussion: """
            Returns when the order is written. A worker that is to come back under its name keeps its devices for --session-timeout.

            Example: tether drain worker-1
            """
    )

    @OptionGroup var kafka: KafkaOptions
    @OptionGroup var log: LogOptions
    @Argument(help: "The worker's name, as in the owner of a result.")
    var worker: String

    func run() async throws {
        try await Order.send(.drain(worker: self.worker), self.kafka, self.log)
        Console.error(
            "The order is written. If a worker \(Console.error.shown(self.worker)) runs, its log says \"worker drains\"."
        )
    }
}

/// Writes orders to the control topic.
private enum Order {
    static func send(_ control: Control, _ kafka: KafkaOptions, _ log: LogOptions) async throws {
        var value: [UInt8] = []
        control.encode(into: &value)
        do {
            // What was typed is held to the same rules as what is written by hand.
            _ = try Control(decoding: value)
        } catch {
            throw ValidationError(error.description)
        }
        let logger = log.quietLogger("tether.control")
        try await kafka.check([kafka.topics.control], logger: logger)
        let producer = try KafkaProducer(try kafka.configuration(), logger: logger)
        do {
            try await producer.send(
                acknowledged: ProducerRecord(topic: kafka.topics.control, key: Array(control.key.utf8), value: value))
        } catch {
            await producer.close()
            throw error
        }
        await producer.close()
    }
}
