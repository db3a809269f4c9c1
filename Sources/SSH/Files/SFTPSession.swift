import NIOCore

/// A conversation by SFTP version 3 over a subsystem channel.
///
/// It isn't libssh2's: that one opens its own channel, in the middle of which no other may be opened, keeps the whole state of a
/// write in the pointer that is passed in, and can't send `posix-rename@openssh.com` before 1.11.
///
/// Isolation: on the event loop of the connection. One task uses it.
final class SFTPSession {
    let channel: TransferChannel
    private var reader = SFTPPacketReader()
    private var pending: [UInt32: (SFTPReply) -> Void] = [:]
    private var lastID: UInt32 = 0
    private var version: SFTPReply?
    private(set) var extensions: Set<String> = []

    var endpoint: Endpoint { self.channel.endpoint }

    init(_ channel: TransferChannel) { self.channel = channel }

    /// Opens the channel and agrees on the version.
    func start() async throws(SSHError) {
        self.channel.onInput = { piece in self.consume(piece) }
        // What waits for answers refers to this session.
        self.channel.onClose = { [weak self] in self?.pending = [:] }
        try await self.channel.open()
        var hello = ByteBuffer()
        SFTPRequest.encodeStart(into: &hello)
        self.channel.write(hello)
        do {
            try await self.channel.wait { self.version != nil }
        } catch  where error.code == .transferFailed && self.channel.end != nil {
            // `sftp-server` is configured but not there.
            throw SSHError(.transferRefused, error.message)
        }
        guard case .version(let version, let extensions) = self.version, version >= 3 else {
            throw SSHError(.transferRefused, "\(self.endpoint) doesn't speak SFTP version 3.")
        }
        self.extensions = extensions
    }

    // MARK: - Requests

    /// Sends a request; `then` hears the answer, if there is one.
    func send(_ request: SFTPRequest, then: @escaping (SFTPReply) -> Void) {
        var packet = ByteBuffer()
        request.encode(id: self.makeID(then), into: &packet)
        self.channel.write(packet)
    }

    /// Sends all of `data` in writes of `length`; `then` hears each answer with the number of bytes that it is for.
    func sendWrites(
        _ data: ByteBuffer, handle: ByteBuffer, offset: Int64, length: Int, then: @escaping (Int, SFTPReply) -> Void
    ) {
        var data = data
        var packets = ByteBuffer()
        packets.reserveCapacity(data.readableBytes + (data.readableBytes / length + 1) * (32 + handle.readableBytes))
        var offset = UInt64(offset)
        while data.readableBytes > 0 {
            let count = min(length, data.readableBytes)
            let id = self.makeID { then(count, $0) }
            SFTPRequest.encodeWrite(
                id: id, handle: handle, offset: offset, data: &data, length: count, into: &packets)
            offset += UInt64(count)
        }
        self.channel.write(packets)
    }

    /// Sends a request and waits for its answer.
    func ask(_ request: SFTPRequest) async throws(SSHError) -> SFTPReply {
        var reply: SFTPReply?
        self.send(request) { reply = $0 }
        try await self.channel.wait { reply != nil }
        guard let reply else { throw self.malformed("no answer") }
        return reply
    }

    /// Asks for what is answered by a status.
    func perform(_ request: SFTPRequest, _ what: String) async throws(SSHError) {
        let reply = try await self.ask(request)
        guard case .status(let status) = reply else { throw self.malformed("an answer of another kind to \(what)") }
        guard status.code == SFTPStatus.ok else { throw status.error("\(what) failed", self.endpoint) }
    }

    func open(_ path: String, flags: UInt32, permissions: UInt32? = nil) async throws(SSHError) -> ByteBuffer {
        switch try await self.ask(.open(path: path, flags: flags, permissions: permissions)) {
        case .handle(let handle): return handle
        case .status(let status): throw status.error("Opening \(path) failed", self.endpoint)
        default: throw self.malformed("an answer of another kind to opening a file")
        }
    }

    /// `nil` if the server can't tell.
    func attributes(_ request: SFTPRequest) async throws(SSHError) -> SFTPAttributes? {
        if case .attributes(let attributes) = try await self.ask(request) { attributes } else { nil }
    }

    func malformed(_ what: String) -> SSHError {
        SSHError(.transferFailed, "\(self.endpoint) broke the SFTP protocol: \(what).")
    }

    private func makeID(_ then: @escaping (SFTPReply) -> Void) -> UInt32 {
        self.lastID &+= 1
        self.pending[self.lastID] = then
        return self.lastID
    }

    // MARK: - Answers

    private func consume(_ piece: ByteBuffer) {
        var piece = piece
        do throws(SFTPPacketReader.Malformed) {
            while let packet = try self.reader.next(&piece) {
                guard let (id, reply) = SFTPReply.decode(packet) else {
                    return self.channel.interrupt(self.malformed("an unreadable packet"))
                }
                if case .version = reply, self.version == nil {
                    self.version = reply
                    continue
                }
                guard let then = self.pending.removeValue(forKey: id) else {
                    return self.channel.interrupt(self.malformed("an answer to no request"))
                }
                then(reply)
            }
        } catch {
            self.channel.onInput = nil
            self.channel.interrupt(self.malformed("a packet of \(error.length) bytes"))
        }
    }
}
