import NIOCore

/// Sends one local file by SFTP.
///
/// Isolation: on the event loop of the connection. One task uses it.
final class SFTPUpload {
    private let sftp: SFTPSession
    private let path: String
    private let options: FileTransfer.Options
    private let observer: FileTransfer.Observer?
    private var file: LocalFile

    /// Bytes sent and not yet confirmed.
    private var inFlight = 0
    private var confirmed: Int64 = 0
    private var failure: SFTPStatus?
    private var isMalformed = false

    /// The draft lets a server refuse packets beyond 34,000 bytes.
    private static let writeLength = 32 * 1024
    private static let maximumInFlight = 2 * 1024 * 1024

    init(
        _ sftp: SFTPSession, _ file: LocalFile, to path: String, _ options: FileTransfer.Options,
        _ observer: FileTransfer.Observer?
    ) {
        self.sftp = sftp
        self.file = file
        self.path = path
        self.options = options
        self.observer = observer
    }

    /// Runs to the end. On a throw the temporary file has been removed, if the connection is still there.
    func run() async throws(SSHError) -> FileTransfer.Receipt {
        try await self.sftp.start()
        let isRenamed = self.options.placement == .renamed
        let target = isRenamed ? TemporaryName.beside(self.path) : self.path
        let permissions = self.options.permissions ?? self.file.permissions
        let last = isRenamed ? SFTPRequest.exclusiveFlag : SFTPRequest.truncateFlag
        let handle = try await self.sftp.open(
            target, flags: SFTPRequest.writeFlag | SFTPRequest.createFlag | last, permissions: permissions)
        var isOpen = true
        do throws(SSHError) {
            try await self.sendAll(handle)
            try self.file.check(sha256: self.options.sha256, "The file that was sent to \(self.path)")
            try await self.checkSize(handle)
            let isSynchronized = try await self.synchronize(handle)
            isOpen = false
            try await self.sftp.perform(.close(handle: handle), "Closing \(self.path)")
            let isAtomic = isRenamed ? try await self.moveIntoPlace(target) : false
            return FileTransfer.Receipt(
                size: self.confirmed, sha256: self.file.sha256, isAtomic: isAtomic, isSynchronized: isSynchronized)
        } catch {
            await self.cleanUp(isOpen ? handle : nil, isRenamed ? target : nil, after: error)
            throw error
        }
    }

    private func sendAll(_ handle: ByteBuffer) async throws(SSHError) {
        while true {
            let (next, chunk) = try await self.readChunk()
            self.file = next
            guard chunk.readableBytes > 0 else { break }
            try await self.wait { self.inFlight + chunk.readableBytes <= Self.maximumInFlight }
            try await self.check(handle)
            self.inFlight += chunk.readableBytes
            self.sftp.sendWrites(
                chunk, handle: handle, offset: self.file.position - Int64(chunk.readableBytes),
                length: Self.writeLength
            ) { count, reply in
                self.confirm(count, reply)
            }
        }
        try await self.wait { self.inFlight == 0 }
        try await self.check(handle)
        guard self.file.position == self.file.size else {
            throw SSHError(
                .transferIncomplete,
                "The local file changed while it was sent: it had \(self.file.size) bytes, \(self.file.position) were read."
            )
        }
    }

    private func readChunk() async throws(SSHError) -> (LocalFile, ByteBuffer) {
        let file = self.file
        return try await LocalFile.onPool(self.sftp.channel.core.eventLoop) {
            var file = file
            let chunk = try file.read(upTo: FileTransfer.chunkSize)
            return (file, chunk)
        }
    }

    private func wait(until condition: @escaping () -> Bool) async throws(SSHError) {
        try await self.sftp.channel.wait { condition() || self.failure != nil || self.isMalformed }
    }

    private func confirm(_ count: Int, _ reply: SFTPReply) {
        self.inFlight -= count
        guard case .status(let status) = reply else {
            self.isMalformed = true
            return
        }
        if status.code == SFTPStatus.ok {
            self.confirmed += Int64(count)
            self.observer?(FileTransfer.Progress(completed: self.confirmed, total: self.file.size))
        } else if self.failure == nil {
            self.failure = status
        }
    }

