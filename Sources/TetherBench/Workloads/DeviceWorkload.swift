import Devices
import Logging
import NIOCore

/// The reference program's work, through the library's face: with the device's dialogue, its privileges, and the pool of sessions.
struct DeviceWorkload: Sendable {
    let client: DeviceClient
    private let devices: [Device]

    /// - Parameter count: devices to know at least; several may be one simulated device.
    init(_ devices: SimulatedDevices, count: Int, group: any EventLoopGroup, logger: Logger) throws {
        self.devices = (0..<max(devices.count, count)).map { index in
            Device(
                name: "device-\(index + 1)",
                host: devices.host(index),
                port: devices.port,
                platform: "cisco_iosxe",
                credential: Credential(user: devices.user, password: .init(devices.password))
            )
        }
        self.client = try DeviceClient(
            DeviceClient.Configuration(
                inventory: try Inventory(general: Inventory.General(timeout: .seconds(120)), devices: self.devices),
                maximumOutputBytes: 256 * 1024 * 1024,
                eventLoopGroup: group
            ),
            logger: logger
        )
    }

    /// Opens a session, ready for commands, and closes it, `count` times, `inFlight` at a time, each on a device of its own.
    func connect(count: Int, inFlight: Int) async throws {
        try await withThrowingTaskGroup { tasks in
            let inFlight = min(inFlight, self.devices.count)
            for lane in 0..<inFlight {
                let device = self.devices[lane]
                let rounds = (count - lane + inFlight - 1) / inFlight
                tasks.addTask {
                    for _ in 0..<rounds {
                        _ = try await self.client.session(for: device)
                        await self.client.close(device.name)
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }

    /// Runs one command on each of `count` devices, one after the other, and closes its session.
    ///
    /// - Returns: how long each answer took, in seconds.
    func visit(count: Int, command: String) async throws -> [Double] {
        var times: [Double] = []
        for index in 0..<count {
            let name = self.devices[index % self.devices.count].name
            let start = ContinuousClock.now
            try Self.check(try await self.client.run(name, command))
            times.append(Self.seconds(since: start))
            await self.client.close(name)
        }
        return times
    }

    /// Opens the sessions of the first `count` devices.
    func sessions(_ count: Int) async throws -> [DeviceSession] {
        guard count <= self.devices.count else {
            throw BenchmarkError("a device has one session: \(count) need as many devices")
        }
        return try await withThrowingTaskGroup(of: [DeviceSession].self) { tasks in
            for lane in 0..<min(SSHWorkload.openingInFlight, count) {
                tasks.addTask {
                    var sessions: [DeviceSession] = []
                    for index in stride(from: lane, to: count, by: SSHWorkload.openingInFlight) {
                        sessions.append(try await self.client.session(for: self.devices[index]))
                    }
                    return sessions
                }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
    }

    /// Runs `count` commands in all as an application would: a task a device, each calling the client.
    ///
    /// - Parameter onLoops: whether the tasks prefer their device's executor.
    /// - Returns: how long each answer took, in seconds.
    func runThroughClient(
        _ sessions: [DeviceSession], count: Int, command: String, onLoops: Bool
    ) async throws -> [Double] {
        try await self.share(count, among: sessions) { session, share in
            let name = session.device.name
            let executor = onLoops ? self.client.taskExecutor(for: name) : nil
            return try await withTaskExecutorPreference(executor) {
                var times: [Double] = []
                times.reserveCapacity(share)
                for _ in 0..<share {
                    let start = ContinuousClock.now
                    try Self.check(try await self.client.run(name, command))
                    times.append(Self.seconds(since: start))
                }
                return times
            }
        }
    }

    /// Runs `count` commands in all as the worker's lanes do: each session from its own event loop.
    func runOnLoops(_ sessions: [DeviceSession], count: Int, command: DeviceCommand) async throws {
        _ = try await self.share(count, among: sessions) { session, share in
            try await LoopTask(session.eventLoop).run {
                for _ in 0..<share { try Self.check(try await session.run(command)) }
            }
            return []
        }
    }

    private func share(
        _ count: Int,
        among sessions: [DeviceSession],
        _ body: @escaping @Sendable (DeviceSession, Int) async throws -> [Double]
    ) async throws -> [Double] {
        try await withThrowingTaskGroup(of: [Double].self) { tasks in
            for (session, share) in zip(sessions, SSHWorkload.shares(of: count, among: sessions.count)) {
                tasks.addTask { try await body(session, share) }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        (ContinuousClock.now - start) / .seconds(1)
    }

    /// An answer that isn't one would make any engine look fast.
    private static func check(_ result: CommandResult) throws {
        guard result.failure == nil, !result.output.isEmpty else {
            throw BenchmarkError("\(result.command): \(result.failure ?? "no output")")
        }
    }
}
