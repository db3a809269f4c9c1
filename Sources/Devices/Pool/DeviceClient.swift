import Dialogue
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SSH

/// Sessions to many devices: each opened on first use, shared, reused, and closed at the end of the scope.
///
/// ```swift
/// let configuration = DeviceClient.Configuration(inventory: try Inventory(path: "inventory.yaml"))
/// try await DeviceClient.withClient(configuration) { client in
///     let version = try await client.run("router1", "show version")      // opens the session
///     let clock = try await client.run("router1", "show clock")          // reuses it
///     print(version.text, clock.text)
/// }                                                                      // all sessions closed here
/// ```
///
/// However many callers arrive at once, a device gets exactly one connection. Safe to use from any task.
/// A client that wasn't made by `withClient` is ended with `shutDown()`.
public final class DeviceClient: Sendable {
    let logger: Logger
    let library: PlatformLibrary
    private let credentials: CredentialResolver
    private let secrets: SecretStore
    private let fetcher: SecretFetcher
    private let factory: SessionFactory
    private let currentInventory: NIOLockedValueBox<Inventory>
    private let loops: [EventLoopTaskExecutor]
    let pool: SessionPool
    private let gate: LoginGate
    private let warm: WarmSessions
    let hooks = NIOLockedValueBox(Hooks())
    private let lastTemporary = NIOLockedValueBox<UInt64>(0)

    /// In a structure: a box whose value is itself a closure wraps it anew, by two calls, each time that it is read.
    struct Hooks: Sendable {
        var mayWrite: @Sendable () -> Bool = { true }
        var listener: (@Sendable (DeviceEvent) -> Void)?
        var loginListener: (@Sendable (LoginReport) -> Void)?
    }

    /// The pool holds what tells it of changes.
    private struct WeakPool: Sendable {
        weak var pool: SessionPool?
    }

    /// - Throws: `inventory.invalid` (unknown platform, unreadable known_hosts, …).
    public convenience init(
        _ configuration: Configuration,
        logger: Logger = Logger(label: "tether.devices")
    ) throws(DeviceError) {
        try self.init(
            configuration, environment: CredentialEnvironment(prefix: configuration.environmentPrefix), logger: logger)
    }

    init(
        _ configuration: Configuration,
        environment: CredentialEnvironment,
        logger: Logger = Logger(label: "tether.devices")
    ) throws(DeviceError) {
        guard configuration.maximumSessions > 0 else {
            throw DeviceError(code: "inventory.invalid", message: "`maximumSessions` must be at least 1")
        }
        let knownHosts: KnownHosts
        do {
            knownHosts = try KnownHosts(file: configuration.knownHostsFile)
        } catch {
            throw DeviceError(code: "inventory.invalid", message: error.description)
        }
        do {
            self.library = try PlatformLibrary(directory: configuration.platformDirectory)
        } catch {
            throw DeviceError(code: "inventory.invalid", message: error.description)
        }
        let group = configuration.eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        let loops = group.makeIterator().map { EventLoopTaskExecutor($0) }
        self.loops = loops
        self.logger = logger
        let credentials = CredentialResolver(environment: environment)
        self.credentials = credentials
        let factory = SessionFactory(
            library: self.library,
            knownHosts: knownHosts,
            signOnTimeout: configuration.signOnTimeout,
            interruptionTimeout: configuration.interruptionTimeout,
            maximumOutputBytes: configuration.maximumOutputBytes,
            logger: logger
        )
        self.factory = factory
        let inventory = NIOLockedValueBox(configuration.inventory)
        self.currentInventory = inventory
        let timerLoop = group.next()
        let warm = WarmSessions(timerLoop: timerLoop, logger: logger)
        self.warm = warm
        let onEvent = configuration.onEvent
        let hooks = self.hooks
        let tell: @Sendable (DeviceEvent) -> Void = { event in
            onEvent?(event)
            hooks.withLockedValue { $0.listener }?(event)
            warm.heard(event)
        }
        let gate = LoginGate(
            policy: configuration.logins,
            domains: configuration.inventory.authDomains,
            timerLoop: timerLoop,
            onEvent: tell
        )
        self.gate = gate
        let fetcher = SecretFetcher(vault: configuration.inventory.vault, timerLoop: timerLoop)
        self.fetcher = fetcher
        let pool = NIOLockedValueBox(WeakPool())
        let secrets = SecretStore(
            timerLoop: timerLoop,
            timeToLive: { fetcher.timeToLive(of: $0) },
            onUserChange: { location in
                // Sessions of the user that the place named before are nobody's any more.
                let inventory = inventory.withLockedValue { $0 }
                pool.withLockedValue { $0.pool }?.retire { target in
                    credentials.layers(for: target.device, in: inventory, override: target.override).account.origins
                        .contains(location)
                }
            },
            fetch: { await fetcher.fetch($0) }
        )
        self.secrets = secrets
        let opener = SessionOpener(
            factory: factory,
            credentials: credentials,
            store: secrets,
            gate: gate,
            inventory: inventory,
            mayWrite: { hooks.withLockedValue { $0.mayWrite } },
            executor: { Self.eventLoop(for: $0, of: loops) },
            onEvent: tell,
            onLogin: { hooks.withLockedValue { $0.loginListener } },
            logger: logger
        )
        self.pool = SessionPool(
            maximumSessions: configuration.maximumSessions,
            idleTimeout: configuration.idleTimeout,
            maximumAge: configuration.maximumAge,
            timerLoop: timerLoop,
            onEvent: tell
        ) { target, report in
            do throws(DeviceError) {
                return .success(try await opener.open(target, report: report))
            } catch {
                return .failure(error)
            }
        }
        pool.withLockedValue { [made = self.pool] in $0.pool = made }
        try self.checkPlatforms(of: configuration.inventory)
        warm.start { [weak self] name in await self?.openWarm(name) }
    }

