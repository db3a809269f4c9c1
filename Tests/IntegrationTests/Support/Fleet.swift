import Devices
import Foundation
import Jobs
import Kafka
import Lab
import Worker

/// What one test works with: topics and groups under a prefix of their own, simulated devices, an inventory file, and workers.
///
/// Confined to its test. Everything is stopped and removed when the test is over, whatever came of it.
final class Fleet {
    let cluster: Cluster
    let topics: TopicNames
    let farm: DeviceFarm
    /// The inventory file of the devices.
    let inventory: String
    let replies: TopicLog
    let deadLetters: TopicLog
    let folder: URL
    private var inProcess: [InProcessWorker] = []
    var workers: [InProcessWorker] { self.inProcess }
    private var processes: [WorkerProcess] = []

    static let taskPartitions: Int32 = 8
    /// So few that records of one test share them.
    static let otherPartitions: Int32 = 2

    /// - Parameters:
    ///   - count: number of simulated devices, `dev-0001` and so on.
    ///   - isWarm: their sessions are kept open.
    ///   - extraDevices: further entries of the inventory, as YAML.
    ///   - sections: further sections of the inventory, as YAML.
    static func with(
        devices count: Int = 1,
        _ personality: Personality = .ciscoIOSXE,
        isWarm: Bool = false,
        extraDevices: [String] = [],
        sections: String = "",
        _ body: (Fleet) async throws -> Void
    ) async throws {
        let fleet = try await Fleet(count, personality, isWarm, extraDevices, sections, cluster: Cluster.current)
        do {
            try await body(fleet)
        } catch {
            await fleet.tearDown()
            throw error
        }
        await fleet.tearDown()
    }

    private init(
        _ count: Int, _ personality: Personality, _ isWarm: Bool, _ extraDevices: [String], _ sections: String,
        cluster: Cluster
    ) async throws {
        self.cluster = cluster
        let topics = TopicNames(prefix: "test-\(UUID().uuidString.lowercased().prefix(13))")
        self.topics = topics
        self.folder = cluster.leash.folder.appendingPathComponent(topics.prefix)
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        _ = try await cluster.admin.create(
            topics.all.map { name in
                KafkaAdmin.Topic(
                    name: name,
                    partitions: name == topics.tasks ? Self.taskPartitions : Self.otherPartitions,
                    replicationFactor: 1
                )
            }
        )
        for topic in topics.all { try await cluster.partitionCount(of: topic) }
        self.replies = try await TopicLog(topics.results, on: cluster)
        self.deadLetters = try await TopicLog(topics.deadLetters, on: cluster)
        self.farm = try DeviceFarm(DeviceFarm.Options(personalities: [personality], count: count))
        let file = self.folder.appendingPathComponent("inventory.yaml")
        self.inventory = file.path
        let devices = self.farm.devices.map {
            "\($0.name): {host: \($0.host), port: \($0.port), device_type: \($0.personality.rawValue), user: admin, password: admin, tags: [lab]}"
        }
        let text = """
            general: {timeout: 60, retry_delay: 50ms}
            devices:
              \((devices + extraDevices).joined(separator: "\n  "))
            groups:
              lab: {tags: [lab], warm: \(isWarm)}
            \(sections)

            """
        try text.write(to: file, atomically: true, encoding: .utf8)
    }

    private func tearDown() async {
        for process in self.processes { await process.kill() }
        for worker in self.inProcess { try? await worker.stop() }
        await self.replies.close()
        await self.deadLetters.close()
        let farm = self.farm
        try? await Blocking.run { farm.stop() }
        // The development broker writes all its data over and over: it must not pile up.
        try? await self.cluster.admin.delete(self.topics.all)
    }

    // MARK: Devices

    var devices: [SimulatedDevice] { self.farm.devices }
    var device: SimulatedDevice { self.farm.devices[0] }

    func device(_ name: String) throws -> SimulatedDevice {
        guard let device = self.farm.device(named: name) else { throw Unexpected("there is no device \(name)") }
        return device
    }

    // MARK: Workers

    /// Workers in this process. Returns when they share the task partitions.
    @discardableResult
    func startWorkers(
        _ names: String...,
        change: (inout WorkerConfiguration) -> Void = { _ in }
    ) async throws -> [InProcessWorker] {
        let started = try names.map { try self.startWorker($0, change: change) }
        try await self.untilShared(among: self.inProcess)
        return started
    }

    /// A worker in this process, whatever its roles. Doesn't wait for anything.
    func startWorker(_ name: String, change: (inout WorkerConfiguration) -> Void = { _ in }) throws -> InProcessWorker {
        var configuration = WorkerConfiguration(
            kafka: self.cluster.configuration, topics: self.topics, name: name, drainTimeout: .seconds(5),
            replyTopics: [NamePattern("\(self.topics.prefix)-*")],
            urlNetworks: [AddressRange("127.0.0.0/8")].compactMap(\.self))
        change(&configuration)
        let worker = try InProcessWorker(configuration, inventory: try Inventory(path: self.inventory))
        self.inProcess.append(worker)
        return worker
    }

    /// Workers as processes. Returns when they share the task partitions.
    func startProcesses(_ names: String..., arguments: [String] = [], isStatic: Bool = true) async throws
        -> [WorkerProcess]
    {
        for name in names { try self.startProcess(name, arguments: arguments, isStatic: isStatic) }
        try await self.untilShared(among: self.processes)
        return self.processes
    }

