import NIOCore

/// Sends one local file to `scp -t`.
///
/// Isolation: on the event loop of the connection. One task uses it.
final class SCPUpload {
    private let channel: TransferChannel
    private let conversation: SCPConversation
    private let path: String
    private let options: FileTransfer.Options
    private let observer: FileTransfer.Observer?
    private var file: LocalFile

    /// What may wait to be sent; the window of the channel comes on top.
    private static let maximumUnsent = 512 * 1024

    init(
        _ channel: TransferChannel, _ file: LocalFile, to path: String, _ options: FileTransfer.Options,
        _ observer: FileTransfer.Observer?
    ) {
        self.channel = channel
        self.conversation = SCPConversation(channel)
        self.file = file
        self.path = path
        self.options = options
        self.observer = observer
    }

    func run() async throws(SSHError) -> FileTransfer.Receipt {
        try await self.conversation.start()
        try await self.conversation.expectReady("Writing \(self.path)")
        let mode = String((self.options.permissions ?? self.file.permissions) & 0o7777, radix: 8)
        let name = self.path.split(separator: "/").last.map(String.init) ?? "file"
        let padded = String(repeating: "0", count: max(0, 4 - mode.count)) + mode
        // A line break in a name would be the end of the message.
        self.channel.write(
            ByteBuffer(string: "C\(padded) \(self.file.size) \(name.replacing("\n", with: "_"))\n"))
        try await self.conversation.expectReady("Writing \(self.path)")
        let size = self.file.size
        while self.file.position < size {
            let file = self.file
            let (next, chunk) = try await LocalFile.onPool(self.channel.core.eventLoop) {
                var file = file
                let chunk = try file.read(upTo: Int(min(Int64(FileTransfer.chunkSize), size - file.position)))
                return (file, chunk)
            }
            self.file = next
            guard chunk.readableBytes > 0 else {
                throw SSHError(
                    .transferIncomplete,
                    "The local file changed while it was sent: it had \(size) bytes, \(next.position) were read.")
            }
            try await self.channel.wait {
                self.channel.unsent + chunk.readableBytes <= Self.maximumUnsent || self.conversation.hasMessage
            }
            // A full disk is reported in the middle.
            if self.conversation.hasMessage { try await self.conversation.expectReady("Writing \(self.path)") }
            self.channel.write(chunk)
            self.observer?(
                FileTransfer.Progress(completed: next.position - Int64(self.channel.unsent), total: size))
        }
        try self.file.check(sha256: self.options.sha256, "The file that was sent to \(self.path)")
        self.channel.write(ByteBuffer(bytes: [0]))
        try await self.conversation.expectReady("Writing \(self.path)")
        self.channel.endInput()
        return FileTransfer.Receipt(size: size, sha256: self.file.sha256, isAtomic: false, isSynchronized: false)
    }
}