    /// A client for the time of `body`; all sessions are closed when it returns or throws.
    public static func withClient<Result>(
        _ configuration: Configuration,
        logger: Logger = Logger(label: "tether.devices"),
        _ body: (DeviceClient) async throws -> Result
    ) async throws -> Result {
        let client = try DeviceClient(configuration, logger: logger)
        do {
            let result = try await body(client)
            await client.shutDown()
            return result
        } catch {
            await client.shutDown()
            throw error
        }
    }

    // MARK: Sessions

    /// The device's persistent session, opened if need be (one attempt). Callers that arrive while it opens share the attempt.
    ///
    /// - Throws: why it could not be opened; `session.limit`; `client.closed`; `cancelled`.
    public func session(for device: Device) async throws(DeviceError) -> DeviceSession {
        let lease = try await self.pool.lease(device.name, SessionTarget(device: device))
        self.pool.release(lease)
        return lease.session
    }

    /// Runs `body` with the device's persistent session, which is not closed for want of use as long as it runs.
    package func withSession<Result>(
        for device: Device,
        generation: UInt64? = nil,
        _ body: (DeviceSession) async throws(DeviceError) -> Result
    ) async throws(DeviceError) -> Result {
        let lease = try await self.pool.lease(device.name, SessionTarget(device: device), generation: generation)
        defer { self.pool.release(lease) }
        return try await body(lease.session)
    }

    /// Runs `body` with a session of its own, opened with `credential` and closed when `body` returns or throws. The device's persistent session is
    /// neither used nor touched.
    ///
    /// It counts as one of `maximumSessions`. Nothing keeps a device from getting several at a time: who must not, calls one after the other.
    public func withTemporarySession<Result>(
        for device: Device,
        credential: Credential? = nil,
        _ body: (DeviceSession) async throws -> Result
    ) async throws -> Result {
        let number = self.lastTemporary.withLockedValue { number -> UInt64 in
            number += 1
            return number
        }
        // No name of a device holds a control character.
        let key = "\(device.name)\u{0}\(number)"
        let lease = try await self.pool.lease(key, SessionTarget(device: device, override: credential))
        do {
            let result = try await body(lease.session)
            await self.pool.close(key)
            return result
        } catch {
            await self.pool.close(key)
            throw error
        }
    }

