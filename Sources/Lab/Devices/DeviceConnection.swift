import CLibSSH
import Glibc

/// One SSH connection to a device, on a thread of its own from the first byte to the last.
///
/// `@unchecked Sendable`: it is made on the acceptor's thread and handed to its own thread once, by ``run()``; everything mutable, and
/// every libssh call, belongs to that thread. Other threads can only shut the socket down, through ``SimulatedDevice``.
final class DeviceConnection: @unchecked Sendable {
    let device: SimulatedDevice
    let session: Int
    let clientPort: Int
    private let descriptor: Int32
    private let authorizedKeys: AuthorizedKeys
    private var ssh: ssh_session?
    private var event: ssh_event?
    private var serverCallbacks = ssh_server_callbacks_struct()
    private(set) var channels: [DeviceChannel] = []
    private(set) var login: LoginName?
    private var failedAttempts = 0
    /// Set to end the connection: in good order, or by cutting TCP.
    private var ending: Ending?

    private enum Ending { case orderly, cut }

    init(device: SimulatedDevice, descriptor: Int32, session: Int, clientPort: Int, authorizedKeys: AuthorizedKeys) {
        self.device = device
        self.descriptor = descriptor
        self.session = session
        self.clientPort = clientPort
        self.authorizedKeys = authorizedKeys
    }

    /// Serves the connection until it ends. Called once, on the connection's thread.
    func run() {
        guard let ssh = ssh_new() else { return closeUnserved() }
        let hostKey = device.state.withLockedValue { $0.hostKey }
        guard hostKey.adopt(descriptor, as: ssh) else {
            ssh_free(ssh)
            return closeUnserved()
        }
        self.ssh = ssh
        // The callback structure must stay where it is for the life of the session: libssh keeps the pointer.
        withUnsafeMutablePointer(to: &serverCallbacks) { callbacks in
            callbacks.pointee.userdata = Unmanaged.passUnretained(self).toOpaque()
            callbacks.pointee.auth_password_function = passwordOffered
            if !authorizedKeys.isEmpty { callbacks.pointee.auth_pubkey_function = publicKeyOffered }
            callbacks.pointee.channel_open_request_session_function = channelRequested
            lab_server_callbacks_init(callbacks)
            ssh_set_server_callbacks(ssh, callbacks)
        }
        ssh_set_message_callback(ssh, messageReceived, Unmanaged.passUnretained(self).toOpaque())
        var methods: UInt32 = 0
        if device.options.offersPassword { methods |= SSH_AUTH_METHOD_PASSWORD }
        if device.options.offersKeyboardInteractive { methods |= SSH_AUTH_METHOD_INTERACTIVE }
        if !authorizedKeys.isEmpty { methods |= SSH_AUTH_METHOD_PUBLICKEY }
        ssh_set_auth_methods(ssh, Int32(methods))
        var limit = Self.handshakeSeconds
        ssh_options_set(ssh, SSH_OPTIONS_TIMEOUT, &limit)

        // Blocks this thread alone, and answers a shutdown of the socket.
        if ssh_handle_key_exchange(ssh) == SSH_OK, let event = ssh_event_new() {
            self.event = event
            ssh_set_blocking(ssh, 0)
            if ssh_event_add_session(event, ssh) == SSH_OK { serve(ssh, event) }
            ssh_event_remove_session(event, ssh)
            ssh_event_free(event)
        }
        if ending == .cut {
            _ = shutdown(descriptor, Int32(SHUT_RDWR))
        } else if ssh_is_connected(ssh) != 0 {
            ssh_disconnect(ssh)
        }
        for channel in channels { channel.free() }
        channels = []
        // First out of the register, then closed: nobody shuts down a descriptor that has been reused.
        device.ended(session: session)
        ssh_free(ssh)
    }

    private static let handshakeSeconds: CLong = 120

    private func closeUnserved() {
        device.ended(session: session)
        close(descriptor)
    }

    private func serve(_ ssh: ssh_session, _ event: ssh_event) {
        while ending == nil {
            let result = ssh_event_dopoll(event, timeout())
            let isClosed = ssh_get_status(ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR) != 0
            for channel in channels { channel.process() }
            channels.removeAll { channel in
                guard channel.isFinished else { return false }
                channel.free()
                if channel.endsConnection { end(cut: false) }
                return true
            }
            if result == SSH_ERROR || isClosed { break }
        }
        if ending == .cut { ssh_blocking_flush(ssh, 2_000) }
    }

