import Dialogue
import SSH

extension DeviceSession {
    /// Sends a file: over a channel of the session's connection where the device allows a second one, else over a connection of its own, with the same
    /// credentials and the same check of the host key. By SFTP or SCP, as the platform has it.
    ///
    /// By SFTP the file has its name on the device only when it is complete. Afterwards the device computes its hash, where it can.
    ///
    /// - Parameters:
    ///   - remotePath: Without a directory, it belongs into the one that the platform keeps files in.
    ///   - verifies: Whether to have the device compute the hash.
    /// - Throws: `transfer.…` (`transfer.corrupt` when the hashes differ), `operation.unsupported`, or what ends a command.
    public func upload(
        localFile: String,
        remotePath: String,
        verifies: Bool = true
    ) async throws(DeviceError) -> FileReceipt {
        let (path, options) = try self.transfer(remotePath)
        return try await self.withTurn { turn throws(DeviceError) in
            let receipt = try await self.transferring { connection throws(SSHError) in
                try await connection.upload(localFile, to: path, options: options)
            }
            return try await self.receipt(receipt, of: localFile, path, verifies: verifies, in: turn)
        }
    }

    /// Fetches a file, in the same ways as ``upload(localFile:remotePath:verifies:)``. The local file has its name only when it is complete.
    public func download(
        remoteFile: String,
        localPath: String,
        verifies: Bool = true
    ) async throws(DeviceError) -> FileReceipt {
        let (path, options) = try self.transfer(remoteFile)
        return try await self.withTurn { turn throws(DeviceError) in
            let receipt = try await self.transferring { connection throws(SSHError) in
                try await connection.download(path, to: localPath, options: options)
            }
            return try await self.receipt(receipt, of: localPath, path, verifies: verifies, in: turn)
        }
    }

    private func transfer(_ path: String) throws(DeviceError) -> (String, FileTransfer.Options) {
        let method = self.plan.platform.fileTransfer
        guard !path.isEmpty, DialogueMachine.isSendable(path) else {
            throw DeviceCommand.invalid(
                self.device.name, "a path on a device must be one line without control characters")
        }
        let hasDirectory = path.contains("/") || path.contains(":") || path.contains("\\")
        let full = hasDirectory ? path : method.directory + path
        switch method.transport {
        case .sftp: return (full, FileTransfer.Options(method: .sftp, mayWrite: self.plan.mayWrite))
        case .scp: return (full, FileTransfer.Options(method: .scp, mayWrite: self.plan.mayWrite))
        case .none: throw self.unsupported("has no file transfer over SSH")
        }
    }

    private func transferring(
        _ body: (SSHConnection) async throws(SSHError) -> FileTransfer.Receipt
    ) async throws(DeviceError) -> FileTransfer.Receipt {
        guard let connection = self.connection, self.mayWrite() else {
            throw DeviceError.sessionClosed(self.device.name)
        }
        do throws(SSHError) {
            // A shell whose connection takes no second channel: the device has said so before.
            guard self.takesSecondChannel else { return try await self.transferringApart(body) }
            do throws(SSHError) {
                return try await body(connection)
            } catch  where error.code == .transferRefused && self.plan.platform.transport == .terminal {
                // Refused before it began: by a limit of channels on a connection, maybe.
                let receipt = try await self.transferringApart(body)
                self.takesSecondChannel = false
                return receipt
            }
        } catch {
            // Where the transfer was broken off for that, the session is over, too.
            _ = self.mayWrite()
            throw DeviceError(
                error, device: self.device.name, delivery: Self.cameBeforeTransfer(error) ? .notSent : .unknown)
        }
    }

    private func transferringApart(
        _ body: (SSHConnection) async throws(SSHError) -> FileTransfer.Receipt
    ) async throws(SSHError) -> FileTransfer.Receipt {
        let connection = try await self.secondConnection()
        let result: Result<FileTransfer.Receipt, SSHError>
        do throws(SSHError) { result = .success(try await body(connection)) } catch { result = .failure(error) }
        await connection.close()
        return try result.get()
    }

    private func secondConnection() async throws(SSHError) -> SSHConnection {
        do throws(SSHError) {
            return try await SSHConnection.connect(self.plan.connection, on: self.eventLoop, logger: self.logger)
        } catch  where error.code == .authenticationFailed {
            // The session may be older than the password.
            guard let methods = await self.plan.replacedAuthentication() else { throw error }
            var configuration = self.plan.connection
            configuration.authentication = methods
            return try await SSHConnection.connect(configuration, on: self.eventLoop, logger: self.logger)
        }
    }

    /// Whether an error ended it before anything was copied.
    private static func cameBeforeTransfer(_ error: SSHError) -> Bool {
        if error.code == .transferRefused || error.code == .channelRefused { return true }
        return ["connect.", "ssh.", "hostkey.", "auth."].contains { error.code.rawValue.hasPrefix($0) }
    }

    // MARK: Verification

    private func receipt(
        _ receipt: FileTransfer.Receipt,
        of localFile: String,
        _ path: String,
        verifies: Bool,
        in turn: Turn
    ) async throws(DeviceError) -> FileReceipt {
        FileReceipt(
            remotePath: path,
            size: receipt.size,
            sha256: receipt.sha256,
            isAtomic: receipt.isAtomic,
            verification: try await self.verify(localFile, path, receipt, verifies: verifies, in: turn)
        )
    }

    private func verify(
        _ localFile: String,
        _ path: String,
        _ receipt: FileTransfer.Receipt,
        verifies: Bool,
        in turn: Turn
    ) async throws(DeviceError) -> FileReceipt.Verification {
        guard verifies else { return .size(reason: "no hash was asked for") }
        guard let checksum = self.plan.platform.fileTransfer.checksum else {
            return .size(reason: "the platform has no command that computes a hash")
        }
        guard let argument = self.argument(path) else {
            return .size(reason: "the path can't be an argument of the command that computes a hash")
        }
        let answer: CommandResult
        do throws(DeviceError) {
            answer = try await self.run(checksum.step, as: checksum.step.command(path: argument), in: turn)
        } catch {
            // The file is there; only its hash isn't.
            throw DeviceError(
                code: error.code, message: error.message, delivery: .answered,
                sessionIsInStep: error.sessionIsInStep, question: error.question, partialOutput: error.partialOutput)
        }
        guard answer.failure == nil, let theirs = checksum.hash(in: answer.text) else {
            return .size(reason: "the device didn't tell a hash: \(answer.failure ?? String(answer.text.prefix(200)))")
        }
        let ours: String
        switch checksum.algorithm {
        case .sha256: ours = receipt.sha256
        case .md5, .sha1, .sha512:
            do {
                ours = try await LocalHash.of(localFile, checksum.algorithm)
            } catch {
                return .size(reason: "the local file can't be read again: \(error)")
            }
        }
        guard ours == theirs else {
            throw DeviceError(
                code: "transfer.corrupt",
                message:
                    "\(self.device.name): \(quoted(path)) isn't the same file on both sides: the device's \(checksum.algorithm.rawValue) is \(theirs), that of \(quoted(localFile)) is \(ours)",
                delivery: .answered
            )
        }
        return .hash(algorithm: checksum.algorithm.rawValue, digits: ours)
    }

    /// A path as it may stand in a command; `nil` where a device could take it for something else. `linux` has a shell, whose quotes are known.
    private func argument(_ path: String) -> String? {
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/:._-+=@~,".utf8.contains(byte)
            }
        }
        if isPlain { return path }
        guard self.plan.platform.transport == .exec else { return nil }
        return "'" + path.replacing("'", with: "'\\''") + "'"
    }
}
