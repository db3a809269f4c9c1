import Foundation
import Kafka
import Lab
import Logging
import NIOConcurrencyHelpers

/// One round: a fresh broker, devices and workers; jobs and faults for a while; then quiet until everything has ended, and the evidence.
final class Round: Sendable {
    struct Settings: Sendable {
        var seed: UInt64
        var duration: Duration
        var workers: Int
        var devices: Int
        var rate: Double
        var delivery: Delivery
        /// Kinds of faults that may happen.
        var faults: Set<Fault.Kind>
        var broker: String
        var folder: URL
        var isVerbose: Bool
        var sessionTimeout: Duration = .seconds(6)
    }

    private struct Notes {
        var jobs: [SubmittedJob] = []
        var replies: [SeenReply] = []
        var unreadable = 0
        var deadLetters: [String] = []
        var faults: [String: Int] = [:]
        var absences: [Absence] = []
        /// When no worker could reach the broker as usual.
        var outages: [Range<Int64>] = []
        var growths: [Int64] = []
        var crashes: [String] = []
        var finished: Set<String> = []
    }

    private static let prefix = "faults"
    private static let taskPartitions: Int32 = 8
    private static let logger = Logger(label: "tether-faults")

    private let settings: Settings
    private let farm: DeviceFarm
    private let broker: NIOLockedValueBox<DevelopmentBroker>
    private let proxy: BrokerProxy
    private let admin: KafkaAdmin
    private let producer: KafkaProducer
    private let workers: [WorkerProcess]
    private let visitor: WorkerProcess
    private let notes = NIOLockedValueBox(Notes())

    static func run(_ settings: Settings) async throws -> Verdict {
        let round = try await Round(settings)
        do {
            let evidence = try await round.play()
            await round.tearDown()
            return Verdict(evidence)
        } catch {
            await round.tearDown()
            throw error
        }
    }

    private init(_ settings: Settings) async throws {
        self.settings = settings
        let folder = settings.folder
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let broker = try await DevelopmentBroker.start(
            binary: settings.broker, dataDirectory: folder.appendingPathComponent("broker").path)
        self.broker = NIOLockedValueBox(broker)
        do {
            let proxy = try await BrokerProxy.start(
                upstreamHost: "127.0.0.1", upstreamPort: broker.port, logger: Logger(label: "proxy"))
            let kafka = KafkaConfiguration(bootstrapServers: proxy.bootstrapServers, clientID: "harness")
            self.admin = try KafkaAdmin(kafka, logger: Self.logger)
            self.producer = try KafkaProducer(kafka, logger: Self.logger)
            let farm = try DeviceFarm(
                DeviceFarm.Options(
                    personalities: [.ciscoIOSXE, .aristaEOS], count: settings.devices, responseDelay: .milliseconds(5)))
            let inventory = folder.appendingPathComponent("inventory.yaml")
            try Data(FarmInventory.yaml(farm, user: "admin", password: "admin", timeout: 20).utf8).write(to: inventory)
            let tether = try SiblingProgram.url("tether")
            let arguments = { (name: String?) -> [String] in
                [
                    "worker", "--kafka", proxy.bootstrapServers, "--topic-prefix", Self.prefix, "--inventory",
                    inventory.path, "--session-timeout", "\(settings.sessionTimeout.components.seconds)s",
                    "--drain-timeout", "3s", "--results", settings.delivery.rawValue,
                ] + (name.map { ["--name", $0] } ?? [])
            }
            self.proxy = proxy
            self.farm = farm
            self.workers = (1...settings.workers).map { number in
                WorkerProcess(
                    "worker-\(number)", tether, arguments("worker-\(number)"),
                    log: folder.appendingPathComponent("worker-\(number).log"))
            }
            self.visitor = WorkerProcess(
                "visitor", tether, arguments(nil), log: folder.appendingPathComponent("visitor.log"))
        } catch {
            await broker.stop()
            throw error
        }
    }

