import NIOCore

/// Fetches one file from `scp -f`.
///
/// Isolation: on the event loop of the connection. One task uses it.
final class SCPDownload {
    private let channel: TransferChannel
    private let conversation: SCPConversation
    private let path: String
    private let observer: FileTransfer.Observer?

    init(_ channel: TransferChannel, from path: String, _ observer: FileTransfer.Observer?) {
        self.channel = channel
        self.conversation = SCPConversation(channel)
        self.path = path
        self.observer = observer
    }

    /// Runs to the end. Nothing of the local file is left on a throw.
    func run(into target: LocalTarget) async throws(SSHError) -> FileTransfer.Receipt {
        try await self.conversation.start()
        self.conversation.sayReady()
        let (permissions, size) = try await self.conversation.expectFile("Reading \(self.path)")
        try await target.create(permissions: permissions)
        self.conversation.sayReady()
        while target.size < size {
            let missing = size - target.size
            try await self.channel.wait {
                self.conversation.waitingBytes >= min(missing, Int64(FileTransfer.chunkSize))
            }
            try await target.write(self.conversation.takeData(upTo: missing))
            self.observer?(FileTransfer.Progress(completed: target.size, total: size))
        }
        // A sender that couldn't read all of it has filled up with zeros, and says so now.
        try await self.conversation.expectReady("Reading \(self.path)")
        self.conversation.sayReady()
        self.channel.endInput()
        return try await target.complete()
    }
}
