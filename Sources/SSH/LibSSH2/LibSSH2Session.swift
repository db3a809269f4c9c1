import CLibSSH2
import CLibSSH2Keys
import NIOCore

/// Owner of a `LIBSSH2_SESSION` in non-blocking mode over ``WireBuffers``.
///
/// Isolation: none of its own. libssh2 allows one thread at a time for a session with all its channels; the connection's event
/// loop is that thread, except while the session is lent to a thread pool for signing (``Lent``).
///
/// The session is freed with the last reference; that frees its channels too and never waits for the server.
final class LibSSH2Session {
    let wire: WireBuffers
    let handle: OpaquePointer

    /// - Throws: `connect.failed` when there is no memory for a session.
    init() throws(SSHError) {
        let wire = WireBuffers()
        guard LibSSH2Library.isReady,
            let handle = libssh2_session_init_ex(
                libSSH2Allocate, libSSH2Free, libSSH2Reallocate, Unmanaged.passUnretained(wire).toOpaque())
        else {
            throw SSHError(.connectFailed, "libssh2 could not be initialised; is the machine out of memory?")
        }
        self.wire = wire
        self.handle = handle
        libssh2_session_set_blocking(handle, 0)
        clibssh2_session_set_callbacks(handle, libSSH2Send, libSSH2Receive, libSSH2Disconnect)
    }

    deinit {
        self.wire.isBroken = true
        // Channels that wait for the server's close see the broken wire and give up; a few calls are enough.
        for _ in 0..<1024 where libssh2_session_free(self.handle) != LIBSSH2_ERROR_EAGAIN { break }
    }

    /// Gives back memory that the session has claimed and not used. For sessions that last: the pages cost whoever claims them next more than half of what
    /// this module adds to libssh2's part of a connection.
    func releaseUntouchedPages() { clibssh2_session_release_untouched_pages(self.handle) }

    /// Sets the algorithms to offer, best first. Only names that the library supports may be given: it mishandles others.
    ///
    /// - Parameter names: with commas in between.
    func setPreference(_ kind: Int32, _ names: String) {
        guard !names.isEmpty else { return }
        libssh2_session_method_pref(self.handle, kind, names)
    }

    func handshake() -> LibSSH2Progress<Void> {
        // libssh2 only asks for the descriptor's flags; a number that can't be an open file keeps its hands off real ones.
        self.progress(libssh2_session_handshake(self.handle, .max))
    }

    /// The key that the server proved to own in the key exchange.
    var hostKey: HostKey? {
        var length = 0
        var type: Int32 = 0
        guard let bytes = libssh2_session_hostkey(self.handle, &length, &type), length > 4 else { return nil }
        let blob = bytes.withMemoryRebound(to: UInt8.self, capacity: length) {
            Array(UnsafeBufferPointer(start: $0, count: length))
        }
        return HostKey(blob: blob)
    }

    /// Queues SSH_MSG_DISCONNECT.
    func disconnect(reason: Int32, _ description: String) {
        libssh2_session_disconnect_ex(self.handle, reason, description, "")
    }

    /// The next step of opening a channel for a request: `session` (RFC 4254 §6.1) or `direct-tcpip` (§7.2). One opening at a
    /// time: its state is the session's, and only the first step looks at the arguments.
    func openChannel(_ request: SessionChannel.Request?, window: UInt32) -> LibSSH2Progress<LibSSH2Channel> {
        if case .tunnel(let host, let port) = request { return self.openTunnel(host, port, window: window) }
        let type = "session"
        if let channel = libssh2_channel_open_ex(
            self.handle, type, UInt32(type.utf8.count), window, UInt32(LIBSSH2_CHANNEL_PACKET_DEFAULT), nil, 0)
        {
            clibssh2_channel_clear_exit_status(channel, type)
            return .ready(LibSSH2Channel(session: self, handle: channel, window: window))
        }
        let code = libssh2_session_last_errno(self.handle)
        return code == LIBSSH2_ERROR_EAGAIN ? .pending : .failed(self.lastFailure(code))
    }

    private func openTunnel(_ host: String, _ port: Int, window: UInt32) -> LibSSH2Progress<LibSSH2Channel> {
        let type = "direct-tcpip"
        var message = ByteBuffer()
        message.writeSSHString(host)
        message.writeInteger(UInt32(clamping: port))
        // Where the connection comes from; servers only log it.
        message.writeSSHString("127.0.0.1")
        message.writeInteger(UInt32(0))
        let channel = message.withUnsafeReadableBytes { bytes in
            libssh2_channel_open_ex(
                self.handle, type, UInt32(type.utf8.count), window, UInt32(LIBSSH2_CHANNEL_PACKET_DEFAULT),
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(bytes.count))
        }
        if let channel { return .ready(LibSSH2Channel(session: self, handle: channel, window: window)) }
        let code = libssh2_session_last_errno(self.handle)
        return code == LIBSSH2_ERROR_EAGAIN ? .pending : .failed(self.lastFailure(code))
    }

    func progress(_ code: Int32) -> LibSSH2Progress<Void> {
        switch code {
        case LIBSSH2_ERROR_NONE: .ready(())
        case LIBSSH2_ERROR_EAGAIN: .pending
        default: .failed(self.lastFailure(code))
        }
    }

    func lastFailure(_ code: Int32) -> LibSSH2Failure {
        var text: UnsafeMutablePointer<CChar>?
        var length: Int32 = 0
        libssh2_session_last_error(self.handle, &text, &length, 0)
        let message = text.map { String.printable(UnsafeRawBufferPointer(start: $0, count: Int(length)), limit: 200) }
        // Some failures leave no words.
        return LibSSH2Failure(
            code: code, message: message.flatMap { $0.isEmpty ? nil : $0 } ?? "libssh2 error \(code)")
    }

    /// A session on its way through a thread pool.
    ///
    /// Sendable without the compiler's proof: the event loop gives the session away and does not touch it, nor its buffers,
    /// until the future of the pool's work has completed on the loop, so one thread at a time has it.
    struct Lent: @unchecked Sendable {
        let session: LibSSH2Session
    }
}

/// The library as a whole: initialised once per process, before the first session.
package enum LibSSH2Library {
    static let isReady: Bool = {
        guard libssh2_init(0) == 0 else { return false }
        clibssh2_keys_add_rsa_sha2()
        return true
    }()

    package static var version: String { libssh2_version(0).map { String(cString: $0) } ?? "unknown" }

    /// The names that the library can negotiate for each `LIBSSH2_METHOD_…`.
    static let supported: [Int32: [String]] = {
        guard let session = try? LibSSH2Session() else { return [:] }
        var result: [Int32: [String]] = [:]
        for kind in [
            LIBSSH2_METHOD_KEX, LIBSSH2_METHOD_HOSTKEY, LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC,
            LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC,
        ] {
            var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
            let count = libssh2_session_supported_algs(session.handle, kind, &names)
            guard count > 0, let names else { continue }
            result[kind] = (0..<Int(count)).compactMap { index in names[index].map { String(cString: $0) } }
            libssh2_free(session.handle, names)
        }
        return result
    }()
}