    private func tearDown() async {
        for worker in self.workers + [self.visitor] {
            worker.send(SIGCONT)
            worker.send(SIGKILL)
            await worker.waitForEnd(within: .seconds(5))
        }
        await self.producer.close()
        await self.admin.close()
        await self.proxy.stop()
        await self.broker.withLockedValue { $0 }.kill()
        let farm = self.farm
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                farm.stop()
                continuation.resume()
            }
        }
    }

    // MARK: The play

    private func play() async throws -> Evidence {
        var topics = ["jobs", "results", "dead-letters", "progress", "control", "events"].map {
            KafkaAdmin.Topic(name: "\(Self.prefix).\($0)", partitions: 4, replicationFactor: 1)
        }
        topics.append(
            KafkaAdmin.Topic(
                name: "\(Self.prefix).tasks", partitions: Self.taskPartitions, replicationFactor: 1))
        _ = try await self.admin.create(topics)
        for worker in self.workers { try worker.start() }

        let kafka = KafkaConfiguration(bootstrapServers: self.proxy.bootstrapServers, clientID: "harness")
        let replies = try await KafkaReader(
            kafka, topic: "\(Self.prefix).results", from: .beginning, logger: Self.logger)
        let letters = try await KafkaReader(
            kafka, topic: "\(Self.prefix).dead-letters", from: .beginning, logger: Self.logger)
        let reading = Task { try await self.read(replies, letters) }
        do {
            var workload = Workload(seed: self.settings.seed, devices: self.farm.devices.map(\.name))
            try await self.send(workload.next(at: Self.now))
            try await self.until("the fleet has answered its first job", within: .seconds(60)) {
                $0.finished.count == 1
            }

            let end = ContinuousClock.now + self.settings.duration
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [workload] in try await self.work(workload, until: end) }
                group.addTask {
                    await self.injectFaults(0, until: end) { plan in
                        // Between two of these faults all workers are to run.
                        self.lookForCrashes()
                        return plan.nextOfFleet()
                    }
                }
                group.addTask { await self.injectFaults(1, until: end) { $0.nextOfDevices() } }
                try await group.waitForAll()
            }
            try await self.heal()
            await self.untilAllIsOver()
            await self.endWorkers()
            // What was published before the ends is on the topics: one more look.
            try await Task.sleep(for: .seconds(1))
        } catch {
            reading.cancel()
            _ = await reading.result
            throw error
        }
        reading.cancel()
        _ = await reading.result
        await replies.close()
        await letters.close()
        return self.evidence()
    }

    private func evidence() -> Evidence {
        self.notes.withLockedValue { notes in
            Evidence(
                delivery: self.settings.delivery,
                jobs: notes.jobs,
                replies: notes.replies,
                unreadable: notes.unreadable,
                deadLetters: notes.deadLetters,
                faults: notes.faults,
                absences: notes.absences,
                growths: notes.growths,
                devices: self.farm.devices.map { device in
                    var counts: [String: Int] = [:]
                    for job in notes.jobs where job.devices.contains(device.name) {
                        let count = device.count(of: job.id)
                        if count > 0 { counts[job.id] = count }
                    }
                    return DeviceEvidence(
                        name: device.name, commands: device.commands, overlaps: device.overlaps, counts: counts)
                },
                crashes: notes.crashes
            )
        }
    }

    private func read(_ replies: KafkaReader, _ letters: KafkaReader) async throws {
        while !Task.isCancelled {
            for record in try await replies.next(timeout: .milliseconds(200)) {
                self.notes.withLockedValue { notes in
                    guard let reply = SeenReply(record) else {
                        notes.unreadable += 1
                        return
                    }
                    if reply.type == "finished" { notes.finished.insert(reply.job) }
                    // Their content isn't needed, and there are many.
                    if reply.type != "output" { notes.replies.append(reply) }
                }
            }
            for record in try await letters.next(timeout: .milliseconds(10)) {
                let reasons = record.headers.map { "\($0.name)=\(String(decoding: $0.value ?? [], as: UTF8.self))" }
                self.notes.withLockedValue { $0.deadLetters.append(reasons.joined(separator: " ")) }
            }
        }
    }

    // MARK: Work

    private static var now: Int64 { Timestamp.now.nanoseconds / 1_000_000 }

    private func work(_ workload: Workload, until end: ContinuousClock.Instant) async throws {
        var workload = workload
        while ContinuousClock.now < end {
            try await self.send(workload.next(at: Self.now))
            try await Task.sleep(for: workload.pause(rate: self.settings.rate))
        }
    }

    private func send(_ job: SubmittedJob) async throws {
        let record = ProducerRecord(topic: "\(Self.prefix).jobs", key: Array(job.key.utf8), value: job.value)
        // Noted first: an answer may come before the acknowledgement.
        self.notes.withLockedValue { $0.jobs.append(job) }
        _ = try await self.producer.send(acknowledged: record)
    }

    // MARK: Faults

    private func tell(_ text: String) {
        if self.settings.isVerbose { say("  \(Self.now % 1_000_000) \(text)") }
    }

    /// One fault after the other until the time is over.
    private func injectFaults(
        _ stream: UInt64,
        until end: ContinuousClock.Instant,
        _ next: (inout FaultPlan) -> Fault
    ) async {
        var plan = self.plan(stream)
        while ContinuousClock.now < end {
            let fault = next(&plan)
            guard self.settings.faults.contains(fault.kind) else {
                try? await Task.sleep(for: .milliseconds(1))
                continue
            }
            self.begin(fault)
            do {
                try await self.perform(fault)
            } catch {
                self.notes.withLockedValue { $0.crashes.append("the harness could not do `\(fault)`: \(error)") }
            }
            try? await Task.sleep(for: plan.time(0.3, 3))
        }
    }

    private func plan(_ stream: UInt64) -> FaultPlan {
        FaultPlan(
            seed: self.settings.seed &+ stream &+ 17, workers: self.workers.count, devices: self.farm.devices.count,
            sessionTimeout: self.settings.sessionTimeout)
    }

    private func begin(_ fault: Fault) {
        self.tell("\(fault)")
        self.notes.withLockedValue { $0.faults[fault.kind.rawValue, default: 0] += 1 }
    }

    private func perform(_ fault: Fault) async throws {
        switch fault {
        case .kill(let index, let away):
            let worker = self.workers[index]
            worker.send(SIGKILL)
            await worker.waitForEnd(within: .seconds(5))
            try await Task.sleep(for: away)
            try worker.start()
        case .terminate(let index, let away):
            let worker = self.workers[index]
            worker.send(SIGTERM)
            await self.waitForOrderlyEnd(worker)
            try await Task.sleep(for: away)
            try worker.start()
        case .freeze(let index, let time):
            let begin = Self.now
            self.workers[index].send(SIGSTOP)
            try await Task.sleep(for: time)
            self.workers[index].send(SIGCONT)
            self.noteAbsence(since: begin)
        case .isolate(let index, let time):
            let begin = Self.now
            try await self.proxy.setFault(.blackHole, clientID: self.workers[index].name)
            try await Task.sleep(for: time)
            try await self.proxy.setFault(nil, clientID: self.workers[index].name)
            self.noteAbsence(since: begin)
        case .join(let time):
            try self.visitor.start()
            try await Task.sleep(for: time)
            self.visitor.send(SIGTERM)
            await self.waitForOrderlyEnd(self.visitor)
        case .restartBroker(let down): try await self.notingOutage { try await self.restartBroker(down) }
        case .cutBrokerConnections: await self.notingOutage { await self.proxy.cut() }
        case .slowBroker(let time):
            try await self.notingOutage {
                try await self.proxy.setFault(.latency(.milliseconds(150)))
                try await Task.sleep(for: time)
                try await self.proxy.setFault(nil)
            }
        case .grow:
            let topic = "\(Self.prefix).tasks"
            let count = try await self.admin.describe([topic])[topic]?.partitions ?? Self.taskPartitions
            self.notes.withLockedValue { $0.growths.append(Self.now) }
            try await self.admin.grow(topic, toPartitions: count + 2)
        case .reboot(let index, let down):
            let device = self.farm.devices[index]
            device.setFault(.refuseConnections)
            device.dropConnections()
            try await Task.sleep(for: down)
            device.setFault(nil)
        case .blackHole(let index, let time): try await self.spoil(index, .blackHole, time)
        case .hang(let index, let time): try await self.spoil(index, .hangAfterLogin, time)
        case .slow(let index, let time):
            let device = self.farm.devices[index]
            device.setResponseDelay(.milliseconds(700))
            try await Task.sleep(for: time)
            device.setResponseDelay(.milliseconds(5))
        }
    }

    /// The longest that a client waits before it connects again (`reconnect.backoff.max.ms`), and a second to send what has waited.
    private static let reconnection: Int64 = 3_000

    private func noteAbsence(since begin: Int64) {
        self.notes.withLockedValue { notes in
            let before = notes.outages.filter { $0.lowerBound <= begin && begin <= $0.upperBound + Self.reconnection }
            let unsentFrom = before.map(\.lowerBound).min() ?? begin
            notes.absences.append(Absence(from: begin, to: Self.now, unsentFrom: unsentFrom))
        }
    }

    private func notingOutage(_ fault: () async throws -> Void) async rethrows {
        let begin = Self.now
        try await fault()
        self.notes.withLockedValue { $0.outages.append(begin..<max(begin, Self.now)) }
    }

    private func spoil(_ index: Int, _ fault: DeviceFault, _ time: Duration) async throws {
        self.farm.devices[index].setFault(fault)
        try await Task.sleep(for: time)
        self.farm.devices[index].setFault(nil)
    }

    private func restartBroker(_ down: Duration) async throws {
        let isDone = try await self.proxy.withBrokerAway(within: .seconds(2)) {
            let old = self.broker.withLockedValue { $0 }
            await old.stop()
            try await Task.sleep(for: down)
            let new = try await DevelopmentBroker.start(
                binary: self.settings.broker,
                dataDirectory: self.settings.folder.appendingPathComponent("broker").path,
                port: old.port
            )
            self.broker.withLockedValue { $0 = new }
        }
        // A dead worker has left a transaction open. Apache Kafka would keep it over a restart, the development broker doesn't.
        if !isDone { try await self.proxy.goAway(for: down) }
    }

    private func waitForOrderlyEnd(_ worker: WorkerProcess) async {
        let endedByItself = await worker.waitForEnd(within: .seconds(30))
        guard !endedByItself || worker.status != 0 else { return }
        if worker.status == -SIGTERM, !worker.hasBegun { return }
        self.notes.withLockedValue { notes in
            notes.crashes.append(
                endedByItself
                    ? "\(worker.name) ended with status \(worker.status ?? 0) after SIGTERM"
                    : "\(worker.name) did not end within 30 s of SIGTERM")
        }
    }

    /// A worker that nobody ended is to run.
    private func lookForCrashes() {
        for worker in self.workers where !worker.isRunning {
            let status = worker.status ?? 0
            self.notes.withLockedValue { $0.crashes.append("\(worker.name) ended by itself with status \(status)") }
            try? worker.start()
        }
    }

    // MARK: The end

    private func heal() async throws {
        try await self.proxy.setFault(nil)
        for device in self.farm.devices {
            device.setFault(nil)
            device.setResponseDelay(.milliseconds(5))
        }
        for worker in self.workers { worker.send(SIGCONT) }
        self.lookForCrashes()
    }

    private func untilAllIsOver() async {
        let last = self.notes.withLockedValue { notes in
            notes.jobs.map { $0.submitted + Int64($0.deadline / .milliseconds(1)) }.max() ?? 0
        }
        let limit = last + Int64(Verdict.bound / .milliseconds(1))
        while Self.now < limit {
            let isOver = self.notes.withLockedValue { $0.finished.count >= $0.jobs.count }
            if isOver { return }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private func endWorkers() async {
        for worker in self.workers { worker.send(SIGTERM) }
        for worker in self.workers { await self.waitForOrderlyEnd(worker) }
    }

    private func until(_ what: String, within limit: Duration, _ condition: (Notes) -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while !self.notes.withLockedValue({ condition($0) }) {
            guard ContinuousClock.now < deadline else {
                throw HarnessError("not within \(limit): \(what); see the logs in \(self.settings.folder.path)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