    /// Milliseconds until a channel has something to do of its own accord; -1: for ever.
    private func timeout() -> Int32 {
        guard let next = channels.compactMap(\.nextDeadline).min() else { return -1 }
        let left = ContinuousClock.now.duration(to: next)
        if left <= .zero { return 0 }
        // Rounded up: a pause is never shorter than asked for.
        let milliseconds = (left.components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(clamping: left.components.seconds * 1_000 + milliseconds)
    }

    /// Ends the connection after the current round.
    func end(cut: Bool) {
        if ending != .cut { ending = cut ? .cut : .orderly }
    }

    // MARK: - Called by libssh on this thread

    func authenticate(user: String, password: String?) -> Bool {
        let name = LoginName(user, acceptsOptions: device.personality == .mikrotikRouterOS)
        if device.logIn(name, password: password, session: session) {
            login = name
            return true
        }
        failedAttempts += 1
        // Cut only after the refusal is out: the next round ends the connection.
        if failedAttempts >= device.options.maximumLoginAttempts { end(cut: false) }
        return false
    }

    func isAuthorized(_ key: ssh_key) -> Bool { authorizedKeys.contains(key) }

    func openChannel() -> ssh_channel? {
        guard login != nil, channels.count < device.options.channelsPerConnection, let ssh,
            let handle = ssh_channel_new(ssh)
        else { return nil }
        channels.append(DeviceChannel(handle, of: self))
        return handle
    }

    func userAuthenticatedInteractively(_ ssh: ssh_session, _ message: ssh_message) -> Int32 {
        guard device.options.offersKeyboardInteractive else { return 1 }
        if ssh_message_auth_kbdint_is_response(message) == 0 {
            interactiveUser = String(cString: ssh_message_auth_user(message))
            var echo: CChar = 0
            "Password: ".withCString { prompt in
                var prompts: UnsafePointer<CChar>? = prompt
                _ = ssh_message_auth_interactive_request(message, "", "", 1, &prompts, &echo)
            }
            return 0
        }
        let answer =
            ssh_userauth_kbdint_getnanswers(ssh) == 1
            ? ssh_userauth_kbdint_getanswer(ssh, 0).map { String(cString: $0) } : nil
        guard let user = interactiveUser, let answer, authenticate(user: user, password: answer) else { return 1 }
        ssh_message_auth_reply_success(message, 0)
        return 0
    }

    private var interactiveUser: String?
}

// The callbacks run on the connection's thread, inside libssh calls made there. `userdata` is the connection, which outlives its session.

private func connection(_ userdata: UnsafeMutableRawPointer?) -> DeviceConnection? {
    userdata.map { Unmanaged<DeviceConnection>.fromOpaque($0).takeUnretainedValue() }
}

private func passwordOffered(
    _ session: ssh_session?,
    _ user: UnsafePointer<CChar>?,
    _ password: UnsafePointer<CChar>?,
    _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = connection(userdata), let user, let password, connection.device.options.offersPassword else {
        return SSH_AUTH_DENIED.rawValueAsInt32
    }
    let accepted = connection.authenticate(user: String(cString: user), password: String(cString: password))
    return (accepted ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED).rawValueAsInt32
}

private func publicKeyOffered(
    _ session: ssh_session?,
    _ user: UnsafePointer<CChar>?,
    _ key: OpaquePointer?,
    _ signatureState: CChar,
    _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = connection(userdata), let user, let key, connection.isAuthorized(key) else {
        return SSH_AUTH_DENIED.rawValueAsInt32
    }
    // Without a signature it is a question whether the key would do (RFC 4252 section 7).
    if Int32(signatureState) == SSH_PUBLICKEY_STATE_NONE.rawValue { return SSH_AUTH_SUCCESS.rawValueAsInt32 }
    guard Int32(signatureState) == SSH_PUBLICKEY_STATE_VALID.rawValue else { return SSH_AUTH_DENIED.rawValueAsInt32 }
    let accepted = connection.authenticate(user: String(cString: user), password: nil)
    return (accepted ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED).rawValueAsInt32
}

private func channelRequested(_ session: ssh_session?, _ userdata: UnsafeMutableRawPointer?) -> ssh_channel? {
    connection(userdata)?.openChannel()
}

/// Messages that no callback takes. 1 leaves the answer to libssh (a refusal), 0 means it is done.
private func messageReceived(
    _ session: ssh_session?,
    _ message: ssh_message?,
    _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection = connection(userdata), let session, let message,
        ssh_message_type(message) == Int32(SSH_REQUEST_AUTH.rawValue),
        ssh_message_subtype(message) == Int32(SSH_AUTH_METHOD_INTERACTIVE)
    else { return 1 }
    return connection.userAuthenticatedInteractively(session, message)
}

extension ssh_auth_e {
    fileprivate var rawValueAsInt32: Int32 { Int32(rawValue) }
}
