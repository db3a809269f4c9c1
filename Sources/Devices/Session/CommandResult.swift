/// A device's answer to a command.
public struct CommandResult: Sendable, Hashable {
    public var command: String
    /// Exactly what the device printed between the echo and the next prompt. On exec channels standard output and standard error, in the
    /// order in which they arrived.
    public var output: [UInt8]
    /// Why the command counts as failed (the device's own words, or the exit status); `nil` when it succeeded.
    public var failure: String?
    /// On platforms that have one (`linux`).
    public var exitStatus: Int?
    /// The device ended the session, as the command (`DeviceCommand.endsSession`) was declared to make it do. A command that was declared so and
    /// came back to the prompt has not.
    public var endedSession: Bool
    /// From the command's turn until the next prompt or the exit status.
    public var elapsed: Duration

    public init(
        command: String,
        output: [UInt8],
        failure: String? = nil,
        exitStatus: Int? = nil,
        endedSession: Bool = false,
        elapsed: Duration
    ) {
        self.command = command
        self.output = output
        self.failure = failure
        self.exitStatus = exitStatus
        self.endedSession = endedSession
        self.elapsed = elapsed
    }

    /// The output as text; invalid UTF-8 is replaced.
    public var text: String { String(decoding: self.output, as: UTF8.self) }
}
