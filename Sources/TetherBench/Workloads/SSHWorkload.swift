import Logging
import NIOCore
import NIOPosix
import SSH

/// The reference program's work, through our SSH module.
struct SSHWorkload: Sendable {
    var devices: SimulatedDevices
    var group: MultiThreadedEventLoopGroup
    var logger: Logger
    /// As the reference program does: the first key that a device shows is learned, another one is refused.
    private let hostKeys: PolicyHostKeyVerifier

    init(devices: SimulatedDevices, group: MultiThreadedEventLoopGroup, logger: Logger) {
        self.devices = devices
        self.group = group
        self.logger = logger
        self.hostKeys = PolicyHostKeyVerifier(.acceptNew, knownHosts: KnownHosts(text: ""), logger: logger)
    }

    /// Connects, opens a shell, waits for its prompt and closes, `count` times, `inFlight` at a time.
    func connect(count: Int, inFlight: Int) async throws {
        try await withThrowingTaskGroup { tasks in
            for lane in 0..<inFlight {
                let loop = LoopTask(self.group.next())
                tasks.addTask {
                    // As the reference program, on one thread from the first to the last.
                    try await loop.run {
                        for index in stride(from: lane, to: count, by: inFlight) {
                            let connection = try await self.open(index, on: loop.eventLoop)
                            _ = try await PromptShell.open(on: connection)
                            await connection.close()
                        }
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }

    /// Opens `sessions` connections, each with a shell.
    func shells(_ sessions: Int) async throws -> [(connection: SSHConnection, shell: PromptShell)] {
        try await self.connections(sessions) { try await ($0, PromptShell.open(on: $0)) }
    }

    func connections(_ sessions: Int) async throws -> [SSHConnection] {
        try await self.connections(sessions) { $0 }
    }

    /// Runs `count` commands in all, each shell one at a time.
    func warm(_ shells: [(connection: SSHConnection, shell: PromptShell)], count: Int, command: String) async throws {
        try await withThrowingTaskGroup { tasks in
            for (index, share) in Self.shares(of: count, among: shells.count).enumerated() {
                tasks.addTask { try await shells[index].shell.run(command, times: share) }
            }
            try await tasks.waitForAll()
        }
    }

    /// Runs `count` commands in all, each on a channel of its own, each connection one at a time.
    func exec(_ connections: [SSHConnection], count: Int, command: String) async throws {
        try await withThrowingTaskGroup { tasks in
            for (index, share) in Self.shares(of: count, among: connections.count).enumerated() {
                let connection = connections[index]
                tasks.addTask {
                    try await LoopTask(connection.eventLoop).run {
                        for _ in 0..<share { _ = try await connection.execute(command) { _, _ in } }
                    }
                }
            }
            try await tasks.waitForAll()
        }
    }

    /// As even parts as possible.
    static func shares(of count: Int, among parts: Int) -> [Int] {
        (0..<parts).map { count / parts + ($0 < count % parts ? 1 : 0) }
    }

    /// As many as the reference program opens at the same time.
    static let openingInFlight = 32

    private func connections<Result: Sendable>(
        _ count: Int,
        _ prepare: @escaping @Sendable (SSHConnection) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: [Result].self) { tasks in
            for lane in 0..<min(Self.openingInFlight, count) {
                let loop = LoopTask(self.group.next())
                tasks.addTask {
                    try await loop.run {
                        var results: [Result] = []
                        for index in stride(from: lane, to: count, by: Self.openingInFlight) {
                            results.append(try await prepare(try await self.open(index, on: loop.eventLoop)))
                        }
                        return results
                    }
                }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
    }

    private func open(_ index: Int, on eventLoop: any EventLoop) async throws -> SSHConnection {
        try await SSHConnection.connect(
            SSHConfiguration(
                host: self.devices.host(index),
                port: self.devices.port,
                username: self.devices.user,
                authentication: [.password(Secret(self.devices.password))],
                hostKeyVerifier: self.hostKeys
            ),
            on: eventLoop,
            logger: self.logger
        )
    }
}
