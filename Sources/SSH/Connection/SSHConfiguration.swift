/// Everything needed to open one SSH connection. All defaults are in the initialiser.
package struct SSHConfiguration: Sendable {
    /// Host name, IPv4 or IPv6 literal (without brackets).
    package var host: String
    package var port: Int
    package var username: String
    /// The methods to try, in this order, each at most once.
    package var authentication: [SSHAuthentication]
    package var hostKeyVerifier: any HostKeyVerifier
    package var timeouts: SSHTimeouts
    /// Interval of SSH keepalive messages. `nil`: none.
    package var keepaliveInterval: Duration?
    /// Jump hosts on the way, the one that is reached directly first. Each is connected to with its own settings, among them the
    /// check of its host key; their connections are shared by all sessions that take the same way on the same event loop.
    package var via: [SSHConfiguration]

    package init(
        host: String,
        port: Int = 22,
        username: String,
        authentication: [SSHAuthentication],
        hostKeyVerifier: any HostKeyVerifier,
        timeouts: SSHTimeouts = SSHTimeouts(),
        keepaliveInterval: Duration? = .seconds(30),
        via: [SSHConfiguration] = []
    ) {
        self.host = host
        self.port = port
        self.username = username
        self.authentication = authentication
        self.hostKeyVerifier = hostKeyVerifier
        self.timeouts = timeouts
        self.keepaliveInterval = keepaliveInterval
        self.via = via
    }
}

/// One bound for each phase, so that a peer that stops answering is noticed in every one of them.
package struct SSHTimeouts: Sendable, Hashable {
    /// Name resolution and TCP connection.
    package var connect: Duration
    /// Identification string and key exchange.
    package var handshake: Duration
    /// All authentication methods together.
    package var authentication: Duration
    /// Opening a channel, asking for a terminal, starting a shell or command.
    package var channel: Duration
    /// A silent peer is given up after this time (TCP_USER_TIMEOUT and TCP keepalive).
    package var silence: Duration

    package init(
        connect: Duration = .seconds(10),
        handshake: Duration = .seconds(15),
        authentication: Duration = .seconds(30),
        channel: Duration = .seconds(10),
        silence: Duration = .seconds(45)
    ) {
        self.connect = connect
        self.handshake = handshake
        self.authentication = authentication
        self.channel = channel
        self.silence = silence
    }
}

/// A way to prove who we are.
public enum SSHAuthentication: Sendable, Hashable {
    /// `password` (RFC 4252 §8); where the server only offers `keyboard-interactive` (RFC 4256), the password answers its
    /// hidden questions.
    case password(Secret)
    case privateKey(PrivateKeySource, passphrase: Secret?)
    /// The keys of the agent behind this Unix domain socket, in its order; `nil`: the one that `SSH_AUTH_SOCK` names.
    case agent(socket: String?)

    public enum PrivateKeySource: Sendable, Hashable {
        case file(String)
        /// The text of the key file (OpenSSH, PEM or PKCS#8).
        case memory(Secret)
    }
}

/// The terminal that a shell runs in (RFC 4254 §6.2).
package struct PseudoTerminal: Sendable, Hashable {
    package var type: String
    package var columns: Int
    package var rows: Int

    package init(type: String = "vt100", columns: Int = 511, rows: Int = 1000) {
        self.type = type
        self.columns = columns
        self.rows = rows
    }
}
