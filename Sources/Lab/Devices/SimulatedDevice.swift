import CLibSSH
import Glibc
import NIOConcurrencyHelpers

/// One simulated network device: an SSH server with a vendor's command line, whose behaviour can be watched and spoiled.
///
/// Safe to use from any thread. All its state is behind one lock; sessions run on threads of their own.
package final class SimulatedDevice: Sendable {
    /// What happened on the device so far.
    package struct Counters: Sendable, Hashable {
        /// TCP connections accepted.
        package var connections = 0
        package var logins = 0
        package var failedLogins = 0
        /// Logged-in connections that are open now.
        package var openSessions = 0
        /// The most logged-in connections that were ever open at the same time. A connection whose client has closed it doesn't
        /// count, even if the device has not got round to it.
        package var maximumConcurrentSessions = 0
        /// Commands that began to execute.
        package var commands = 0
    }

    /// A login while another session was open.
    package struct Overlap: Sendable, Hashable {
        package var at: Timestamp
        /// Numbers of the sessions that were open then, the new one among them.
        package var sessions: [Int]
    }

    struct Connection {
        var descriptor: Int32
        var isLoggedIn = false
    }

    struct State {
        var device: DeviceState
        var fault: DeviceFault?
        var counters = Counters()
        var log: [CommandRecord] = []
        var overlaps: [Overlap] = []
        var connections: [Int: Connection] = [:]
        /// Sockets that were accepted and are never served.
        var held: [Int32] = []
        var hostKey: HostKey
        var users: [String: String]
    }

    package let name: String
    package let host: String
    package let port: Int
    package let personality: Personality
    let options: DeviceFarm.Options
    let state: NIOLockedValueBox<State>
    private let commandLog: CommandLog?
    private let onFault: @Sendable (DeviceFault?) -> Void

    init(
        name: String,
        host: String,
        port: Int,
        personality: Personality,
        hostKey: HostKey,
        options: DeviceFarm.Options,
        commandLog: CommandLog?,
        onFault: @escaping @Sendable (DeviceFault?) -> Void
    ) {
        self.name = name
        self.host = host
        self.port = port
        self.personality = personality
        self.options = options
        self.commandLog = commandLog
        self.onFault = onFault
        let device = DeviceState(
            hostname: name,
            enableSecret: options.enableSecret,
            responseDelay: options.responseDelay,
            messageOfTheDay: options.messageOfTheDay,
            configuration: .initial(personality, hostname: name),
            now: .now
        )
        state = NIOLockedValueBox(State(device: device, hostKey: hostKey, users: options.users))
    }

    // MARK: - Watching

    package var counters: Counters { state.withLockedValue { $0.counters } }

    /// Every command that began to execute, in order, up to ``DeviceFarm/Options/commandLogLimit``.
    package var commands: [CommandRecord] { state.withLockedValue { $0.log } }

    /// Every login that found another session open, in order.
    package var overlaps: [Overlap] { state.withLockedValue { $0.overlaps } }

    /// Value of the counter that `lab count NAME` increments.
    package func count(of name: String) -> Int { state.withLockedValue { $0.device.counters[name] ?? 0 } }

    /// The public host key as in `known_hosts`: type and base64 text.
    package var publicHostKey: String { state.withLockedValue { $0.hostKey.publicKey } }

    /// The active configuration, as lines.
    package var runningConfiguration: [String] {
        state.withLockedValue { $0.device.configuration.rendered(separator: nil) }
    }

    package var fault: DeviceFault? { state.withLockedValue { $0.fault } }

    // MARK: - Spoiling

    /// Makes the device faulty; `nil` heals it. Sessions that are open stay open.
    package func setFault(_ fault: DeviceFault?) {
        let held = state.withLockedValue { state in
            state.fault = fault
            defer { state.held = [] }
            return state.held
        }
        for descriptor in held { close(descriptor) }
        onFault(fault)
    }

    /// Cuts every connection from the device's side, without a word of SSH.
    package func dropConnections() {
        state.withLockedValue { state in
            // Under the lock a descriptor can't be closed and reused: its thread removes it here before it closes it.
            for connection in state.connections.values { shutdown(connection.descriptor, Int32(SHUT_RDWR)) }
            for descriptor in state.held { close(descriptor) }
            state.held = []
        }
    }

    /// Pause between a command and its answer, from the next command on.
    package func setResponseDelay(_ delay: Duration) { state.withLockedValue { $0.device.responseDelay = delay } }

    /// Changes a user's password for logins from now on.
    package func setPassword(_ password: String, of user: String) {
        state.withLockedValue { $0.users[user] = password }
    }

    /// Gives the device another host key, as a replaced device would have.
    package func rotateHostKey() throws(LabError) {
        let key = try HostKey(options.hostKeyType, algorithms: options.algorithms)
        state.withLockedValue { $0.hostKey = key }
    }

    // MARK: - Called by the device's own threads

    /// A TCP connection came in. Returns whether it is to be served; if not, the socket has been taken care of.
    func accepted(_ descriptor: Int32, session: Int) -> Bool {
        state.withLockedValue { state in
            state.counters.connections += 1
            switch state.fault {
            case .blackHole:
                state.held.append(descriptor)
                return false
            case .wrongBanner(let text):
                _ = Array(text.utf8).withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                state.held.append(descriptor)
                return false
            default:
                state.connections[session] = Connection(descriptor: descriptor)
                return true
            }
        }
    }

    /// The connection is about to be closed by its thread.
    func ended(session: Int) {
        state.withLockedValue { state in
            guard let connection = state.connections.removeValue(forKey: session) else { return }
            if connection.isLoggedIn { state.counters.openSessions -= 1 }
        }
    }

    /// Checks a password; `nil`: accepted already by another method (a key).
    func logIn(_ user: LoginName, password: String?, session: Int) -> Bool {
        state.withLockedValue { state in
            let accepted = password.map { state.users[user.name] == $0 } ?? (state.users[user.name] != nil)
            guard accepted, state.fault != .denyLogins else {
                state.counters.failedLogins += 1
                return false
            }
            guard state.connections[session] != nil else { return false }
            state.connections[session]?.isLoggedIn = true
            state.counters.logins += 1
            state.counters.openSessions += 1
            let concurrent = state.connections.filter { $1.isLoggedIn && !Self.isClosedByPeer($1.descriptor) }
            state.counters.maximumConcurrentSessions = max(state.counters.maximumConcurrentSessions, concurrent.count)
            if concurrent.count > 1, state.overlaps.count < self.options.commandLogLimit {
                state.overlaps.append(Overlap(at: .now, sessions: concurrent.keys.sorted()))
            }
            return true
        }
    }

    /// `POLLRDHUP` of Linux's <poll.h>, which only shows with `_GNU_SOURCE`.
    private static let pollReadHangUp: Int16 = 0x2000

    private static func isClosedByPeer(_ descriptor: Int32) -> Bool {
        var item = pollfd(fd: descriptor, events: pollReadHangUp, revents: 0)
        return poll(&item, 1, 0) > 0 && item.revents & (pollReadHangUp | Int16(POLLHUP | POLLERR)) != 0
    }

    /// Runs `body` on the device's state and records the commands that it executed.
    func perform(
        session: Int,
        clientPort: Int,
        user: String,
        _ body: (inout DeviceState) -> Console.Output
    ) -> Console.Output {
        var records: [CommandRecord] = []
        let output = state.withLockedValue { state in
            state.device.now = .now
            let output = body(&state.device)
            for command in output.executed {
                let record = CommandRecord(
                    command: command, at: state.device.now, session: session, clientPort: clientPort, user: user
                )
                state.counters.commands += 1
                if state.log.count < options.commandLogLimit { state.log.append(record) }
                if commandLog != nil { records.append(record) }
            }
            return output
        }
        for record in records { commandLog?.append(record, device: name) }
        return output
    }
}

