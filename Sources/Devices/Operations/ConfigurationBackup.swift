import Foundation
import NIOPosix

/// A device's configuration, as it told it.
public struct ConfigurationBackup: Sendable, Hashable {
    public struct Part: Sendable, Hashable {
        public var command: String
        public var output: [UInt8]
        /// From the command's turn until the next prompt or the exit status.
        public var elapsed: Duration
    }

    public var device: String
    public var platform: String
    public var takenAt: Date
    /// One for each of the platform's backup commands.
    public var parts: [Part]
    /// The file that it was written to.
    public var file: String?

    /// All parts, one after the other.
    public var text: String { String(decoding: self.parts.flatMap(\.output), as: UTF8.self) }
}

extension DeviceSession {
    /// Asks the device for its configuration with the platform's backup commands.
    ///
    /// - Parameter file: Where to write it: in one step, readable for this user only, since configurations hold secrets. Missing directories are
    ///   made. `nil`: it is only returned.
    /// - Throws: `operation.unsupported`, `command.rejected`, `backup.unwritable`, or what ends a command.
    public func backup(to file: String? = nil) async throws(DeviceError) -> ConfigurationBackup {
        let platform = self.plan.platform
        guard !platform.backup.isEmpty else {
            throw self.unsupported("has no backup commands in its definition")
        }
        let parts = try await self.withTurn { turn throws(DeviceError) in
            var parts: [ConfigurationBackup.Part] = []
            for step in platform.backup {
                let answer = try await self.run(step, in: turn)
                try self.refuseFailure(answer)
                parts.append(.init(command: answer.command, output: answer.output, elapsed: answer.elapsed))
            }
            return parts
        }
        let backup = ConfigurationBackup(
            device: self.device.name, platform: platform.name, takenAt: Date(), parts: parts, file: file)
        if let file { try await self.write(backup, to: file) }
        return backup
    }

    /// - Throws: `command.rejected` when the device refused a command that something else depends on.
    func refuseFailure(_ answer: CommandResult) throws(DeviceError) {
        guard let failure = answer.failure else { return }
        throw DeviceError(
            code: answer.exitStatus == nil ? "command.rejected" : "command.exit_status",
            message: "\(self.device.name): \(quoted(answer.command)) was refused: \(failure)",
            delivery: .answered,
            sessionIsInStep: true,
            partialOutput: answer.output
        )
    }

    private func write(_ backup: ConfigurationBackup, to file: String) async throws(DeviceError) {
        let bytes = backup.parts.flatMap(\.output)
        do {
            try await NIOThreadPool.singleton.runIfActive {
                let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try PrivateFile.write(bytes, to: file)
            }
        } catch {
            throw DeviceError(
                code: "backup.unwritable",
                message:
                    "\(self.device.name): the backup can't be written to \(quoted(file)): \(error.localizedDescription)",
                delivery: .answered,
                sessionIsInStep: true
            )
        }
    }
}
