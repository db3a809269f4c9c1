import NIOCore

/// The operations of ``DeviceSession`` by a device's name, over its persistent session; with a `credential`, over a session of its own.
///
/// Only what provably did not reach the device is tried again: a change never runs twice.
extension DeviceClient {
    /// See ``DeviceSession/runSequence(_:stopsAtFailure:output:)``.
    public func runSequence(
        _ device: String,
        _ commands: [DeviceCommand],
        stopsAtFailure: Bool = true,
        credential: Credential? = nil,
        output: (@Sendable (Int, ByteBuffer) -> Void)? = nil
    ) async throws(DeviceError) -> SequenceResult {
        try await self.perform(on: device, credential: credential) { session throws(DeviceError) in
            try await session.runSequence(commands, stopsAtFailure: stopsAtFailure, output: output)
        }
    }

    /// See ``DeviceSession/configure(_:)``.
    public func configure(
        _ device: String,
        _ change: ConfigurationChange,
        credential: Credential? = nil
    ) async throws(DeviceError) -> ConfigurationResult {
        try await self.perform(on: device, credential: credential) { session throws(DeviceError) in
            try await session.configure(change)
        }
    }

    /// See ``DeviceSession/upload(localFile:remotePath:verifies:)``.
    public func upload(
        _ device: String,
        localFile: String,
        remotePath: String,
        credential: Credential? = nil
    ) async throws(DeviceError) -> FileReceipt {
        try await self.perform(on: device, credential: credential) { session throws(DeviceError) in
            try await session.upload(localFile: localFile, remotePath: remotePath)
        }
    }

    /// See ``DeviceSession/download(remoteFile:localPath:verifies:)``.
    public func download(
        _ device: String,
        remoteFile: String,
        localPath: String,
        credential: Credential? = nil
    ) async throws(DeviceError) -> FileReceipt {
        try await self.perform(on: device, credential: credential) { session throws(DeviceError) in
            try await session.download(remoteFile: remoteFile, localPath: localPath)
        }
    }

    /// See ``DeviceSession/backup(to:)``.
    public func backup(
        _ device: String,
        to file: String? = nil,
        credential: Credential? = nil
    ) async throws(DeviceError) -> ConfigurationBackup {
        try await self.perform(on: device, credential: credential) { session throws(DeviceError) in
            try await session.backup(to: file)
        }
    }

    /// See ``DeviceSession/diff(against:of:ignoring:)``.
    public func diff(
        _ device: String,
        against baseline: DiffBaseline,
        of command: DeviceCommand? = nil,
        ignoring patterns: [String] = [],
        credential: Credential? = nil
    ) async throws(DeviceError) -> DiffResult {
        try await self.perform(on: device, credential: credential) { session throws(DeviceError) in
            try await session.diff(against: baseline, of: command, ignoring: patterns)
        }
    }

    /// See ``DeviceSession/check(_:)``.
    public func check(
        _ device: String,
        _ assertions: [OutputAssertion],
        credential: Credential? = nil
    ) async throws(DeviceError) -> CheckResult {
        try await self.perform(on: device, credential: credential) { session throws(DeviceError) in
            try await session.check(assertions)
        }
    }
}
