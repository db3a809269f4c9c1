import Logging
import NIOCore
import NIOPosix

/// A proxy in front of a development Kafka broker, which makes it behave as Apache Kafka does where it doesn't, and fails on command.
///
/// - JoinGroup requests are held for a moment, so that a follower never misses a generation.
/// - While members join again, commits of their present generation are taken; the broker itself would refuse them, and its clients would give up
///   what they own.
/// - Members without a heartbeat for `session.timeout.ms` are removed from their group.
/// - Offsets that a producer commits in a transaction are refused when they come from a member of an old generation (KIP-447).
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
        /// Time that each JoinGroup request is held.
        package var joinDelay: Duration
        /// Whether silent members are removed.
        package var expiresSessions: Bool
        /// Whether fetches that find nothing wait.
        package var holdsEmptyFetches: Bool
        /// Session timeout of members that joined before the proxy was there.
        package var fallbackSessionTimeout: Duration
        /// Host that clients are told to connect to; `nil`: the one the proxy listens on.
        package var advertisedHost: String?

        package init(
            joinDelay: Duration = .milliseconds(60),
            expiresSessions: Bool = true,
            holdsEmptyFetches: Bool = true,
            fallbackSessionTimeout: Duration = .seconds(45),
            advertisedHost: String? = nil
        ) {
            self.joinDelay = joinDelay
            self.expiresSessions = expiresSessions
            self.holdsEmptyFetches = holdsEmptyFetches
            self.fallbackSessionTimeout = fallbackSessionTimeout
            self.advertisedHost = advertisedHost
        }

        var joinDelayAmount: TimeAmount { TimeAmount(joinDelay) }
    }

    package struct Counters: Sendable, Hashable {
        package var connections = 0
        package var requests = 0
        /// Members that were removed from their group.
        package var expiredSessions = 0
        /// Transactions that were aborted for their time.
        package var expiredTransactions = 0
        /// TxnOffsetCommit requests that were refused for their member or generation.
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

    /// Waits until no transaction is open, and lets none begin: the moment to ``cut(clientID:)`` and to restart the broker, which would forget
    /// open ones. ``openTransactions()`` lets them begin again.
    ///
    /// - Returns: whether there was such a moment within `limit`. If not, transactions go on.
    package func closeTransactions(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        try? await core.loop.submit { self.core.setTransactionsClosed(true) }.get()
        while (try? await core.loop.submit { self.core.transactions.isEmpty }.get()) == false {
            guard ContinuousClock.now < deadline else {
                await openTransactions()
                return false
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        // Producers are to hear of their ends: the broker would take a repeated question for one about an unknown transaction.
        try? await Task.sleep(for: .milliseconds(100))
        return true
    }

    /// Lets transactions begin again. What was held back meanwhile needs its connection cut.
    package func openTransactions() async {
        try? await core.loop.submit { self.core.setTransactionsClosed(false) }.get()
    }

    /// The broker has been restarted, and its groups with it: who was a member is told so, and joins again.
    package func forgetMembers() async {
        try? await core.loop.submit { self.core.forgetMembers() }.get()
    }

    package func counters() async -> Counters {
        (try? await core.loop.submit { self.core.counters }.get()) ?? Counters()
    }

    /// Closes the port and all connections.
    package func stop() async {
        try? await core.loop.flatSubmit { self.core.stop() }.get()
    }
}
