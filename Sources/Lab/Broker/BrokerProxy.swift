import Logging
import NIOCore
import NIOPosix

/// A proxy in front of a development Kafka broker, which makes it behave as Apache Kafka does where it doesn't, and fails on command.
///
/// - It coordinates consumer groups itself: members, rebalances and the generations of offset commits (KIP-447 too) are a ``GroupCoordinator``'s, which
///   outlives restarts of the broker; the broker keeps the offsets.
/// - Offsets that an open transaction may still move are UNSTABLE_OFFSET_COMMIT to consumers that ask for stable ones.
/// - Transactions that are open for longer than `transaction.timeout.ms` are aborted.
/// - Fetches that begin behind the end of an aborted transaction aren't told of it.
/// - Fetches that find nothing wait for `fetch.wait.max.ms` or until somebody produces; the broker itself answers at once, and idle
///   consumers would keep the machine busy.
/// - Responses that name the broker name the proxy instead.
///
/// All its connections live on one event loop. Its methods may be called from any task.
/// ```swift
/// let proxy = try await BrokerProxy.start(host: "127.0.0.1", port: 0, upstreamHost: "127.0.0.1", upstreamPort: 9092)
/// try await proxy.setFault(.blackHole, clientID: "worker-1")
/// ```
package final class BrokerProxy: Sendable {
    package struct Options: Sendable {
        /// Whether fetches that find nothing wait.
        package var holdsEmptyFetches: Bool
        /// Host that clients are told to connect to; `nil`: the one the proxy listens on.
        package var advertisedHost: String?

        package init(
            holdsEmptyFetches: Bool = true,
            advertisedHost: String? = nil
        ) {
            self.holdsEmptyFetches = holdsEmptyFetches
            self.advertisedHost = advertisedHost
        }
    }

    package struct Counters: Sendable, Hashable {
        package var connections = 0
        package var requests = 0
        /// Members that were removed from their group.
        package var expiredSessions = 0
        /// Transactions that were aborted for their time.
        package var expiredTransactions = 0
        /// Commits of offsets, also in transactions, that were refused for their member or generation.
        package var refusedOffsets = 0
        /// OffsetFetch requests that were answered with offsets that are unstable.
        package var unstableOffsets = 0
    }

    private let core: ProxyCore
    package let host: String
    package let port: Int

    /// What clients put into `bootstrap.servers`.
    package var bootstrapServers: String { "\(host):\(port)" }

    private init(core: ProxyCore, host: String, port: Int) {
        self.core = core
        self.host = host
        self.port = port
    }

    /// Listens on `host:port` (0: a free port). The broker need not be there yet.
    package static func start(
        host: String = "127.0.0.1",
        port: Int = 0,
        upstreamHost: String,
        upstreamPort: Int,
        options: Options = Options(),
        logger: Logger = Logger(label: "tether-lab.proxy")
    ) async throws -> BrokerProxy {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let core = ProxyCore(
            loop: loop, host: host, port: port, upstreamHost: upstreamHost, upstreamPort: upstreamPort,
            options: options,
            logger: logger
        )
        let taken = try await loop.flatSubmit { core.listen() }.get()
        return BrokerProxy(core: core, host: host, port: taken)
    }

    /// Cuts all connections, or those of one client id.
    package func cut(clientID: String? = nil) async {
        try? await core.loop.submit { self.core.cut(clientID: clientID) }.get()
    }

    /// Makes the network faulty for everybody or for one client id; `nil` heals it. ``ProxyFault/refuse`` can't tell clients apart
    /// and counts for everybody only.
    package func setFault(_ fault: ProxyFault?, clientID: String? = nil) async throws {
        try await core.loop.flatSubmit { self.core.setFault(fault, clientID: clientID) }.get()
    }

    /// Lets somebody restart the broker in good order: waits until no transaction is open (the broker would forget it; Apache Kafka keeps it in a
    /// topic), cuts all connections and takes no new ones while `body` runs. Groups are kept: their members have their session time anew afterwards, as
    /// from a coordinator that has loaded its groups.
    ///
    /// - Returns: whether there was such a moment within `limit`. If not, `body` has not run, and all goes on; ``goAway(for:)`` needs no such moment.
    package func withBrokerAway(within limit: Duration, _ body: () async throws -> Void) async throws -> Bool {
        guard await closeTransactions(within: limit) else { return false }
        try await takeAway()
        await setTransactionsClosed(false)
        do {
            try await body()
        } catch {
            try await setAway(false)
            throw error
        }
        try? await core.loop.submit { self.core.brokerHasForgotten() }.get()
        try await setAway(false)
        return true
    }

    /// What clients see of the restart of a broker that forgets nothing, not even open transactions: all connections are cut, and none is taken for a while.
    package func goAway(for time: Duration) async throws {
        try await takeAway()
        try? await Task.sleep(for: time)
        try await setAway(false)
    }

    private func takeAway() async throws {
        try await setAway(true)
        await cut()
    }

    private func setAway(_ isAway: Bool) async throws {
        try await core.loop.flatSubmit {
            self.core.setAway(isAway)
            return self.core.setFault(isAway ? .refuse : nil, clientID: nil)
        }.get()
    }

    /// Waits until no transaction is open, and lets none begin.
    private func closeTransactions(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        await setTransactionsClosed(true)
        while (try? await core.loop.submit { self.core.transactions.isEmpty }.get()) == false {
            guard ContinuousClock.now < deadline else {
                await setTransactionsClosed(false)
                await cut()
                return false
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        // Producers are to hear of their ends: the broker would take a repeated question for one about an unknown transaction.
        try? await Task.sleep(for: .milliseconds(100))
        return true
    }

    /// What was held back goes on only with its connection cut.
    private func setTransactionsClosed(_ isClosed: Bool) async {
        try? await core.loop.submit { self.core.setTransactionsClosed(isClosed) }.get()
    }

    package func counters() async -> Counters {
        (try? await core.loop.submit { self.core.counters }.get()) ?? Counters()
    }

    /// Closes the port and all connections.
    package func stop() async {
        try? await core.loop.flatSubmit { self.core.stop() }.get()
    }
}
