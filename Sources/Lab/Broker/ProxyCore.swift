import Glibc
import Logging
import NIOCore
import NIOPosix

/// The proxy's state.
///
/// `@unchecked Sendable`: made once, and then touched on its event loop only, where all its channels live too; the entry points check that.
final class ProxyCore: @unchecked Sendable {
    /// What a connection has to suffer.
    struct Shape {
        var isBlackHole = false
        var latency = TimeAmount.zero
        var bytesPerSecond: Int?
    }

    let loop: any EventLoop
    let options: BrokerProxy.Options
    let logger: Logger
    private var coordinator = GroupCoordinator()
    var transactions = OpenTransactions()
    var abortMarkers = AbortMarkers()
    var counters = BrokerProxy.Counters()
    var rewrite: AddressRewrite
    /// Counts what was produced, to tell whether a fetch may have missed it.
    private(set) var production = 0
    /// Connections with held fetches.
    var holding: Set<Int> = []
    private let upstream: (host: String, port: Int)
    private var listener: (any Channel)?
    private var listenAddress: (host: String, port: Int)
    private var connections: [Int: ProxyConnection] = [:]
    private var connectionNumber = 0
    /// By client id; `""` is for all.
    private var faults: [String: ProxyFault] = [:]
    private var expiryTimer: RepeatedTask?
    /// Requests of the proxy's own.
    private var questions: Int32 = 0
    private var isStopped = false
    private var isAway = false

    init(
        loop: any EventLoop,
        host: String,
        port: Int,
        upstreamHost: String,
        upstreamPort: Int,
        options: BrokerProxy.Options,
        logger: Logger
    ) {
        self.loop = loop
        self.options = options
        self.logger = logger
        upstream = (upstreamHost, upstreamPort)
        listenAddress = (host, port)
        rewrite = AddressRewrite(
            brokerPort: Int32(upstreamPort), host: options.advertisedHost ?? host, port: Int32(port)
        )
    }

    // MARK: - Connections

