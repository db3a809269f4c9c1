import Foundation
import Jobs
import Kafka
import Lab
import Logging

/// A broker, devices and workers, each a process of its own, and a client's producer and readers.
final class KafkaStage: Sendable {
    let farms: DeviceFarms
    /// Names of the devices in the inventory.
    var devices: [String] { self.farms.names }
    private let servers: String
    private let options: [String]
    /// Where the worker serves metrics.
    private let metricsPort: Int?
    private let producer: KafkaProducer
    private let replies: KafkaReader
    private let hops: KafkaReader
    private let workers = WorkerProcesses()

    private static let replyTopic = "bench.replies"
    private static let hopTopic = "bench.hops"

    /// - Parameters:
    ///   - processes: that the devices are shared between.
    ///   - isWarm: the devices' sessions are opened before they are needed.
    ///   - retention: the broker keeps no more of a topic than this, in seconds; `nil`: all.
    ///   - workers: names of the workers to start with, all with the same devices.
    ///   - metrics: workers serve them; then there is one worker at a time.
    ///   - options: more options of each worker.
    static func with<Result>(
        devices count: Int,
        processes: Int = 1,
        isWarm: Bool = false,
        retention: Int? = nil,
        workers: [String] = ["bench-worker"],
        metrics: Bool = false,
        options: [String] = [],
        _ body: (KafkaStage) async throws -> Result
    ) async throws -> Result {
        try await BrokerProcess.with { servers, folder in
            try await DeviceFarms.with(count: count, processes: processes, isWarm: isWarm, in: folder) { farms in
                let stage = try await KafkaStage(
                    servers: servers, farms: farms, retention: retention,
                    metrics: metrics ? try LoopbackPort.free() : nil, options: options)
                do {
                    for name in workers { try stage.startWorker(name) }
                    if isWarm, !workers.isEmpty { try await farms.waitForSessions(count, within: .seconds(180)) }
                    let result = try await body(stage)
                    await stage.close()
                    return result
                } catch {
                    await stage.close()
                    throw error
                }
            }
        }
    }

    private init(
        servers: String, farms: DeviceFarms, retention: Int?, metrics: Int?, options: [String]
    ) async throws {
        var logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        let configuration = KafkaConfiguration(bootstrapServers: servers, clientID: "tether-bench")
        let admin = try KafkaAdmin(configuration, logger: logger)
        let limits = retention.map { ["retention.ms": "\($0 * 1_000)", "segment.ms": "\($0 * 250)"] } ?? [:]
        if retention != nil {
            // The broker writes all that it holds over and over. `topics create` leaves topics that are there as they are.
            _ = try await admin.create(
                ["jobs", "tasks", "progress", "events"].map {
                    KafkaAdmin.Topic(name: "tether.\($0)", partitions: $0 == "tasks" ? 16 : 4, configuration: limits)
                }
            )
        }
        _ = try await ChildProcess(
            SiblingProgram.url("tether"), ["topics", "create", "--kafka", servers, "--partitions", "16"]
        )
        .output(within: .seconds(60))
        _ = try await admin.create(
            [Self.replyTopic, Self.hopTopic].map { KafkaAdmin.Topic(name: $0, partitions: 1, configuration: limits) }
        )
        await admin.close()
        self.servers = servers
        self.options = options + (metrics.map { ["--listen", "127.0.0.1:\($0)"] } ?? [])
        self.metricsPort = metrics
        self.farms = farms
        self.producer = try KafkaProducer(configuration, logger: logger)
        self.replies = try await KafkaReader(configuration, topic: Self.replyTopic, from: .end, logger: logger)
        self.hops = try await KafkaReader(configuration, topic: Self.hopTopic, from: .end, logger: logger)
    }

    private func close() async {
        await self.workers.stopAll()
        await self.producer.close()
        await self.replies.close()
        await self.hops.close()
    }

    // MARK: Workers

    /// Starts a worker, a static member under its name. Doesn't wait for anything.
    func startWorker(_ name: String) throws {
        self.workers.add(
            name,
            try ChildProcess(
                SiblingProgram.url("tether"),
                [
                    "worker", "--kafka", self.servers, "--inventory", self.farms.inventory, "--log-level", "error",
                    "--name", name,
                ] + self.options
            )
        )
    }

