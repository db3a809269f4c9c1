import CLibSSH
import Dispatch
import Glibc

/// A blocking SSH client on libssh. Each instance belongs to one thread at a time; the tests use it inside one closure.
final class SSHClient {
    struct Refused: Error {
        var text: String
    }

    private let session: ssh_session
    private var channel: ssh_channel?
    /// Everything received from the shell so far.
    private(set) var text = ""

    init(host: String, port: Int, timeout: CLong = 10) throws {
        guard let session = ssh_new() else { throw Refused(text: "no memory") }
        self.session = session
        var (port, timeout, process) = (UInt32(port), timeout, false)
        ssh_options_set(session, SSH_OPTIONS_HOST, host)
        ssh_options_set(session, SSH_OPTIONS_PORT, &port)
        ssh_options_set(session, SSH_OPTIONS_TIMEOUT, &timeout)
        ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &process)
        guard ssh_connect(session) == SSH_OK else { throw Refused(text: message) }
    }

    deinit {
        if let channel { ssh_channel_free(channel) }
        ssh_disconnect(session)
        ssh_free(session)
    }

    private var message: String { String(cString: ssh_get_error(UnsafeMutableRawPointer(session))) }

    /// The server's key as in `known_hosts`, without the type.
    var hostKey: String? {
        var key: ssh_key?
        guard ssh_get_server_publickey(session, &key) == SSH_OK, let key else { return nil }
        defer { ssh_key_free(key) }
        var text: UnsafeMutablePointer<CChar>?
        guard ssh_pki_export_pubkey_base64(key, &text) == SSH_OK, let text else { return nil }
        defer { ssh_string_free_char(text) }
        return String(cString: text)
    }

    func logIn(user: String = "admin", password: String = "admin") throws {
        guard ssh_userauth_password(session, user, password) == SSH_AUTH_SUCCESS.rawValue else {
            throw Refused(text: message)
        }
    }

    func logInInteractively(user: String = "admin", password: String = "admin") throws {
        var result = ssh_userauth_kbdint(session, user, nil)
        while result == SSH_AUTH_INFO.rawValue {
            for index in 0..<ssh_userauth_kbdint_getnprompts(session) {
                ssh_userauth_kbdint_setanswer(session, UInt32(index), password)
            }
            result = ssh_userauth_kbdint(session, user, nil)
        }
        guard result == SSH_AUTH_SUCCESS.rawValue else { throw Refused(text: message) }
    }

    func logIn(user: String = "admin", key: ssh_key) throws {
        guard ssh_userauth_publickey(session, user, key) == SSH_AUTH_SUCCESS.rawValue else {
            throw Refused(text: message)
        }
    }

    func openShell(rows: Int32 = 24) throws {
        guard let channel = ssh_channel_new(session), ssh_channel_open_session(channel) == SSH_OK else {
            throw Refused(text: message)
        }
        self.channel = channel
        guard ssh_channel_request_pty_size(channel, "vt100", 511, rows) == SSH_OK,
            ssh_channel_request_shell(channel) == SSH_OK
        else { throw Refused(text: message) }
    }

    func type(_ text: String) throws {
        guard let channel, ssh_channel_write(channel, text, UInt32(text.utf8.count)) == text.utf8.count else {
            throw Refused(text: message)
        }
    }

    /// Reads until the text received ends with `ending`. Returns what came since the last call.
    @discardableResult
    func read(until ending: String, within seconds: Double = 10) throws -> String {
        let start = text.utf8.count
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !text.hasSuffix(ending) || text.utf8.count == start {
            guard try readMore(), ContinuousClock.now < deadline else {
                throw Refused(text: "got only \(text.suffix(200))")
            }
        }
        return String(text.utf8.dropFirst(start)) ?? ""
    }

    /// Reads until the connection ends.
    func readToEnd(within seconds: Double = 10) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            guard (try? readMore()) == true else { return }
        }
        throw Refused(text: "the connection is still open")
    }

    /// Whether anything arrives within that time.
    func hears(within milliseconds: Int32) -> Bool {
        guard let channel else { return false }
        return ssh_channel_poll_timeout(channel, milliseconds, 0) > 0
    }

    private func readMore() throws -> Bool {
        guard let channel else { return false }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = ssh_channel_read_timeout(channel, &buffer, UInt32(buffer.count), 0, 1_000)
        guard count >= 0, ssh_channel_is_eof(channel) == 0 || count > 0 else { return false }
        text += String(decoding: buffer.prefix(Int(count)), as: UTF8.self)
        return true
    }

    /// Runs one command on an exec channel.
    func run(_ command: String) throws -> (output: String, error: String, status: Int32) {
        guard let channel = ssh_channel_new(session), ssh_channel_open_session(channel) == SSH_OK,
            ssh_channel_request_exec(channel, command) == SSH_OK
        else { throw Refused(text: message) }
        defer { ssh_channel_free(channel) }
        func all(_ stream: Int32) -> String {
            var result: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = ssh_channel_read_timeout(channel, &buffer, UInt32(buffer.count), stream, 5_000)
                guard count > 0 else { return String(decoding: result, as: UTF8.self) }
                result += buffer.prefix(Int(count))
            }
        }
        let (output, error) = (all(0), all(1))
        return (output, error, ssh_channel_get_exit_status(channel))
    }

    /// Runs blocking code off Swift's own threads.
    static func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
