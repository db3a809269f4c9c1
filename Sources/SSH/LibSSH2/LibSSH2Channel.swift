import CLibSSH2
import NIOCore

/// A `LIBSSH2_CHANNEL`. Keeps its session alive; freed by ``free()`` or together with the session.
///
/// Isolation: as its session.
final class LibSSH2Channel {
    private let session: LibSSH2Session
    private var handle: OpaquePointer?
    private let allowance: Int

    /// - Parameter window: what the server may send before it is read. Packets may be small, and each takes more than its data.
    init(session: LibSSH2Session, handle: OpaquePointer, window: UInt32) {
        self.session = session
        self.handle = handle
        self.allowance = 4 * Int(window)
        session.wire.allocationLimit += self.allowance
    }

    deinit { self.session.wire.allocationLimit -= self.allowance }

    /// Stream identifiers of RFC 4254 §5.2.
    static let standardOutput: Int32 = 0
    static let standardError: Int32 = SSH_EXTENDED_DATA_STDERR

    /// Makes standard error arrive among standard output. Unread, it would use up the window and stall both.
    func mergeStandardError() {
        libssh2_channel_handle_extended_data2(self.handle, LIBSSH2_CHANNEL_EXTENDED_DATA_MERGE)
    }

    func requestTerminal(_ terminal: PseudoTerminal) -> LibSSH2Progress<Void> {
        self.session.progress(
            libssh2_channel_request_pty_ex(
                self.handle, terminal.type, UInt32(terminal.type.utf8.count), nil, 0, Int32(terminal.columns),
                Int32(terminal.rows), 0, 0))
    }

    func startShell() -> LibSSH2Progress<Void> {
        self.session.progress(libssh2_channel_process_startup(self.handle, "shell", 5, nil, 0))
    }

    func execute(_ command: String) -> LibSSH2Progress<Void> {
        self.session.progress(
            libssh2_channel_process_startup(self.handle, "exec", 4, command, UInt32(command.utf8.count)))
    }

    func startSubsystem(_ name: String) -> LibSSH2Progress<Void> {
        self.session.progress(
            libssh2_channel_process_startup(self.handle, "subsystem", 9, name, UInt32(name.utf8.count)))
    }

    /// Asks the server something that it has to answer: to set an environment variable (RFC 4254 §6.4), which servers refuse once
    /// the program runs, and by default before. `.ready` or `.failed` once the answer is there.
    func askForAnswer() -> LibSSH2Progress<Void> {
        let name = "TETHER_KEEPALIVE"
        return self.session.progress(
            libssh2_channel_setenv_ex(self.handle, name, UInt32(name.utf8.count), "", 0))
    }

    func sendEndOfFile() -> LibSSH2Progress<Void> {
        self.session.progress(libssh2_channel_send_eof(self.handle))
    }

    /// Reads into `buffer`. `.ready(0)` at the end of the stream.
    ///
    /// This is also what makes libssh2 take in packets, for this channel and all others, answer the server's own requests, and
    /// renew keys.
    func read(stream: Int32, into buffer: UnsafeMutableRawBufferPointer) -> LibSSH2Progress<Int> {
        let count = libssh2_channel_read_ex(
            self.handle, stream, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        if count >= 0 { return .ready(count) }
        if count == Int(LIBSSH2_ERROR_EAGAIN) { return .pending }
        return .failed(self.session.lastFailure(Int32(truncatingIfNeeded: count)))
    }

    /// Writes the head of `buffer`, so many bytes. After `.pending` the next call must begin with the same bytes.
    func write(_ buffer: ByteBuffer) -> LibSSH2Progress<Int> {
        let count = buffer.withUnsafeReadableBytes { bytes in
            libssh2_channel_write_ex(
                self.handle, 0, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        if count >= 0 { return .ready(count) }
        if count == Int(LIBSSH2_ERROR_EAGAIN) { return .pending }
        return .failed(self.session.lastFailure(Int32(truncatingIfNeeded: count)))
    }

    /// The server will send no more, and all that it sent has been read.
    var isAtEnd: Bool { libssh2_channel_eof(self.handle) != 0 }

    /// Whether the server has closed the channel. Only to be asked at the end of the stream.
    func hasBeenClosed() -> LibSSH2Progress<Void> {
        self.session.progress(libssh2_channel_wait_closed(self.handle))
    }

    /// How the command ended; meaningful once the server has closed the channel.
    var exit: SSHExit {
        var name: UnsafeMutablePointer<CChar>?
        var length = 0
        libssh2_channel_get_exit_signal(self.handle, &name, &length, nil, nil, nil, nil)
        if let name {
            defer { libssh2_free(self.session.handle, name) }
            return .signal(String.printable(UnsafeRawBufferPointer(start: name, count: length), limit: 64))
        }
        let status = libssh2_channel_get_exit_status(self.handle)
        return status == clibssh2_no_exit_status() ? .unknown : .status(Int(UInt32(bitPattern: status)))
    }

    /// Sends end of file and close, then waits for the server's close.
    func close() -> LibSSH2Progress<Void> {
        self.session.progress(libssh2_channel_close(self.handle))
    }

    /// Frees a channel that ``close()`` is finished with. `false` if it isn't.
    func free() -> Bool {
        guard let handle = self.handle else { return true }
        guard libssh2_channel_free(handle) != LIBSSH2_ERROR_EAGAIN else { return false }
        self.handle = nil
        return true
    }
}
