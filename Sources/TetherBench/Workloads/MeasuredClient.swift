import ArgumentParser
import Devices
import Foundation
import Logging
import NIOPosix
import SSH

/// One measured piece of work in a process of its own, so that its CPU time and memory are its own. Started by ``MeasuredWork``.
struct MeasuredClient: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client",
        abstract: "One measured piece of work; prints one line of JSON.",
        shouldDisplay: false
    )

    enum Mode: String, ExpressibleByArgument, CaseIterable {
        case connect
        /// Connect, log in, one command, close; one after the other.
        case visit
        case warm, exec, idle
    }

    enum Engine: String, ExpressibleByArgument, CaseIterable {
        /// The SSH module alone.
        case ssh
        /// `DeviceSession`, from its own event loop.
        case deviceSession = "device-session"
        /// `DeviceClient`, from the global pool.
        case deviceClient = "device-client"
        /// `DeviceClient`, from tasks that prefer their device's executor.
        case deviceClientLoop = "device-client-loop"
    }

    @Argument var mode: Mode
    @Option var engine: Engine
    @Option(help: "IPv4 address of the first device.") var host: String
    @Option(help: "Devices, each on an address of its own after the first.") var hosts: Int
    @Option var port: Int
    @Option var user: String
    @Option var password: String
    @Option(help: "Sessions; with connect, those in flight.") var sessions: Int
    @Option(help: "Connections or commands in all.") var count = 0
    @Option var command = ""
    @Flag(help: "Sessions send the return key only when they have seen the echo.") var waitsForEcho = false
    @Option(help: "Event loops. The reference program has one thread.") var loops = 1

    /// Until a session that has just been opened has given back what it needs no more.
    private static let timeToSettle = Duration.seconds(2)

    func run() async throws {
        ResourceUsage.raiseDescriptorLimit()
        var logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        let devices = SimulatedDevices(
            host: self.host, count: self.hosts, port: self.port, user: self.user, password: self.password
        )
        let measurement =
            switch self.engine {
            case .ssh: try await self.measure(devices, logger)
            case .deviceSession, .deviceClient, .deviceClientLoop: try await self.measureDevices(devices, logger)
            }
        FileHandle.standardOutput.write(Data((try measurement.line() + "\n").utf8))
    }

    private func measure(_ devices: SimulatedDevices, _ logger: Logger) async throws -> Measurement {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: self.loops)
        let workload = SSHWorkload(devices: devices, group: group, logger: logger)
        // What the first session brings into memory once for all isn't the sessions' own.
        let first = self.mode == .idle ? try await workload.shells(1) : []
        let rss = ResourceUsage.residentBytes() ?? 0
        let measurement: Measurement
        var start = ResourceUsage.now
        switch self.mode {
        case .connect:
            try await workload.connect(count: self.count, inFlight: self.sessions)
            measurement = self.measurement(since: start, rssBefore: rss)
        case .warm:
            let shells = try await workload.shells(self.sessions)
            start = .now
            try await workload.warm(shells, count: self.count, command: self.command)
            measurement = self.measurement(since: start, rssBefore: rss)
            await Self.close(shells.map(\.connection))
        case .visit: throw ValidationError("Visits are for devices.")
        case .exec:
            let connections = try await workload.connections(self.sessions)
            start = .now
            try await workload.exec(connections, count: self.count, command: self.command)
            measurement = self.measurement(since: start, rssBefore: rss)
            await Self.close(connections)
        case .idle:
            let shells = try await first + workload.shells(self.sessions - 1)
            try await Task.sleep(for: Self.timeToSettle)
            measurement = self.measurement(since: start, rssBefore: rss)
            await Self.close(shells.map(\.connection))
        }
        try await group.shutdownGracefully()
        return measurement
    }

    private func measureDevices(_ devices: SimulatedDevices, _ logger: Logger) async throws -> Measurement {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: self.loops)
        let workload = try DeviceWorkload(devices, count: self.sessions, group: group, logger: logger)
        // As above.
        if self.mode == .idle { _ = try await workload.sessions(1) }
        if self.mode == .visit { _ = try await workload.visit(count: 1, command: self.command) }
        let rss = ResourceUsage.residentBytes() ?? 0
        var start = ResourceUsage.now
        var times: [Double] = []
        switch self.mode {
        case .connect:
            try await workload.connect(count: self.count, inFlight: self.sessions)
        case .visit:
            times = try await workload.visit(count: self.count, command: self.command)
        case .warm:
            let sessions = try await workload.sessions(self.sessions)
            start = .now
            if self.engine != .deviceSession {
                times = try await workload.runThroughClient(
                    sessions, count: self.count, command: self.command, onLoops: self.engine == .deviceClientLoop)
            } else {
                let command = DeviceCommand(self.command, waitsForEcho: self.waitsForEcho)
                try await workload.runOnLoops(sessions, count: self.count, command: command)
            }
        case .exec: throw ValidationError("Devices run commands in a shell or on exec channels as their platform says.")
        case .idle:
            _ = try await workload.sessions(self.sessions)
            try await Task.sleep(for: Self.timeToSettle)
        }
        var measurement = self.measurement(since: start, rssBefore: rss)
        if !times.isEmpty { measurement.p50Seconds = times.median }
        await workload.client.close()
        try await group.shutdownGracefully()
        return measurement
    }

    private func measurement(since start: ResourceUsage, rssBefore: Int) -> Measurement {
        Measurement(
            mode: self.mode.rawValue,
            sessions: self.sessions,
            count: self.mode == .idle ? self.sessions : self.count,
            spent: .now - start,
            rssBefore: rssBefore
        )
    }

    private static func close(_ connections: [SSHConnection]) async {
        await withTaskGroup { tasks in
            for connection in connections { tasks.addTask { await connection.close() } }
        }
    }
}