    /// Lets a worker drain and end.
    func stopWorker(_ name: String) async { await self.workers.stop(name) }

    /// Ends a worker at once, in the middle of whatever it does.
    func killWorker(_ name: String) async { await self.workers.kill(name) }

    /// Process identifiers by name.
    var workerProcesses: [(name: String, process: pid_t)] { self.workers.identifiers }

    /// CPU seconds of the first worker so far.
    func workerCPU() throws -> Double {
        guard let process = self.workers.first, let seconds = ResourceUsage.cpuSeconds(of: process) else {
            throw BenchmarkError("the worker has ended")
        }
        return seconds
    }

    /// Memory that the first worker has resident now, in bytes.
    func workerResidentBytes() throws -> Int {
        guard let process = self.workers.first, let bytes = ResourceUsage.residentBytes(of: "\(process)") else {
            throw BenchmarkError("the worker has ended")
        }
        return bytes
    }

    /// The most memory that the first worker has had resident, in bytes.
    func workerPeakBytes() throws -> Int {
        guard let process = self.workers.first, let bytes = ResourceUsage.peakResidentBytes(of: "\(process)") else {
            throw BenchmarkError("the worker has ended")
        }
        return bytes
    }

    /// What the worker has sent to Kafka since its start.
    func sentToKafka() async throws -> SentToKafka {
        guard let metricsPort else { throw BenchmarkError("the worker serves no metrics") }
        return try await SentToKafka.read(port: metricsPort)
    }

    // MARK: Jobs

    /// Writes a job of one command.
    func submit(id: String, targets: [String], deadline: Duration = .seconds(120)) async throws {
        let job = Job(
            id: id, targets: targets, operation: .run([Command("show clock")]), replyTo: Self.replyTopic,
            deadline: .after(deadline)
        )
        var value: [UInt8] = []
        job.encode(into: &value)
        try self.producer.send(ProducerRecord(topic: "tether.jobs", key: Array(id.utf8), value: value))
    }

    /// The next replies of any job; none if there are none for a second.
    func nextReplies() async throws -> [Reply] {
        try await self.replies.next(timeout: .seconds(1)).map { try Reply(decoding: $0.value ?? []) }
    }

    /// Waits for so many successful results.
    @discardableResult
    func results(_ count: Int, within limit: Duration) async throws -> [DeviceResult] {
        var results: [DeviceResult] = []
        while results.count < count { results += try await self.someResults(within: limit) }
        return results
    }

    /// Waits for at least one result.
    func someResults(within limit: Duration) async throws -> [DeviceResult] {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            var results: [DeviceResult] = []
            for reply in try await self.nextReplies() {
                switch reply {
                case .result(let result):
                    guard result.outcome == .succeeded else {
                        throw BenchmarkError(
                            "\(result.task): \(result.outcome.rawValue), \(result.error?.message ?? "")")
                    }
                    results.append(result)
                case .rejected: throw BenchmarkError("the worker rejected a job")
                case .accepted, .output, .finished: continue
                }
            }
            if !results.isEmpty { return results }
        }
        throw BenchmarkError("no result within \(limit)")
    }

    /// Runs single jobs, so many of them in flight. Returns how long it took.
    func run(jobs: Int, inFlight window: Int, name: String) async throws -> Duration {
        try await ContinuousClock().measure {
            var submitted = 0
            var ended = 0
            while ended < jobs {
                while submitted < jobs, submitted - ended < window {
                    try await self.submit(
                        id: "\(name)-\(submitted)", targets: [self.devices[submitted % self.devices.count]])
                    submitted += 1
                }
                ended += try await self.someResults(within: .seconds(60)).count
            }
        }
    }

    /// A record there and back, with nobody between.
    func hop(within limit: Duration) async throws {
        try self.producer.send(
            ProducerRecord(topic: Self.hopTopic, key: nil, value: Array(repeating: 0x20, count: 256)))
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if try await !self.hops.next(timeout: .seconds(1)).isEmpty { return }
        }
        throw BenchmarkError("the broker did not give a record back within \(limit)")
    }
}