    /// Whether the device has an open session now.
    package func hasSession(_ device: String) -> Bool { self.pool.hasSession(device) }
    /// Sessions that are open now, temporary ones included.
    public var openSessionCount: Int { self.pool.openSessionCount }

    /// Closes a device's session, if it has one; returns when its connection is gone.
    public func close(_ device: String) async { await self.pool.close(device) }

    /// Closes all sessions, in parallel, each within the deadline. The client stays usable.
    public func close(within deadline: Duration = .seconds(5)) async {
        await self.pool.closeAll(within: deadline, isFinal: false)
    }

    /// Closes all sessions, in parallel, each within the deadline. From now on every call fails with `client.closed`.
    public func shutDown(within deadline: Duration = .seconds(5)) async {
        self.warm.stop()
        await self.pool.closeAll(within: deadline, isFinal: true)
    }

    // MARK: Warm sessions

    /// From now on exactly the sessions of these devices are kept open: opened now, and again whenever they are lost, with growing pauses. A device
    /// that refuses the credential or shows another host key isn't tried again before its session has been opened by somebody else or the
    /// set is given anew.
    ///
    /// A device that leaves the set keeps its session; ``close(_:)``, called afterwards, ends it for good. Names that the inventory doesn't know are
    /// ignored. At the bound of open sessions, a warm one may be closed to make room, and is then not
    /// opened again before it is needed.
    public func keepWarm(_ devices: Set<String>) {
        // Before anything is scheduled: the pool opens only what it knows to be warm.
        for name in devices { self.pool.setWarm(name, true) }
        for name in self.warm.set(devices) { self.pool.setWarm(name, false) }
    }

    /// Names of the devices of the inventory that ask to be kept warm.
    package var warmDeviceNames: [String] {
        self.inventory.contents.devices.lazy.filter { $0.session.isWarm == true }.map(\.name)
    }

    private func openWarm(_ name: String) async -> DeviceError? {
        guard let target = self.target(name) else { return nil }
        // The device may be another process's by now. If it isn't, the next attempt finds out.
        guard self.hooks.withLockedValue({ $0.mayWrite })() else {
            return DeviceError(
                code: "session.closed", message: "\(name): not opened while it isn't sure whose device it is")
        }
        do throws(DeviceError) {
            self.pool.release(try await self.pool.lease(name, target, onlyIfWarm: true))
            return nil
        } catch {
            return error
        }
    }

    /// Apart from the asynchronous function that asks, whose frame would hold the whole device for as long as it waits.
    @inline(never)
    private func target(_ name: String) -> SessionTarget? { self.inventory[name].map { SessionTarget(device: $0) } }

    /// Sets who is asked before each write of a command or an answer in the middle of one. Once it says no, the session is closed and nothing more is
    /// written: the device may be another process's by then. For sessions that are opened from now on.
    package func setWriteGuard(_ mayWrite: @escaping @Sendable () -> Bool) {
        self.hooks.withLockedValue { $0.mayWrite = mayWrite }
    }

    /// Sets who is told of every event, besides ``Configuration/onEvent``. Called from any thread; must not block.
    package func setEventListener(_ listener: @escaping @Sendable (DeviceEvent) -> Void) {
        self.hooks.withLockedValue { $0.listener = listener }
    }

    // MARK: Inventory

    public var inventory: Inventory { self.currentInventory.withLockedValue { $0 } }

    /// Takes a new inventory into use. Sessions of devices that it changes or doesn't know any more are closed as soon as they are idle: what runs on
    /// them ends as it would have, and what comes next uses the new address or credential. The others stay open.
    ///
    /// - Throws: `inventory.invalid`; the old inventory then stays.
    @discardableResult
    public func reload(_ inventory: Inventory) throws(DeviceError) -> InventoryChange {
        try self.checkPlatforms(of: inventory)
        let old = self.currentInventory.withLockedValue { current -> Inventory in
            defer { current = inventory }
            return current
        }
        self.pool.inventoryChanged()
        self.gate.setDomains(inventory.authDomains)
        if self.fetcher.setVault(inventory.vault) {
            self.secrets.forget { location in if case .vault = location.place { true } else { false } }
        }
        let change = inventory.change(from: old)
        let (removed, changed) = (Set(change.removed), Set(change.changed))
        let credentials = self.credentials
        let changesAll =
            inventory.general.timeout != old.general.timeout
            || inventory.general.hostKeyPolicy != old.general.hostKeyPolicy
        self.pool.retire { target in
            let device = target.device
            if changesAll || removed.contains(device.name) { return true }
            guard changed.contains(device.name), let before = old[device.name], let after = inventory[device.name]
            else { return false }
            guard after.isSame(as: before), inventory.hasSameWay(to: after, as: old) else { return true }
            // A session is its user's, whatever becomes of the password.
            return credentials.layers(for: before, in: old).account
                != credentials.layers(for: after, in: inventory).account
        }
        return change
    }

