import NIOCore

/// One client's connection through the proxy and its counterpart to the broker. Lives on the proxy's event loop.
///
/// Bytes are cut into frames, each frame waits in its direction's ``DelayLine``, and frames leave whole and in order. Nothing is read while
/// too much waits or while the other side takes nothing.
final class ProxyConnection {
    enum Side { case client, broker }

    /// A response that must be looked at when it comes.
    enum Awaited {
        case rewrite(ApiKey, version: Int16)
        case join(version: Int16)
        case sync
        /// With the number of generations that it has been raised by already.
        case commit(CommitFrame, raised: Int32)
        case heartbeat(GroupRequest, version: Int16, flexible: Bool)
        /// An empty answer is held until then, unless something was produced after the request went out.
        case fetch(AbortMarkers.Request?, version: Int16, until: NIODeadline, production: Int)
        /// Fetches that are held may find something afterwards.
        case production
        case initialization(OpenTransactions.Step, version: Int16)
        case end(OpenTransactions.Step, version: Int16)
        /// With the offsets, by group, that an open transaction may still move.
        case offsets([String: Set<TopicPartition>], version: Int16)
        /// Comes in place of this one.
        case answer(ByteBuffer)
    }

    private struct Direction {
        var splitter = FrameSplitter()
        var line = DelayLine()
        var timer: Scheduled<Void>?
        /// The sending side has closed: what waits still goes out, then the receiving side is closed.
        var sourceEnded = false
    }

    /// Bytes that may wait in one direction before reading stops.
    private static let waitingLimit = 8 << 20

    let id: Int
    private(set) var clientID: String?
    unowned let proxy: ProxyCore
    private let client: any Channel
    private(set) var broker: (any Channel)?
    private var toBroker = Direction()
    private var toClient = Direction()
    var awaited: [Int32: Awaited] = [:]
    private var isClosed = false

    init(id: Int, client: any Channel, proxy: ProxyCore) {
        self.id = id
        self.client = client
        self.proxy = proxy
    }

    // MARK: - Events

    func connected(to broker: any Channel) {
        self.broker = broker
        demand(from: .client)
        demand(from: .broker)
    }

    func received(_ bytes: ByteBuffer, from side: Side) {
        guard !isClosed else { return }
        let now = NIODeadline.now()
        do {
            switch side {
            case .client:
                toBroker.splitter.append(bytes)
                while let frame = try toBroker.splitter.next() {
                    if clientID == nil {
                        var reader = KafkaReader(frame)
                        clientID = (try? RequestHeader(&reader))?.clientID
                    }
                    let shape = proxy.shape(for: clientID)
                    var delay = shape.latency
                    if frame.getInteger(at: frame.readerIndex + 4, as: Int16.self) == ApiKey.joinGroup.rawValue {
                        delay = delay + proxy.options.joinDelayAmount
                    }
                    if proxy.transactions.isClosed,
                        OpenTransactions.Step(frame).map(proxy.transactions.wouldOpen) == true
                    {
                        // It is there for somebody who means to cut the connection.
                        delay = .hours(1)
                    }
                    toBroker.line.append(frame, delay: delay, bytesPerSecond: shape.bytesPerSecond, at: now)
                }
            case .broker:
                toClient.splitter.append(bytes)
                while let frame = try toClient.splitter.next() {
                    let shape = proxy.shape(for: clientID)
                    let wait = fetchWait(frame, at: now)
                    guard let frame = inspect(response: frame, at: now) else { continue }
                    // An answer to something else doesn't wait behind an empty fetch.
                    if wait == nil { toClient.line.release(at: now) }
                    toClient.line.append(
                        frame, delay: max(shape.latency, wait ?? .zero), bytesPerSecond: shape.bytesPerSecond,
                        isHeld: wait != nil, at: now
                    )
                    if wait != nil { proxy.holding.insert(id) }
                }
            }
        } catch {
            proxy.logger.warning("closing a connection", metadata: ["reason": "\(error)"])
            return close()
        }
        pump(side)
    }

    func readCompleted(_ side: Side) { demand(from: side) }

    /// The channel of that side takes bytes again, or takes no more.
    func writabilityChanged(_ side: Side) { demand(from: side == .client ? .broker : .client) }

    func ended(_ side: Side) {
        if side == .client { toBroker.sourceEnded = true } else { toClient.sourceEnded = true }
        pump(side)
    }

    /// Something was produced: held fetches go out.
    func releaseFetches() {
        toClient.line.release(at: .now())
        pump(.broker)
    }

    /// Faults have changed.
    func faultsChanged() {
        pump(.client)
        pump(.broker)
        demand(from: .client)
        demand(from: .broker)
    }

    /// Closes both sides at once; what waits is lost, as when a network fails.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        toBroker.timer?.cancel()
        toClient.timer?.cancel()
        client.close(promise: nil)
        broker?.close(promise: nil)
        proxy.closed(self)
    }

    // MARK: - Moving frames

    private var isFrozen: Bool { proxy.shape(for: clientID).isBlackHole }

    private func demand(from side: Side) {
        guard !isClosed, let broker else { return }
        switch side {
        // What the broker has answered has happened, also if the client can't hear of it: it is read, and waits.
        case .client where !isFrozen && toBroker.line.bytes < Self.waitingLimit && broker.isWritable: client.read()
        case .broker where toClient.line.bytes < Self.waitingLimit && client.isWritable: broker.read()
        default: break
        }
    }

    /// Sends what is due of the frames that came from `side`.
    private func pump(_ side: Side) {
        guard !isClosed, !isFrozen, let broker else { return }
        let now = NIODeadline.now()
        switch side {
        case .client:
            toBroker.timer?.cancel()
            toBroker.timer = nil
            var wrote = false
            while let frame = toBroker.line.next(at: now) {
                broker.write(inspect(request: frame, at: now), promise: nil)
                wrote = true
            }
            if wrote { broker.flush() }
            if let due = toBroker.line.nextDue {
                toBroker.timer = proxy.loop.assumeIsolated().scheduleTask(deadline: due) { self.wakeUp(side) }
            } else if toBroker.sourceEnded {
                // Kafka has no half-closed connections: a client that has gone wants no answers.
                close()
            }
        case .broker:
            toClient.timer?.cancel()
            toClient.timer = nil
            var wrote = false
            while let frame = toClient.line.next(at: now) {
                client.write(frame, promise: nil)
                wrote = true
            }
            if wrote { client.flush() }
            if let due = toClient.line.nextDue {
                toClient.timer = proxy.loop.assumeIsolated().scheduleTask(deadline: due) { self.wakeUp(side) }
            } else if toClient.sourceEnded {
                close()
            }
        }
    }

    private func wakeUp(_ side: Side) {
        pump(side)
        demand(from: side)
    }
}

/// Hands a channel's events to its connection. Lives on the proxy's event loop.
final class ProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let side: ProxyConnection.Side
    private let connection: ProxyConnection

    init(_ side: ProxyConnection.Side, of connection: ProxyConnection) {
        self.side = side
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.received(unwrapInboundIn(data), from: side)
    }
    func channelReadComplete(context: ChannelHandlerContext) { connection.readCompleted(side) }
    func channelWritabilityChanged(context: ChannelHandlerContext) { connection.writabilityChanged(side) }
    func channelInactive(context: ChannelHandlerContext) { connection.ended(side) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
