import NIOCore

/// Fetches one file by SFTP.
///
/// Isolation: on the event loop of the connection. One task uses it.
final class SFTPDownload {
    private let sftp: SFTPSession
    private let path: String
    private let observer: FileTransfer.Observer?
    private var pipeline = SFTPReadPipeline()
    private var failure: SSHError?

    init(_ sftp: SFTPSession, from path: String, _ observer: FileTransfer.Observer?) {
        self.sftp = sftp
        self.path = path
        self.observer = observer
    }

    /// Runs to the end. Nothing of the local file is left on a throw.
    func run(into target: LocalTarget) async throws(SSHError) -> FileTransfer.Receipt {
        try await self.sftp.start()
        let handle = try await self.sftp.open(self.path, flags: SFTPRequest.readFlag)
        let attributes = try await self.sftp.attributes(.attributesOfHandle(handle))
        if let attributes, attributes.isOtherThanFile {
            throw SSHError(.transferFailed, "\(self.path) on \(self.sftp.endpoint) is not a regular file.")
        }
        let total = attributes?.size.flatMap { Int64(exactly: $0) }
        try await target.create(permissions: attributes?.permissions)
        self.refill(handle)
        while !self.pipeline.isFinished {
            try await self.sftp.channel.wait {
                self.pipeline.ready >= FileTransfer.chunkSize || self.pipeline.endIsReady || self.failure != nil
            }
            if let failure { throw failure }
            let pieces = self.pipeline.take()
            self.refill(handle)
            try await target.write(pieces)
            self.observer?(FileTransfer.Progress(completed: target.size, total: total))
        }
        // Files of virtual file systems say that they are empty; one that is written to may have grown.
        if let total, target.size < total {
            throw SSHError(
                .transferIncomplete,
                "\(self.path) on \(self.sftp.endpoint) ended after \(target.size) of \(total) bytes.")
        }
        // The server closes the file with the channel, too.
        self.sftp.send(.close(handle: handle)) { _ in }
        return try await target.complete()
    }

    private func refill(_ handle: ByteBuffer) {
        while let read = self.pipeline.nextRead() {
            self.sftp.send(.read(handle: handle, offset: read.offset, length: read.length)) { reply in
                self.received(reply, for: read, handle)
            }
        }
    }

    private func received(_ reply: SFTPReply, for read: SFTPReadPipeline.Read, _ handle: ByteBuffer) {
        guard self.failure == nil else { return }
        let isPlausible: Bool
        switch reply {
        case .data(let data):
            isPlausible = self.pipeline.received(data, for: read.slot)
        case .status(let status) where status.code == SFTPStatus.endOfFile:
            isPlausible = self.pipeline.received(nil, for: read.slot)
        case .status(let status):
            self.failure = status.error("Reading \(self.path) failed", self.sftp.endpoint)
            return
        default:
            isPlausible = false
        }
        if isPlausible {
            self.refill(handle)
        } else {
            self.failure = self.sftp.malformed("an answer that doesn't fit to a read")
        }
    }
}