    /// A process in the place of one that has ended, under its name. Returns when all that run share the task partitions.
    func startAgain(_ name: String, arguments: [String] = []) async throws {
        try self.startProcess(name, arguments: arguments, isStatic: true)
        try await self.untilShared(among: self.processes.filter(\.isRunning))
    }

    private func startProcess(_ name: String, arguments: [String], isStatic: Bool) throws {
        self.processes.append(
            try WorkerProcess(
                [
                    "--kafka", self.cluster.bootstrapServers, "--topic-prefix", self.topics.prefix,
                    "--inventory", self.inventory, "--reply-topics", "\(self.topics.prefix)-*",
                ] + (isStatic ? ["--name", name] : []) + arguments,
                on: self.cluster.leash
            )
        )
    }

    /// A worker process, in the order of starting.
    func process(_ index: Int) -> WorkerProcess { self.processes[index] }
    var runningProcesses: [WorkerProcess] { self.processes.filter(\.isRunning) }

    /// What the worker processes have logged.
    var journals: String {
        self.processes.map { "-- process \($0.process.processIdentifier)\n\($0.journal)" }.joined(separator: "\n")
    }

    private func untilShared(among workers: [any FleetWorker]) async throws {
        try await until(
            "\(workers.count) workers share the partitions",
            state: { workers.map { $0.journal.suffix(3_000) }.joined(separator: "\n---\n") }
        ) {
            var counts: [Int] = []
            for worker in workers { counts.append(try await worker.partitionCount) }
            return counts.reduce(0, +) == Int(Self.taskPartitions) && !counts.contains(0)
        }
    }

    /// Ends all workers in order. What they have published then is all there ever will be.
    func stopWorkers() async throws {
        for process in self.processes where process.isRunning { try await process.terminate() }
        for worker in self.inProcess { try await worker.stop() }
    }

    // MARK: Records

    /// Writes a job. Jobs with the same key keep their order.
    func submit(_ job: Job, key: String? = nil, partition: Int32? = nil, headers: [KafkaHeader] = []) async throws {
        var value: [UInt8] = []
        job.encode(into: &value)
        try await self.write(value, to: self.topics.jobs, key: key ?? job.id, partition: partition, headers: headers)
    }

    func submit(
        _ id: String,
        to targets: [String] = ["group:lab"],
        _ commands: String...,
        effect: Effect? = nil,
        stream: Bool = false,
        deadline: Duration? = nil,
        key: String? = nil
    ) async throws {
        try await self.submit(
            Job(
                id: id, targets: targets, operation: .run(commands.map { Command($0) }), stream: stream,
                deadline: deadline.map { .after($0) }, effect: effect
            ),
            key: key
        )
    }

    /// Writes a job for one device and waits for its result.
    func perform(_ operation: Jobs.Operation, on device: String, id: String = UUID().uuidString, effect: Effect? = nil)
        async throws -> DeviceResult
    {
        try await self.submit(Job(id: id, targets: [device], operation: operation, effect: effect))
        return try await self.replies.result(of: id)
    }

    /// Writes a task of one command that no router has made, to whatever partition.
    ///
    /// - Parameter id: `nil`: the job and the device, as a router's.
    func writeTask(
        _ command: String, effect: Effect, job: String, id: String? = nil, source: String? = nil, device: String,
        partition: Int32
    ) async throws {
        let now = Int64(Date.now.timeIntervalSince1970 * 1_000)
        let task = DeviceTask(
            id: id ?? "\(job)/\(device)", job: job, source: source, device: device,
            operation: .run([Command(command)]), effect: effect, deadline: now + 60_000, submitted: now,
            replyTo: self.topics.results)
        var value: [UInt8] = []
        task.encode(into: &value)
        try await self.write(value, to: self.topics.tasks, key: device, partition: partition)
    }

    func write(
        _ value: [UInt8]?, to topic: String, key: String? = nil, partition: Int32? = nil, headers: [KafkaHeader] = []
    ) async throws {
        try await self.cluster.producer.send(
            acknowledged: ProducerRecord(
                topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: value, headers: headers)
        )
    }

    /// Writes records that nobody will ever read: their offsets are a hole in the log.
    func writeAborted(_ count: Int, to topic: String, partition: Int32) async throws {
        let producer = try KafkaProducer(
            self.cluster.configuration, transactionalID: UUID().uuidString, logger: Cluster.logger)
        do {
            try await Blocking.run {
                try producer.initializeTransactions()
                try producer.beginTransaction()
                for _ in 0..<count {
                    try producer.sendWhenRoom(ProducerRecord(topic: topic, partition: partition, key: nil, value: [0]))
                }
                try producer.flush(timeout: .seconds(30))
                try producer.abortTransaction()
            }
        } catch {
            await producer.close()
            throw error
        }
        await producer.close()
    }

    /// A topic of the test's own, removed with the others.
    func createTopic(_ name: String) async throws -> TopicLog {
        _ = try await self.cluster.admin.create([
            KafkaAdmin.Topic(name: name, partitions: Self.otherPartitions, replicationFactor: 1)
        ])
        return try await TopicLog(name, on: self.cluster)
    }

    /// The task partition that a device's tasks belong on.
    func home(of device: String) -> Int32 { Murmur2.partition(of: Array(device.utf8), count: Self.taskPartitions) }
}
