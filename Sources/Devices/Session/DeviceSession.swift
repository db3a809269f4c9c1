import Logging
import NIOCore
import NIOPosix
import SSH

/// A persistent session with one device: one SSH connection, one signed-on CLI (or exec channels), one command at a time in order of call.
///
/// Isolation: an actor on the event loop of its connection.
public actor DeviceSession {
    /// Unique for each session ever opened.
    public nonisolated let id: String
    public nonisolated let device: Device
    public nonisolated let eventLoop: any EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { fatalError("stub") }

    init() { fatalError("stub") }

    /// Runs one command.
    ///
    /// `output` is called on the session's event loop with pieces of output while they come; the result holds the whole output as well unless
    /// `DeviceCommand.collectsOutput` is false.
    /// After a time-out or cancellation the session is interrupted and closed; it is never used again out of step.
    /// - Throws: `DeviceError`: its `delivery` tells whether the command may have run. A command that the device rejects is not thrown but a
    ///   result with `failure` set.
    public func run(
        _ command: DeviceCommand,
        output: (@Sendable (ByteBuffer) -> Void)? = nil
    ) async throws(DeviceError) -> CommandResult { fatalError("stub") }

    package func probe() async throws(DeviceError) { fatalError("stub") }
    /// Whether the session can take commands.
    public nonisolated var isOpen: Bool { fatalError("stub") }
    public func close() async { fatalError("stub") }
}

public struct DeviceCommand: Sendable, Hashable {
    public var text: String
    /// `nil`: the inventory's default.
    public var timeout: Duration?
    public var collectsOutput: Bool

    public init(_ text: String, timeout: Duration? = nil, collectsOutput: Bool = true) {
        self.text = text
        self.timeout = timeout
        self.collectsOutput = collectsOutput
    }
}

public struct CommandResult: Sendable, Hashable {
    public var command: String
    /// Exactly what the device printed between the echo and the next prompt.
    public var output: [UInt8]
    /// Why the command counts as failed (the device's own words, or the exit status); `nil` when it succeeded.
    public var failure: String?
    /// On platforms that have one (`linux`).
    public var exitStatus: Int?
    public var elapsed: Duration

    public init(command: String, output: [UInt8], failure: String? = nil, exitStatus: Int? = nil, elapsed: Duration) {
        self.command = command
        self.output = output
        self.failure = failure
        self.exitStatus = exitStatus
        self.elapsed = elapsed
    }

    /// The output as text; invalid UTF-8 is replaced.
    public var text: String { String(decoding: self.output, as: UTF8.self) }
}