    /// Begins to listen; returns the port.
    func listen() -> EventLoopFuture<Int> {
        loop.preconditionInEventLoop()
        return ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in self.accept(channel) }
            .bind(host: listenAddress.host, port: listenAddress.port)
            .flatMapErrorThrowing { error in
                let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
                throw LabError("can't take port \(self.listenAddress.port): \(reason)")
            }
            .map { channel in
                self.listener = channel
                let port = channel.localAddress?.port ?? self.listenAddress.port
                self.listenAddress.port = port
                self.rewrite.port = Int32(port)
                return port
            }
    }

    private func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        loop.preconditionInEventLoop()
        connectionNumber += 1
        counters.connections += 1
        let connection = ProxyConnection(id: connectionNumber, client: client, proxy: self)
        connections[connection.id] = connection
        let bound = NIOLoopBound(connection, eventLoop: loop)
        do {
            try client.pipeline.syncOperations.addHandler(ProxyHandler(.client, of: connection))
        } catch { return loop.makeFailedFuture(error) }
        ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ProxyHandler(.broker, of: bound.value))
                }
            }
            .connect(host: upstream.host, port: upstream.port)
            .whenComplete { result in
                switch result {
                case .success(let broker): bound.value.connected(to: broker)
                case .failure(let error):
                    self.logger.debug("the broker can't be reached", metadata: ["error": "\(error)"])
                    bound.value.close()
                }
            }
        return loop.makeSucceededVoidFuture()
    }

    func closed(_ connection: ProxyConnection) {
        connections[connection.id] = nil
        holding.remove(connection.id)
    }

    /// Something was produced or committed: whoever waits for records may ask again.
    func produced() {
        production += 1
        guard !holding.isEmpty else { return }
        let ids = holding
        holding = []
        for id in ids { connections[id]?.releaseFetches() }
    }

    /// Lets no transaction begin from now on, or again.
    func setTransactionsClosed(_ isClosed: Bool) {
        loop.preconditionInEventLoop()
        transactions.isClosed = isClosed
    }

    func cut(clientID: String?) {
        loop.preconditionInEventLoop()
        for connection in connections.values where clientID == nil || connection.clientID == clientID {
            connection.close()
        }
    }

    func stop() -> EventLoopFuture<Void> {
        loop.preconditionInEventLoop()
        isStopped = true
        expiryTimer?.cancel()
        expiryTimer = nil
        cut(clientID: nil)
        let closed = listener?.close() ?? loop.makeSucceededVoidFuture()
        listener = nil
        return closed.recover { _ in }
    }

    // MARK: - Groups

    func ask(_ request: GroupRequest, as id: RequestID, at now: NIODeadline) {
        deliver(coordinator.handle(request, as: id, at: now), at: now)
        scheduleExpiry()
    }

    func refusal(of commit: OffsetCommitFrame, at now: NIODeadline) -> GroupError? {
        let isTransactional = commit.transaction != nil
        let error = coordinator.refusal(ofOffsetsFrom: commit.claim, inTransaction: isTransactional, at: now)
        if let error {
            logger.info(
                "offsets refused",
                metadata: [
                    "group": "\(commit.claim.group)", "member": "\(commit.claim.member.id)",
                    "generation": "\(commit.claim.generation)", "error": "\(error)",
                ])
            counters.refusedOffsets += 1
        }
        return error
    }

    private func deliver(_ answers: [GroupCoordinator.Answer], at now: NIODeadline) {
        for answer in answers {
            if case .join(let join) = answer.content, !join.members.isEmpty {
                logger.info(
                    "generation",
                    metadata: [
                        "number": "\(join.generation)", "leader": "\(join.leader)",
                        "members": "\(join.members.map(\.name.id))",
                    ])
            }
            connections[answer.request.connection]?.answered(
                answer.request.correlationID, answer.content, at: now)
        }
    }

    /// Nobody can be heard of while the broker is away, so nobody's time runs.
    func setAway(_ isAway: Bool) {
        loop.preconditionInEventLoop()
        self.isAway = isAway
        if !isAway { coordinator.renewSessions(at: .now()) }
    }

    // MARK: - Faults

    func shape(for clientID: String?) -> Shape {
        if faults.isEmpty { return Shape() }
        var shape = Shape()
        for fault in [faults[""], clientID.flatMap { faults[$0] }].compactMap({ $0 }) {
            switch fault {
            case .refuse: break
            case .blackHole: shape.isBlackHole = true
            case .latency(let duration): shape.latency = TimeAmount(duration)
            case .throttle(let bytesPerSecond): shape.bytesPerSecond = bytesPerSecond
            }
        }
        return shape
    }

    func setFault(_ fault: ProxyFault?, clientID: String?) -> EventLoopFuture<Void> {
        loop.preconditionInEventLoop()
        faults[clientID ?? ""] = fault
        for connection in connections.values { connection.faultsChanged() }
        let refuses = faults[""] == .refuse
        if refuses, let listener {
            self.listener = nil
            return listener.close()
        }
        if !refuses, listener == nil, !isStopped { return listen().map { _ in } }
        return loop.makeSucceededVoidFuture()
    }

    // MARK: - Expiry

    /// Looks for expired sessions and overdue transactions from now on, as long as there are members or transactions.
    func scheduleExpiry() {
        guard expiryTimer == nil, hasClocks, !isStopped else { return }
        expiryTimer = loop.scheduleRepeatedTask(initialDelay: .milliseconds(100), delay: .milliseconds(100)) { task in
            if !self.isAway { self.expireSessions() }
            for overdue in self.transactions.overdue(at: .now()) { self.abort(overdue) }
            if !self.hasClocks {
                task.cancel()
                self.expiryTimer = nil
            }
        }
    }

    private var hasClocks: Bool { coordinator.hasMembers || !transactions.isEmpty }

    private func expireSessions() {
        let now = NIODeadline.now()
        let (answers, expired) = coordinator.expire(at: now)
        for one in expired {
            counters.expiredSessions += 1
            logger.info("session expired", metadata: ["group": "\(one.group)", "member": "\(one.member.id)"])
        }
        deliver(answers, at: now)
    }

    /// The broker was restarted.
    func brokerHasForgotten() {
        loop.preconditionInEventLoop()
        transactions.forgotten()
    }

    /// Sends InitProducerId for the transaction, as a successor of its producer would: the broker aborts the transaction, and fences the producer. If it doesn't
    /// know whose the transaction is, EndTxn in that one's name.
    func abort(_ overdue: OpenTransactions.Overdue) {
        questions += 1
        logger.info("transaction aborted", metadata: ["transaction": "\(overdue.transaction)"])
        if let producer = overdue.orphanOf {
            ask(
                TransactionFrames.abortFrame(
                    overdue.transaction, of: producer, correlationID: questions, clientID: "transaction-expiry")
            ).whenSuccess { response in
                guard !self.isStopped, TransactionFrames.isOver(response, version: 0),
                    self.transactions.ended(orphanOf: producer, overdue.transaction)
                else { return }
                self.counters.expiredTransactions += 1
                self.produced()
            }
            return
        }
        ask(TransactionFrames.initializeFrame(overdue, correlationID: questions, clientID: "transaction-expiry"))
            .whenSuccess { response in
                guard !self.isStopped, let producer = TransactionFrames.initialized(response, version: 0) else {
                    return
                }
                self.counters.expiredTransactions += 1
                self.transactions.initialized(overdue.transaction, timeout: overdue.timeout, as: producer)
                self.produced()
            }
    }

    /// The broker's answer to a request of the proxy's own, on a connection of its own.
    private func ask(_ frame: ByteBuffer) -> EventLoopFuture<ByteBuffer> {
        let done = loop.makePromise(of: ByteBuffer.self)
        let deadline = loop.scheduleTask(in: .seconds(5)) { done.fail(LabError("the broker didn't answer")) }
        ClientBootstrap(group: loop).connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(OneResponseHandler(done))
                }
            }
            .connect(host: upstream.host, port: upstream.port)
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    channel.writeAndFlush(frame, promise: nil)
                    done.futureResult.whenComplete { _ in channel.close(promise: nil) }
                case .failure(let error): done.fail(error)
                }
            }
        done.futureResult.whenComplete { _ in deadline.cancel() }
        return done.futureResult
    }
}
