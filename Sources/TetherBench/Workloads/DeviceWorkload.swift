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
    func runThroughClient(_ sessions: [DeviceSession], count: Int, command: String, onLoops: Bool) async throws {
        try await self.share(count, among: sessions) { session, share in
            let name = session.device.name
            let executor = onLoops ? self.client.taskExecutor(for: name) : nil
            try await withTaskExecutorPreference(executor) {
                for _ in 0..<share { try Self.check(try await self.client.run(name, command)) }
            }
        }
    }

    /// Runs `count` commands in all as the worker's lanes do: each session from its own event loop.
    func runOnLoops(_ sessions: [DeviceSession], count: Int, command: DeviceCommand) async throws {
        try await self.share(count, among: sessions) { session, share in
            try await LoopTask(session.eventLoop).run {
                for _ in 0..<share { try Self.check(try await session.run(command)) }
            }
        }
    }

    private func share(
        _ count: Int,
        among sessions: [DeviceSession],
        _ body: @escaping @Sendable (DeviceSession, Int) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup { tasks in
            for (session, share) in zip(sessions, SSHWorkload.shares(of: count, among: sessions.count)) {
                tasks.addTask { try await body(session, share) }
            }
            try await tasks.waitForAll()
        }
    }

    /// An answer that isn't one would make any engine look fast.
    private static func check(_ result: CommandResult) throws {
        guard result.failure == nil, !result.output.isEmpty else {
            throw BenchmarkError("\(result.command): \(result.failure ?? "no output")")
        }
    }
}
