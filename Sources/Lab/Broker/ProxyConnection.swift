import NIOCore

/// One client's connection through the proxy and its counterpart to the broker. Lives on the proxy's event loop.
///
/// Bytes are cut into frames, each frame waits in its direction's ``DelayLine``, and frames leave whole and in order. Nothing is read while
/// too much waits or while the other side takes nothing.
final class ProxyConnection {
    enum Side { case client, broker }

    /// A response that must be looked at when it comes.
    private enum Awaited {
        case rewrite(ApiKey, version: Int16)
        case join(version: Int16)
        case sync
        case commit(CommitFrame)
        case heartbeat(GroupRequest, version: Int16, flexible: Bool)
        /// An empty answer is held until then, unless something was produced after the request went out.
        case fetch(version: Int16, until: NIODeadline, production: Int)
        /// Fetches that are held may find something afterwards.
        case production
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
    private unowned let proxy: ProxyCore
    private let client: any Channel
    private var broker: (any Channel)?
    private var toBroker = Direction()
    private var toClient = Direction()
    private var awaited: [Int32: Awaited] = [:]
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
                    toBroker.line.append(frame, delay: delay, bytesPerSecond: shape.bytesPerSecond, at: now)
                }
            case .broker:
                toClient.splitter.append(bytes)
                while let frame = try toClient.splitter.next() {
                    let shape = proxy.shape(for: clientID)
                    let wait = fetchWait(frame, at: now)
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
        guard !isClosed, let broker, !isFrozen else { return }
        switch side {
        case .client where toBroker.line.bytes < Self.waitingLimit && broker.isWritable: client.read()
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
                inspect(request: frame, at: now)
                broker.write(frame, promise: nil)
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
                guard let response = inspect(response: frame, at: now) else { continue }
                client.write(response, promise: nil)
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

    // MARK: - Looking into frames

    private func inspect(request frame: ByteBuffer, at now: NIODeadline) {
        proxy.counters.requests += 1
        guard let key = frame.getInteger(at: frame.readerIndex + 4, as: Int16.self).flatMap(ApiKey.init) else {
            return
        }
        var reader = KafkaReader(frame)
        guard let header = try? RequestHeader(&reader) else { return }
        let version = header.apiVersion
        switch key {
        case .metadata, .findCoordinator:
            awaited[header.correlationID] = .rewrite(key, version: version)
            return
        case .fetch where proxy.options.holdsEmptyFetches:
            guard let wait = try? FetchFrames.maximumWait(header, &reader), wait > .zero else {
                return
            }
            awaited[header.correlationID] = .fetch(version: version, until: now + wait, production: proxy.production)
            return
        case .produce where proxy.options.holdsEmptyFetches:
            if (try? FetchFrames.producerWaits(header, &reader)) == true {
                awaited[header.correlationID] = .production
            } else {
                proxy.produced()
            }
            return
        case .endTransaction where proxy.options.holdsEmptyFetches:
            awaited[header.correlationID] = .production
            return
        default: break
        }
        let body = reader
        guard proxy.options.expiresSessions, let request = try? GroupRequest(header, &reader) else { return }
        proxy.watch.forwarded(request, as: .init(connection: id, correlationID: header.correlationID), at: now)
        switch key {
        case .offsetCommit:
            if let commit = CommitFrame(frame, header, body) { awaited[header.correlationID] = .commit(commit) }
        case .joinGroup: awaited[header.correlationID] = .join(version: version)
        case .syncGroup: awaited[header.correlationID] = .sync
        case .heartbeat:
            awaited[header.correlationID] = .heartbeat(request, version: version, flexible: header.isFlexible)
        default: break
        }
        proxy.scheduleExpiry()
    }

    /// How long an answer to a fetch is to be held; `nil`: not at all, or it is none. Notices what was produced.
    private func fetchWait(_ frame: ByteBuffer, at now: NIODeadline) -> TimeAmount? {
        guard let correlationID = frame.getInteger(at: frame.readerIndex + 4, as: Int32.self) else { return nil }
        switch awaited[correlationID] {
        case .production:
            awaited[correlationID] = nil
            proxy.produced()
            return nil
        case .fetch(let version, let until, let production):
            awaited[correlationID] = nil
            guard production == proxy.production, until > now, FetchFrames.isEmpty(frame, version: version) else {
                return nil
            }
            return until - now
        default: return nil
        }
    }

    /// The response for the client; `nil` when another one will take its place.
    private func inspect(response frame: ByteBuffer, at now: NIODeadline) -> ByteBuffer? {
        guard let correlationID = frame.getInteger(at: frame.readerIndex + 4, as: Int32.self),
            let awaited = awaited.removeValue(forKey: correlationID)
        else { return frame }
        let request = GroupWatch.RequestID(connection: id, correlationID: correlationID)
        switch awaited {
        case .rewrite(let key, let version): return proxy.rewrite.rewrite(frame, of: key, version: version)
        case .join(let version):
            if let answer = try? GroupResponse.join(frame, version: version) {
                proxy.watch.joined(
                    request, error: answer.error, generation: answer.generation, memberID: answer.memberID, at: now)
            }
        case .sync: proxy.watch.synced(request, at: now)
        case .commit(let commit):
            guard commit.isRefusedForGeneration(frame),
                proxy.watch.mayCommit(commit.group, commit.memberID, generation: commit.generation)
            else { return frame }
            broker?.writeAndFlush(commit.with(generation: commit.generation + 1), promise: nil)
            return nil
        case .heartbeat(.heartbeat(let group, let member), let version, let flexible):
            let error = try? GroupResponse.error(frame, version: version, flexible: flexible)
            if error == GroupResponse.unknownMember || error == GroupResponse.fencedInstance {
                proxy.watch.refused(group, member)
            }
        case .heartbeat, .fetch, .production: break
        }
        return frame
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