    private func checkPlatforms(of inventory: Inventory) throws(DeviceError) {
        var known = Set<String>()
        for device in inventory.contents.devices where !known.contains(device.platform) {
            _ = try self.factory.platform(of: device, in: inventory)
            known.insert(device.platform)
        }
    }

    /// A credential that the inventory (`credentials:`) or the environment (`<prefix>_USER_CREDENTIAL_<NAME>`, …) gives a name. `nil` when neither
    /// knows it. What is kept elsewhere is fetched when a session is opened with it.
    public func credential(named name: String) -> Credential? {
        self.credentials.credential(named: name, in: self.inventory)
    }

    /// The device of an ad-hoc target: defaults of the inventory, `platform` if given; else the inventory's default, else `generic`.
    package func device(for target: Inventory.AdHocTarget, platform: String?) -> Device {
        let inventory = self.inventory
        if var known = inventory[target.name] {
            // An address of the inventory with another user: the device stays what it is, and its own secrets aren't this user's.
            if let user = target.user, user != known.credential.user { known.credential = Credential(user: user) }
            if let platform { known.platform = platform }
            return known
        }
        return Device(
            name: target.name,
            host: target.host,
            port: target.port,
            platform: platform ?? inventory.defaults.platform ?? "generic",
            credential: Credential(user: target.user),
            connection: inventory.defaults.connection
        )
    }

    /// Whether a platform's rules say that the command only reads. `false` for an unknown platform.
    package func isReadOnly(_ command: String, platform: String) -> Bool {
        self.library.platform(named: platform)?.isReadOnly(command) ?? false
    }

    /// By name or alias.
    package func platform(named name: String) -> PlatformDefinition? { self.library.platform(named: name) }

    /// The commands that the inventory has under a name for a platform (by any of its names), else those for `default`; `nil` when it has neither.
    package func sequence(named name: String, platform: String) -> [String]? {
        guard let platforms = self.inventory.sequences[name] else { return nil }
        if let own = platforms[platform] { return own }
        if let wanted = self.library.platform(named: platform)?.name {
            for (key, commands) in platforms.sorted(by: { $0.key < $1.key })
            where self.library.platform(named: key)?.name == wanted {
                return commands
            }
        }
        return platforms["default"]
    }

    /// Where a device's session lives: the same for the life of the client.
    ///
    /// A task that prefers this executor runs commands on the device without waking another thread, which saves about a tenth of their processor time.
    /// Such a task must not block.
    ///
    /// ```swift
    /// try await withTaskExecutorPreference(client.taskExecutor(for: "router1")) {
    ///     for command in commands { print(try await client.run("router1", command).text) }
    /// }
    /// ```
    public func taskExecutor(for device: String) -> any TaskExecutor { Self.eventLoop(for: device, of: self.loops) }

    /// The event loop that a device's session lives on: the same for the life of the client.
    package func eventLoop(for device: String) -> any EventLoop {
        Self.eventLoop(for: device, of: self.loops).eventLoop
    }

    /// All event loops that sessions live on.
    package var eventLoops: [any EventLoop] { self.loops.map(\.eventLoop) }

    /// FNV-1a: stable over processes, unlike `Hasher`.
    private static func eventLoop(for device: String, of loops: [EventLoopTaskExecutor]) -> EventLoopTaskExecutor {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in device.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return loops[Int(hash % UInt64(loops.count))]
    }
}