extension Configuration {
    /// What a device has configured when it leaves the factory.
    static func initial(_ personality: Personality, hostname: String) -> Configuration {
        switch personality {
        case .ciscoIOSXE:
            Configuration([
                Section("version 17.9"), Section("service timestamps debug datetime msec"),
                Section("hostname \(hostname)"),
                Section(
                    "interface GigabitEthernet1",
                    ["description uplink", "ip address 192.0.2.1 255.255.255.0", "negotiation auto"]),
                Section("interface GigabitEthernet2", ["no ip address", "shutdown"]),
                Section("interface Loopback0", ["ip address 198.51.100.1 255.255.255.255"]),
                Section("ip route 0.0.0.0 0.0.0.0 192.0.2.254"), Section("ntp server 192.0.2.123"),
                Section("line vty 0 4", ["exec-timeout 10 0", "login local", "transport input ssh"]),
            ])
        case .aristaEOS:
            Configuration([
                Section("hostname \(hostname)"), Section("ntp server 192.0.2.123"), Section("spanning-tree mode mstp"),
                Section("interface Ethernet1", ["description uplink"]), Section("interface Ethernet2"),
                Section("interface Management1", ["ip address 192.0.2.1/24"]),
                Section("ip route 0.0.0.0/0 192.0.2.254"),
            ])
        case .juniperJunos:
            Configuration([
                Section("system host-name \(hostname)"), Section("system ntp server 192.0.2.123"),
                Section("interfaces ge-0/0/0 description uplink"),
                Section("interfaces ge-0/0/0 unit 0 family inet address 192.0.2.1/24"),
            ])
        case .mikrotikRouterOS:
            Configuration([Section("/ip address add address=192.0.2.1/24 interface=ether1")])
        case .linux: Configuration()
        }
    }
}
