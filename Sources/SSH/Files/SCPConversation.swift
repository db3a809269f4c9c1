import NIOCore

/// The two directions of an `scp` channel: control messages and data from the other side, short answers to it.
///
/// Isolation: on the event loop of the connection. One task uses it.
final class SCPConversation {
    private let channel: TransferChannel
    private var reader = SCPMessageReader()
    private var pieces: [ByteBuffer] = []
    /// Bytes that have come and not been taken.
    private(set) var waitingBytes: Int64 = 0

    /// Past this much the other side is held up.
    private static let maximumWaiting: Int64 = 2 * 1024 * 1024

    init(_ channel: TransferChannel) { self.channel = channel }

    func start() async throws(SSHError) {
        self.channel.onInput = { piece in
            self.pieces.append(piece)
            self.waitingBytes += Int64(piece.readableBytes)
            if self.waitingBytes >= Self.maximumWaiting { self.channel.setPaused(true) }
        }
        try await self.channel.open()
    }

    var hasMessage: Bool { self.waitingBytes > 0 }

    func sayReady() { self.channel.write(ByteBuffer(bytes: [0])) }

    /// Takes data in order.
    func takeData(upTo limit: Int64) -> [ByteBuffer] {
        var taken: [ByteBuffer] = []
        var count: Int64 = 0
        var index = 0
        while index < self.pieces.count, count < limit {
            let length = min(Int64(self.pieces[index].readableBytes), limit - count)
            if let piece = self.pieces[index].readSlice(length: Int(length)) { taken.append(piece) }
            count += length
            if self.pieces[index].readableBytes == 0 { index += 1 }
        }
        self.pieces.removeFirst(index)
        self.waitingBytes -= count
        self.channel.setPaused(false)
        return taken
    }

    func expectReady(_ what: String) async throws(SSHError) {
        guard case .ready = try await self.message(what) else { throw self.malformed("no confirmation") }
    }

    func expectFile(_ what: String) async throws(SSHError) -> (permissions: UInt32, size: Int64) {
        var message = try await self.message(what)
        if case .times = message {
            self.sayReady()
            message = try await self.message(what)
        }
        guard case .file(let permissions, let size) = message else { throw self.malformed("no file") }
        return (permissions, size)
    }

    /// The next message; complaints are thrown.
    private func message(_ what: String) async throws(SSHError) -> SCPMessage {
        while true {
            while !self.pieces.isEmpty {
                switch try self.nextMessage() {
                case nil:
                    continue
                case .warning(let words), .fatal(let words):
                    throw SSHError(
                        .transferCode(words: words) ?? .transferFailed,
                        "\(what) on \(self.channel.endpoint) failed: \(words).")
                case .some(let message):
                    return message
                }
            }
            try await self.channel.wait { !self.pieces.isEmpty }
        }
    }

    private func nextMessage() throws(SSHError) -> SCPMessage? {
        let before = self.pieces[0].readableBytes
        do throws(SCPMessageReader.Malformed) {
            let message = try self.reader.next(&self.pieces[0])
            self.waitingBytes -= Int64(before - self.pieces[0].readableBytes)
            if self.pieces[0].readableBytes == 0 { self.pieces.removeFirst() }
            return message
        } catch {
            throw self.malformed("\"\(error.line)\"")
        }
    }

    private func malformed(_ what: String) -> SSHError {
        SSHError(.transferFailed, "\(self.channel.endpoint) broke the SCP protocol: \(what).")
    }
}
