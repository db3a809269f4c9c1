import Glibc
import NIOConcurrencyHelpers

/// Simulated network devices in this process, each an SSH server on an address of its own.
///
/// One thread accepts for all; each connection gets a thread with a small stack, so that a slow key exchange holds up nobody.
/// ```swift
/// let farm = try DeviceFarm(.init(personalities: [.ciscoIOSXE], count: 50, enableSecret: "secret"))
/// defer { farm.stop() }
/// let device = farm.devices[0]      // connect to device.host:device.port as admin/admin
/// ```
package final class DeviceFarm: Sendable {
    /// Everything that can be chosen, with its default.
    package struct Options: Sendable {
        /// Dealt out to the devices in turn.
        package var personalities: [Personality]
        package var count: Int
        /// Address to listen on, IPv4.
        package var host: String
        /// Port of the first device; the others follow. 0: any free ports.
        package var basePort: Int
        /// Gives each device an address of its own, `host` and those after it, all on one port.
        package var oneAddressEach: Bool
        /// Names are this and a number from 1 with four digits.
        package var namePrefix: String
        /// Passwords by user.
        package var users: [String: String]
        /// Keys that any of the users may log in with, as lines of an `authorized_keys` file.
        package var authorizedKeys: [String]
        package var offersPassword: Bool
        package var offersKeyboardInteractive: Bool
        /// Connections are cut after that many failed attempts.
        package var maximumLoginAttempts: Int
        /// Secret of the privileged mode; `nil`: none is asked for.
        package var enableSecret: String?
        /// Logins begin in privileged mode.
        package var startsPrivileged: Bool
        /// Pause between a command and its answer.
        package var responseDelay: Duration
        package var messageOfTheDay: String
        /// Idle shells are closed after that time, as by `exec-timeout`; `nil`: never.
        package var execTimeout: Duration?
        /// Session channels that one connection may have.
        package var channelsPerConnection: Int
        package var hostKeyType: HostKeyType
        /// A key for each device instead of one for all.
        package var hostKeyPerDevice: Bool
        package var algorithms: OfferedAlgorithms
        /// File for one JSON line a command.
        package var commandLogPath: String?
        /// Commands kept in memory for each device.
        package var commandLogLimit: Int

        package init(
            personalities: [Personality] = [.ciscoIOSXE],
            count: Int = 1,
            host: String = "127.0.0.1",
            basePort: Int = 0,
            oneAddressEach: Bool = false,
            namePrefix: String = "dev-",
            users: [String: String] = ["admin": "admin"],
            authorizedKeys: [String] = [],
            offersPassword: Bool = true,
            offersKeyboardInteractive: Bool = false,
            maximumLoginAttempts: Int = 6,
            enableSecret: String? = nil,
            startsPrivileged: Bool = false,
            responseDelay: Duration = .zero,
            messageOfTheDay: String = "",
            execTimeout: Duration? = nil,
            channelsPerConnection: Int = 10,
            hostKeyType: HostKeyType = .ed25519,
            hostKeyPerDevice: Bool = false,
            algorithms: OfferedAlgorithms = OfferedAlgorithms(),
            commandLogPath: String? = nil,
            commandLogLimit: Int = 100_000
        ) {
            self.personalities = personalities
            self.count = count
            self.host = host
            self.basePort = basePort
            self.oneAddressEach = oneAddressEach
            self.namePrefix = namePrefix
            self.users = users
            self.authorizedKeys = authorizedKeys
            self.offersPassword = offersPassword
            self.offersKeyboardInteractive = offersKeyboardInteractive
            self.maximumLoginAttempts = maximumLoginAttempts
            self.enableSecret = enableSecret
            self.startsPrivileged = startsPrivileged
            self.responseDelay = responseDelay
            self.messageOfTheDay = messageOfTheDay
            self.execTimeout = execTimeout
            self.channelsPerConnection = channelsPerConnection
            self.hostKeyType = hostKeyType
            self.hostKeyPerDevice = hostKeyPerDevice
            self.algorithms = algorithms
            self.commandLogPath = commandLogPath
            self.commandLogLimit = commandLogLimit
        }
    }

    package let devices: [SimulatedDevice]
    private let listeners: Listeners
    private let threads = ThreadCount()

    /// Starts listening.
    /// - Throws: ``LabError`` when a port is taken, file descriptors are short or the options make no sense.
    package init(_ options: Options) throws(LabError) {
        guard options.count > 0, !options.personalities.isEmpty else {
            throw LabError("a farm needs at least one device")
        }
        Self.raiseDescriptorLimit()
        let keys = try AuthorizedKeys(options.authorizedKeys)
        let log: CommandLog? = if let path = options.commandLogPath { try CommandLog(path: path) } else { nil }
        let listeners = try Listeners()
        self.listeners = listeners
        var devices: [SimulatedDevice] = []
        do {
            let sharedKey = try HostKey(options.hostKeyType, algorithms: options.algorithms)
            var port = options.basePort
            for index in 0..<options.count {
                let host = options.oneAddressEach ? try Self.address(options.host, plus: index) : options.host
                let taken = try listeners.add(host: host, port: port)
                if options.oneAddressEach { port = taken } else if port != 0 { port += 1 }
                let digits = String(index + 1)
                let name = options.namePrefix + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
                let key =
                    options.hostKeyPerDevice && index > 0
                    ? try HostKey(options.hostKeyType, algorithms: options.algorithms) : sharedKey
                devices.append(
                    SimulatedDevice(
                        name: name,
                        host: host,
                        port: taken,
                        personality: options.personalities[index % options.personalities.count],
                        hostKey: key,
                        options: options,
                        commandLog: log,
                        onFault: { listeners.setListening($0 != .refuseConnections, at: index) }
                    )
                )
            }
        } catch {
            listeners.stop()
            throw error
        }
        self.devices = devices

        let (served, threads) = (devices, threads)
        let sessions = NIOLockedValueBox(0)
        let started = threads.start(stackSize: 1 << 20) {
            listeners.run { index, descriptor, clientPort in
                let session = sessions.withLockedValue { number in
                    number += 1
                    return number
                }
                let device = served[index]
                guard device.accepted(descriptor, session: session) else { return }
                let connection = DeviceConnection(
                    device: device, descriptor: descriptor, session: session, clientPort: clientPort,
                    authorizedKeys: keys
                )
                guard threads.start(stackSize: 512 << 10, { connection.run() }) else {
                    device.ended(session: session)
                    close(descriptor)
                    return
                }
            }
        }
        guard started else {
            listeners.stop()
            throw LabError("no thread could be started")
        }
    }

    deinit { shutDown() }

    /// Stops listening, cuts all connections and waits for their threads to end, 10 seconds at most. Blocks the caller.
    package func stop() {
        shutDown()
        threads.waitForAll(seconds: 10)
    }

    private func shutDown() {
        listeners.stop()
        for device in devices { device.dropConnections() }
    }

    /// The sum over all devices; the maximum of ``SimulatedDevice/Counters/maximumConcurrentSessions``.
    package var counters: SimulatedDevice.Counters {
        devices.reduce(into: SimulatedDevice.Counters()) { sum, device in
            let counters = device.counters
            sum.connections += counters.connections
            sum.logins += counters.logins
            sum.failedLogins += counters.failedLogins
            sum.openSessions += counters.openSessions
            sum.commands += counters.commands
            sum.maximumConcurrentSessions = max(sum.maximumConcurrentSessions, counters.maximumConcurrentSessions)
        }
    }

    /// The device of that name.
    package func device(named name: String) -> SimulatedDevice? { devices.first { $0.name == name } }

    /// A thousand devices need two thousand descriptors in the server alone; the usual soft limit is 1,024.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    static func address(_ first: String, plus offset: Int) throws(LabError) -> String {
        let parts = first.split(separator: ".").compactMap { UInt8($0) }
        guard parts.count == 4 else { throw LabError("\(first) is not an IPv4 address") }
        let number = parts.reduce(0) { $0 << 8 | Int($1) } + offset
        return [24, 16, 8, 0].map { String(number >> $0 & 255) }.joined(separator: ".")
    }
}
