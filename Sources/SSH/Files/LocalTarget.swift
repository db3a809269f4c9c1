import NIOCore

/// The local end of a download: a temporary file that takes the final name when it is complete.
///
/// Isolation: on the event loop of the connection. One task uses it, and calls ``discard()`` in the end.
final class LocalTarget {
    private let path: String
    private let temporary: String
    private let permissions: UInt32?
    private let sha256: String?
    private let eventLoop: any EventLoop
    private var file: LocalFile?
    private var isInPlace = false

    init(_ path: String, permissions: UInt32?, sha256: String?, on eventLoop: any EventLoop) {
        self.path = path
        self.temporary = TemporaryName.beside(path)
        self.permissions = permissions
        self.sha256 = sha256
        self.eventLoop = eventLoop
    }

    /// Bytes written.
    var size: Int64 { self.file?.position ?? 0 }

    /// - Parameter permissions: those of the source, which count if no others were asked for.
    func create(permissions: UInt32?) async throws(SSHError) {
        let (path, mode) = (self.temporary, (self.permissions ?? permissions ?? 0o600) & 0o777)
        // The owner can always write it; a configuration that nobody else may read stays so from the first byte on.
        self.file = try await LocalFile.onPool(self.eventLoop) {
            try LocalFile.create(path, permissions: mode | 0o200)
        }
    }

    func write(_ pieces: [ByteBuffer]) async throws(SSHError) {
        guard let file = self.file else { return }
        self.file = try await LocalFile.onPool(self.eventLoop) {
            var file = file
            try file.write(pieces)
            return file
        }
    }

    func complete() async throws(SSHError) -> FileTransfer.Receipt {
        guard let file = self.file else { throw SSHError(.transferFailed, "No file was received.") }
        try file.check(sha256: self.sha256, "What was received for \(self.path)")
        let (temporary, path) = (self.temporary, self.path)
        try await LocalFile.onPool(self.eventLoop) {
            try file.synchronize()
            try LocalFile.rename(temporary, to: path)
        }
        self.isInPlace = true
        return FileTransfer.Receipt(
            size: file.position, sha256: file.sha256, isAtomic: true, isSynchronized: true)
    }

    /// Closes the file, and removes it unless it is complete.
    func discard() async {
        guard let file = self.file else { return }
        self.file = nil
        let temporary = self.isInPlace ? nil : self.temporary
        try? await LocalFile.onPool(self.eventLoop) {
            file.close()
            if let temporary { LocalFile.remove(temporary) }
        }
    }
}
