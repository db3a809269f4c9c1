import NIOCore

/// One client's connection through the proxy and its counterpart to the broker. Lives on the proxy's event loop.
///
/// Bytes are cut into frames, each frame waits in its direction's ``DelayLine``, and frames leave whole and in order, but for those that the proxy
/// answers itself. Nothing is read while too much waits or while the other side takes nothing.
final class ProxyConnection {
    enum Side { case client, broker }

    /// What is to be done with a response when it comes.
    enum Awaited {
        case nothing
        case rewrite(ApiKey, version: Int16)
        /// An empty answer is held until then, unless something was produced after the request went out.
        case fetch(AbortMarkers.Request?, version: Int16, until: NIODeadline, production: Int)
        /// Fetches that are held may find something afterwards.
        case production
        case initialization(OpenTransactions.Step, version: Int16)
        case end(OpenTransactions.Step, version: Int16)
        /// With the offsets, by group, that an open transaction may still move.
        case offsets([String: Set<TopicPartition>], version: Int16)
    }

    /// A request for the group coordinator. Like Apache Kafka's it begins when all that came before it on this connection is answered, and what
    /// comes after it waits for its own answer.
    private struct Turn {
        enum Subject {
            case membership(GroupRequest)
            case offsets(OffsetCommitFrame)
        }
        var subject: Subject
        var header: RequestHeader
        var frame: ByteBuffer
        var isAsked = false
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
    /// What the broker owes, by correlation id.
    var awaited: [Int32: Awaited] = [:]
    private var turn: Turn?
    private var isPumping = false
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
                    let (answer, hold) = inspect(response: frame, at: now)
                    send(answer, heldFor: hold, at: now)
                }
            }
        } catch {
            proxy.logger.warning("closing a connection", metadata: ["reason": "\(error)"])
            return close()
        }
        pump(side)
        // Perhaps a request for the coordinator has waited for this answer.
        if turn != nil { pump(.client) }
    }

    /// The coordinator answers. Late answers, to what nobody waits for, are dropped.
    func answered(_ correlationID: Int32, _ answer: GroupAnswer, at now: NIODeadline) {
        guard let turn, turn.isAsked, turn.header.correlationID == correlationID else { return }
        end(turn, with: answer.frame(for: turn.header), at: now)
        pump(.client)
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

    /// A response for the client.
    ///
    /// - Parameter hold: how long it may wait for something better to say.
    private func send(_ frame: ByteBuffer, heldFor hold: TimeAmount?, at now: NIODeadline) {
        let shape = proxy.shape(for: clientID)
        // An answer to something else doesn't wait behind an empty fetch.
        if hold == nil { toClient.line.release(at: now) } else { proxy.holding.insert(id) }
        toClient.line.append(
            frame, delay: max(shape.latency, hold ?? .zero), bytesPerSecond: shape.bytesPerSecond, isHeld: hold != nil,
            at: now)
    }

    /// Moves what is due of the frames that came from `side`.
    private func pump(_ side: Side) {
        guard !isClosed, !isFrozen, let broker else { return }
        let now = NIODeadline.now()
        switch side {
        case .client:
            guard !isPumping else { return }
            isPumping = true
            while !isClosed, takeTurn(at: now), let frame = toBroker.line.next(at: now) { serve(frame, at: now) }
            isPumping = false
            if isClosed { return }
            broker.flush()
            schedule(.client)
        case .broker:
            var wrote = false
            while let frame = toClient.line.next(at: now) {
                client.write(frame, promise: nil)
                wrote = true
            }
            if wrote { client.flush() }
            schedule(.broker)
        }
    }

    /// What happens to the frames that stay.
    private func schedule(_ side: Side) {
        let direction = side == .client ? toBroker : toClient
        direction.timer?.cancel()
        var timer: Scheduled<Void>?
        if side == .client, let turn {
            // Either the broker's answers lead on from here, or the coordinator's; that one may be long, and for nobody.
            if turn.isAsked, direction.sourceEnded { return close() }
        } else if let due = direction.line.nextDue {
            timer = proxy.loop.assumeIsolated().scheduleTask(deadline: due) { self.wakeUp(side) }
        } else if direction.sourceEnded {
            // Kafka has no half-closed connections: a client that has gone wants no answers.
            return close()
        }
        if side == .client { toBroker.timer = timer } else { toClient.timer = timer }
    }

    /// A frame from the client, in its turn.
    private func serve(_ frame: ByteBuffer, at now: NIODeadline) {
        proxy.counters.requests += 1
        var reader = KafkaReader(frame)
        // The broker says what it thinks of what isn't a request.
        guard let header = try? RequestHeader(&reader) else {
            broker?.write(frame, promise: nil)
            return
        }
        do {
            if let commit = OffsetCommitFrame(header, reader) {
                turn = Turn(subject: .offsets(commit), header: header, frame: frame)
            } else if let request = try GroupRequest(header, reader) {
                turn = Turn(subject: .membership(request), header: header, frame: frame)
            } else if let orphan = orphan(behind: header, reader) {
                proxy.abort(orphan)
                send(TransactionFrames.askAgain(header), heldFor: nil, at: now)
                pump(.broker)
            } else {
                forward(frame, header, reader, at: now)
            }
        } catch {
            proxy.logger.warning("closing a connection", metadata: ["reason": "a request can't be read"])
            close()
        }
    }

    /// What stands in the way of a new producer.
    private func orphan(behind header: RequestHeader, _ body: KafkaReader) -> OpenTransactions.Overdue? {
        guard let step = OpenTransactions.Step(header, body), case .initialize = step.action else { return nil }
        return proxy.transactions.orphan(step.transaction)
    }

    /// Asks the coordinator when it is time to; whether the next frame may be served.
    private func takeTurn(at now: NIODeadline) -> Bool {
        guard let turn else { return true }
        guard !turn.isAsked, awaited.isEmpty else { return false }
        self.turn?.isAsked = true
        switch turn.subject {
        case .membership(let request):
            proxy.ask(request, as: .init(connection: id, correlationID: turn.header.correlationID), at: now)
        case .offsets(let commit):
            if let error = proxy.refusal(of: commit, at: now) {
                end(turn, with: commit.response(error), at: now)
            } else {
                self.turn = nil
                let frame = commit.transaction == nil ? commit.anonymous(turn.frame) : turn.frame
                var reader = KafkaReader(frame)
                guard let header = try? RequestHeader(&reader) else { return true }
                forward(frame, header, reader, at: now)
            }
        }
        return self.turn == nil
    }

    private func end(_ turn: Turn, with answer: ByteBuffer, at now: NIODeadline) {
        self.turn = nil
        send(answer, heldFor: nil, at: now)
        pump(.broker)
    }

    private func forward(_ frame: ByteBuffer, _ header: RequestHeader, _ body: KafkaReader, at now: NIODeadline) {
        if let expected = inspect(request: header, body, at: now) { awaited[header.correlationID] = expected }
        broker?.write(frame, promise: nil)
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
