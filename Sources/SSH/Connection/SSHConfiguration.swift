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
    /// A server that has been silent for this long is asked for a sign of life, and given up after ``SSHTimeouts/silence``
    /// without one. `nil`: only TCP's own means find out that a peer has vanished.
    package var keepaliveInterval: Duration?
    package var algorithms: AlgorithmProfile
    /// The local address to connect from, an IPv4 or IPv6 literal; `nil`: the system chooses. Without effect behind a jump host.
    package var sourceAddress: String?
    package var tcp: TCPOptions
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
        algorithms: AlgorithmProfile = .standard,
        sourceAddress: String? = nil,
        tcp: TCPOptions = TCPOptions(),
        via: [SSHConfiguration] = []
    ) {
        self.host = host
        self.port = port
        self.username = username
        self.authentication = authentication
        self.hostKeyVerifier = hostKeyVerifier
        self.timeouts = timeouts
        self.keepaliveInterval = keepaliveInterval
        self.algorithms = algorithms
        self.sourceAddress = sourceAddress
        self.tcp = tcp
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
    /// A peer that answers nothing is given up within this time: one that TCP finds dead (TCP_USER_TIMEOUT and TCP keepalive), and
    /// one whose TCP still acknowledges but whose SSH server gives no sign of life.
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

/// Which algorithms are offered to a server.
package enum AlgorithmProfile: Sendable, Hashable {
    /// Nothing with known weaknesses.
    case standard
    /// Also, and after all others, what old devices need: key exchange and MACs with SHA-1, MD5 MACs, CBC ciphers, 3DES, host keys
    /// that sign with SHA-1 (`ssh-rsa`, `ssh-dss`).
    case legacy
}

/// Options of the TCP connection that have no better default than the system's.
package struct TCPOptions: Sendable, Hashable {
    /// Sizes of the kernel's buffers, in bytes (SO_SNDBUF, SO_RCVBUF).
    package var sendBuffer: Int?
    package var receiveBuffer: Int?
    /// The byte of the IP header that holds the DSCP in its upper six bits (IP_TOS, IPV6_TCLASS); CS2, for management traffic, is
    /// 0x40 (RFC 4594 §3.3).
    package var trafficClass: UInt8?

    package init(sendBuffer: Int? = nil, receiveBuffer: Int? = nil, trafficClass: UInt8? = nil) {
        self.sendBuffer = sendBuffer
        self.receiveBuffer = receiveBuffer
        self.trafficClass = trafficClass
    }
}

/// A way to prove who we are.
public enum SSHAuthentication: Sendable, Hashable {
    /// `password` (RFC 4252 §8); where the server only offers `keyboard-interactive` (RFC 4256), the password answers its
    /// hidden questions.
    case password(Secret)
    /// `keyboard-interactive` with an answer for each question, over any number of rounds.
    case keyboardInteractive([PromptAnswer])
    case privateKey(PrivateKeySource, passphrase: Secret?)
    /// The keys of the agent behind this Unix domain socket, in its order; `nil`: the one that `SSH_AUTH_SOCK` names.
    case agent(socket: String?)

    public enum PrivateKeySource: Sendable, Hashable {
        case file(String)
        /// The text of the key file (OpenSSH, PEM or PKCS#8).
        case memory(Secret)
    }
}

/// What to answer when `keyboard-interactive` asks a certain question.
public struct PromptAnswer: Sendable, Hashable {
    /// A part of the question's text, in upper or lower case; empty: any question.
    public var prompt: String
    /// Given once, to the first question that matches.
    public var answer: Secret

    public init(prompt: String = "", answer: Secret) {
        self.prompt = prompt
        self.answer = answer
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
