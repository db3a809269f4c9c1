import Foundation
import Jobs
import Kafka
import Logging

/// A broker, devices and one worker, each a process of its own, and a client's producer and readers.
final class KafkaStage: Sendable {
    /// Names of the devices in the inventory.
    let devices: [String]
    private let producer: KafkaProducer
    private let replies: KafkaReader
    private let hops: KafkaReader
    private let worker: ChildProcess

    private static let replyTopic = "bench.replies"
    private static let hopTopic = "bench.hops"

    private init(
        devices: [String],
        producer: KafkaProducer,
        replies: KafkaReader,
        hops: KafkaReader,
        worker: ChildProcess
    ) {
        self.devices = devices
        self.producer = producer
        self.replies = replies
        self.hops = hops
        self.worker = worker
    }

    static func with<Result>(devices count: Int, _ body: (KafkaStage) async throws -> Result) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let broker = try ChildProcess(
            try ChildProcess.sibling("tether-lab"),
            [
                "broker", "--data-dir", folder.appendingPathComponent("broker").path, "--port", "0",
                "--binary", ProcessInfo.processInfo.environment["TETHER_TEST_BROKER"] ?? "noida-db",
            ],
            isQuiet: true
        )
        do {
            let ready = try await broker.line(withPrefix: "ready ", within: .seconds(60))
            guard let servers = ready.split(separator: " ").first(where: { $0.hasPrefix("bootstrap=") })?.dropFirst(10)
            else {
                throw BenchmarkError("tether-lab said something else than where its broker is: \(ready)")
            }
            let inventory = folder.appendingPathComponent("inventory.yaml").path
            let result = try await SimulatedDevices.with(count: count, inventory: inventory) { _, _ in
                try await Self.with(servers: String(servers), inventory: inventory, devices: count, body)
            }
            await broker.stop()
            return result
        } catch {
            await broker.stop()
            throw error
        }
    }

    private static func with<Result>(
        servers: String,
        inventory: String,
        devices count: Int,
        _ body: (KafkaStage) async throws -> Result
    ) async throws -> Result {
        var logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        let configuration = KafkaConfiguration(bootstrapServers: servers, clientID: "tether-bench")
        let tether = try ChildProcess.sibling("tether")
        _ = try await ChildProcess(tether, ["topics", "create", "--kafka", servers, "--partitions", "16"])
            .output(within: .seconds(60))
        let admin = try KafkaAdmin(configuration, logger: logger)
        _ = try await admin.create(
            [replyTopic, hopTopic].map { KafkaAdmin.Topic(name: $0, partitions: 1) }
        )
        await admin.close()
        let producer = try KafkaProducer(configuration, logger: logger)
        let replies = try await KafkaReader(configuration, topic: replyTopic, from: .end, logger: logger)
        let hops = try await KafkaReader(configuration, topic: hopTopic, from: .end, logger: logger)
        let worker = try ChildProcess(
            tether,
            ["worker", "--kafka", servers, "--inventory", inventory, "--log-level", "error", "--name", "bench-worker"]
        )
        let stage = KafkaStage(
            devices: (1...count).map { "dev-" + String(repeating: "0", count: max(0, 4 - "\($0)".count)) + "\($0)" },
            producer: producer,
            replies: replies,
            hops: hops,
            worker: worker
        )
        func close() async {
            await worker.stop(within: .seconds(30))
            await producer.close()
            await replies.close()
            await hops.close()
        }
        do {
            let result = try await body(stage)
            await close()
            return result
        } catch {
            await close()
            throw error
        }
    }

    /// CPU seconds of the worker so far.
    func workerCPU() throws -> Double {
        guard let seconds = ResourceUsage.cpuSeconds(of: self.worker.identifier) else {
            throw BenchmarkError("the worker has ended")
        }
        return seconds
    }

    /// Writes a job of one command.
    func submit(id: String, targets: [String]) async throws {
        let job = Job(
            id: id, targets: targets, operation: .run([Command("show clock")]), replyTo: Self.replyTopic,
            deadline: .after(.seconds(120))
        )
        var value: [UInt8] = []
        job.encode(into: &value)
        try self.producer.send(ProducerRecord(topic: "tether.jobs", key: Array(id.utf8), value: value))
    }

    /// Waits for so many successful results.
    func results(_ count: Int, within limit: Duration) async throws {
        var missing = count
        while missing > 0 { missing -= try await self.someResults(within: limit) }
    }

    /// Waits for at least one result; returns how many there were.
    func someResults(within limit: Duration) async throws -> Int {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            var count = 0
            for record in try await self.replies.next(timeout: .seconds(1)) {
                switch try Reply(decoding: record.value ?? []) {
                case .result(let result):
                    guard result.outcome == .succeeded else {
                        throw BenchmarkError(
                            "\(result.task): \(result.outcome.rawValue), \(result.error?.message ?? "")")
                    }
                    count += 1
                case .rejected: throw BenchmarkError("the worker rejected a job")
                case .accepted, .output, .finished: continue
                }
            }
            if count > 0 { return count }
        }
        throw BenchmarkError("no result within \(limit)")
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
