import Devices
import Foundation
import Kafka
import Lab
import NIOConcurrencyHelpers
import ServiceLifecycle
import Worker

/// A worker that a test can watch and stop.
protocol FleetWorker: Sendable {
    /// Partitions of the task topic that it owns.
    var partitionCount: Int { get async throws }
    /// What it has to say for itself when something goes wrong.
    var journal: String { get }
}

/// A worker in this process.
final class InProcessWorker: FleetWorker {
    let name: String
    private let worker: TetherWorker
    private let devices: DeviceClient
    private let group: ServiceGroup
    private let run: Task<Void, any Error>

    init(_ configuration: WorkerConfiguration, inventory: Inventory) throws {
        self.name = configuration.name
        let devices = try DeviceClient(DeviceClient.Configuration(inventory: inventory), logger: Cluster.logger)
        let worker = try TetherWorker(configuration, devices: devices, logger: Cluster.logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: worker,
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup
                    )
                ],
                logger: Cluster.logger
            )
        )
        self.devices = devices
        self.worker = worker
        self.group = group
        self.run = Task { try await group.run() }
    }

    var status: WorkerStatus { self.worker.status }
    var partitionCount: Int { self.status.execution?.partitions.count ?? 0 }
    var journal: String { "\(self.status)" }

    /// Drains and ends. Throws what ended the worker before its time.
    func stop() async throws {
        await self.group.triggerGracefulShutdown()
        let result = await self.run.result
        await self.devices.shutDown()
        try result.get()
    }
}

/// A worker as people run it: `tether worker`.
final class WorkerProcess: FleetWorker {
    let process: ChildProcess
    private let healthPort = NIOLockedValueBox<Int?>(nil)

    init(_ arguments: [String], on leash: Leash) throws {
        self.process = try ChildProcess.start(
            SiblingProgram.url("tether").path, ["worker", "--listen", "127.0.0.1:0"] + arguments, on: leash)
    }

    var isRunning: Bool { self.process.isRunning }
    var journal: String { self.process.errors }

    var partitionCount: Int {
        get async throws {
            guard self.isRunning else { throw Unexpected("a worker ended: \(self.journal.suffix(3_000))") }
            guard let port = self.findHealthPort() else { return 0 }
            let answer = try await HealthProbe.get("/health/ready", port: port)
            return answer.firstMatch(of: /"partitions":(\d+)/).flatMap { Int($0.1) } ?? 0
        }
    }

    /// The port that was free, as the worker says in its log.
    func findHealthPort() -> Int? {
        if let port = self.healthPort.withLockedValue({ $0 }) { return port }
        guard let match = self.journal.firstMatch(of: /address=\S*?:(\d+) .*health checks are served/),
            let port = Int(match.1)
        else { return nil }
        self.healthPort.withLockedValue { $0 = port }
        return port
    }

    func send(signal: Int32) { self.process.send(signal: signal) }

    /// Asks it to end, as an init system does, and waits until it has.
    @discardableResult
    func terminate() async throws -> Int32 {
        self.send(signal: SIGTERM)
        return try await self.process.end()
    }

    func kill() async {
        self.send(signal: SIGKILL)
        _ = try? await self.process.end()
    }
}
