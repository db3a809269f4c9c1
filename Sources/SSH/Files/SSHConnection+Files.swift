import NIOCore

extension SSHConnection {
    /// Sends a file.
    ///
    /// Memory use doesn't depend on the file's size. Cancelling the task stops the transfer and removes the temporary file on the
    /// other side; a lost connection leaves it behind, under a name that begins with `.tether-`, but never a part of a file
    /// under the final name (except by `scp` and `inPlace`, see ``FileTransfer``).
    ///
    /// - Throws: `transfer.…`, `session.lost`, `session.closed`, `cancelled`.
    package func upload(
        _ localPath: String,
        to remotePath: String,
        options: FileTransfer.Options = FileTransfer.Options(),
        progress: FileTransfer.Observer? = nil
    ) async throws(SSHError) -> FileTransfer.Receipt {
        if let sha256 = options.sha256, options.method == .scp || options.placement == .inPlace {
            // What is written in place can't be taken back.
            try await LocalFile.onPool(self.eventLoop) { try LocalFile.check(localPath, sha256: sha256) }
        }
        let file = try await LocalFile.onPool(self.eventLoop) { try LocalFile.read(localPath) }
        let channel = self.makeTransferChannel(
            options.method == .sftp ? .subsystem("sftp") : .program(SCPCommand.receive(remotePath)), options)
        let result = await self.running(channel) { () async throws(SSHError) -> FileTransfer.Receipt in
            switch options.method {
            case .sftp:
                try await SFTPUpload(SFTPSession(channel), file, to: remotePath, options, progress).run()
            case .scp:
                try await SCPUpload(channel, file, to: remotePath, options, progress).run()
            }
        }
        _ = try? await LocalFile.onPool(self.eventLoop) { file.close() }
        return try result.get()
    }

    /// Fetches a file. The local file has its name only when it is complete and on stable storage.
    ///
    /// Memory use doesn't depend on the file's size. Cancelling the task stops the transfer; nothing stays behind.
    ///
    /// - Throws: as ``upload(_:to:options:progress:)``.
    package func download(
        _ remotePath: String,
        to localPath: String,
        options: FileTransfer.Options = FileTransfer.Options(),
        progress: FileTransfer.Observer? = nil
    ) async throws(SSHError) -> FileTransfer.Receipt {
        let target = LocalTarget(
            localPath, permissions: options.permissions, sha256: options.sha256, on: self.eventLoop)
        let channel = self.makeTransferChannel(
            options.method == .sftp ? .subsystem("sftp") : .program(SCPCommand.send(remotePath)), options)
        let result = await self.running(channel) { () async throws(SSHError) -> FileTransfer.Receipt in
            switch options.method {
            case .sftp:
                try await SFTPDownload(SFTPSession(channel), from: remotePath, progress).run(into: target)
            case .scp:
                try await SCPDownload(channel, from: remotePath, progress).run(into: target)
            }
        }
        await target.discard()
        return try result.get()
    }

    /// Runs a transfer that the cancellation of the task interrupts, and closes its channel.
    private func running(
        _ channel: TransferChannel,
        _ body: () async throws(SSHError) -> FileTransfer.Receipt
    ) async -> Result<FileTransfer.Receipt, SSHError> {
        let eventLoop = self.eventLoop
        let bound = NIOLoopBound(channel, eventLoop: eventLoop)
        let result = await withTaskCancellationHandler {
            await self.result(body)
        } onCancel: {
            eventLoop.execute {
                bound.value.interrupt(SSHError(.cancelled, "The file transfer was cancelled."))
            }
        }
        if case .success = result { await channel.awaitEnd() }
        channel.close()
        return result
    }

    private func result(
        _ body: () async throws(SSHError) -> FileTransfer.Receipt
    ) async -> Result<FileTransfer.Receipt, SSHError> {
        do throws(SSHError) { return .success(try await body()) } catch { return .failure(error) }
    }
}