    /// Throws what a write has been answered with.
    private func check(_ handle: ByteBuffer) async throws(SSHError) {
        if self.isMalformed { throw self.sftp.malformed("an answer of another kind to a write") }
        guard let failure else { return }
        let error = failure.error("Writing \(self.path) failed", self.sftp.endpoint)
        // Version 3 has no status for a full disk; OpenSSH says no more than "Failure".
        if failure.code == SFTPStatus.failure, error.code == .transferFailed,
            self.sftp.extensions.contains("fstatvfs@openssh.com"),
            case .extended(var figures) = try await self.sftp.ask(.fileSystem(handle: handle)),
            // Block sizes, blocks, free blocks, then those that users may have.
            figures.readBytes(length: 32) != nil, let available: UInt64 = figures.readInteger(), available == 0
        {
            throw SSHError(
                .transferNoSpace, "Writing \(self.path) on \(self.sftp.endpoint) failed: its file system is full.")
        }
        throw error
    }

    private func checkSize(_ handle: ByteBuffer) async throws(SSHError) {
        // A device that isn't a file (such as a printer port) has no size.
        guard let attributes = try await self.sftp.attributes(.attributesOfHandle(handle)),
            !attributes.isOtherThanFile, let size = attributes.size
        else { return }
        guard size == UInt64(self.confirmed) else {
            throw SSHError(
                .transferIncomplete,
                "\(self.path) on \(self.sftp.endpoint) has \(size) bytes after \(self.confirmed) were sent.")
        }
    }

    private func synchronize(_ handle: ByteBuffer) async throws(SSHError) -> Bool {
        guard self.sftp.extensions.contains("fsync@openssh.com") else { return false }
        try await self.sftp.perform(.synchronize(handle: handle), "Writing \(self.path) to stable storage")
        return true
    }

    /// Gives the complete file its name. `true` if that was one step.
    private func moveIntoPlace(_ temporary: String) async throws(SSHError) -> Bool {
        if self.sftp.extensions.contains("posix-rename@openssh.com") {
            try await self.sftp.perform(.replace(from: temporary, to: self.path), "Renaming to \(self.path)")
            return true
        }
        // The plain rename of version 3 fails when there is such a file (§6.5), and is one step when there isn't.
        let rename = SFTPRequest.rename(from: temporary, to: self.path)
        guard case .status(let status) = try await self.sftp.ask(rename) else {
            throw self.sftp.malformed("an answer of another kind to renaming")
        }
        if status.code == SFTPStatus.ok { return true }
        let refusal = status.error("Renaming to \(self.path) failed", self.sftp.endpoint)
        guard refusal.code == .transferFailed,
            let old = try await self.sftp.attributes(.attributesOfPath(self.path)), !old.isOtherThanFile
        else { throw refusal }
        try await self.moveIntoPlace(rename, movingAside: TemporaryName.beside(self.path))
        return false
    }

    /// Renames when a file is in the way. Should that fail, the old file gets its name back.
    private func moveIntoPlace(_ rename: SFTPRequest, movingAside old: String) async throws(SSHError) {
        try await self.sftp.perform(.rename(from: self.path, to: old), "Moving the old \(self.path) aside")
        do throws(SSHError) {
            try await self.sftp.perform(rename, "Renaming to \(self.path)")
        } catch {
            self.sftp.channel.resumeForCleanUp()
            if self.sftp.channel.isOpen { _ = try? await self.sftp.ask(.rename(from: old, to: self.path)) }
            throw error
        }
        do throws(SSHError) {
            try await self.sftp.perform(.remove(path: old), "Removing the old \(self.path)")
        } catch {
            self.warn(of: old, error)
        }
    }

    /// Best effort, bounded like every wait; a server that has been silent for that long already is not waited for.
    private func cleanUp(_ handle: ByteBuffer?, _ temporary: String?, after error: SSHError) async {
        self.sftp.channel.resumeForCleanUp()
        guard self.sftp.channel.isOpen else { return }
        if error.code == .transferTimeout {
            if let handle { self.sftp.send(.close(handle: handle)) { _ in } }
            if let temporary { self.sftp.send(.remove(path: temporary)) { _ in } }
            return
        }
        do throws(SSHError) {
            if let handle { _ = try await self.sftp.ask(.close(handle: handle)) }
            if let temporary { _ = try await self.sftp.ask(.remove(path: temporary)) }
        } catch {
            self.warn(of: temporary ?? "", error)
        }
    }

    private func warn(of temporary: String, _ error: SSHError) {
        self.sftp.channel.core.logger.warning(
            "A temporary file stays behind",
            metadata: ["host": "\(self.sftp.endpoint)", "file": "\(temporary)", "error": "\(error)"])
    }
}

/// Names for files that are not complete yet.
enum TemporaryName {
    /// In the same folder, so that a rename stays within one file system. Of at most 23 characters: small devices have limits.
    static func beside(_ path: String) -> String {
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        let digits = String(UInt64.random(in: .min ... .max), radix: 36)
        return "\(folder).tether-\(digits).tmp"
    }
}
