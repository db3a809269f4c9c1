import CLibSSH2
import Logging
import NIOCore

/// The working part of one SSH connection: channel handler of its TCP connection, and the only user of its libssh2 session.
///
/// Bytes come in by ``channelRead(context:data:)``, ``pump()`` lets libssh2 work on them and moves everything on as far as it
/// goes, and what libssh2 wants sent leaves with one flush.
///
/// Isolation: everything happens on `eventLoop`. ``SSHConnection`` is the face for other tasks.
///
/// Properties that each command uses are not checked for exclusive access at run time: the checks were an eighth of the instructions that this module
/// adds to libssh2's own. What they would find can't be: all accesses are of one thread, and each is over before anything else is called, since it reads or replaces
/// a value, or changes a buffer or a list in an operation that calls nothing of this module's that uses the same property.
final class SessionCore: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Waiting for the server's identification string.
        case identifying
        case keyExchange
        case authenticating
        case open
        case closed
    }

    let eventLoop: any EventLoop
    let configuration: SSHConfiguration
    let logger: Logger
    var endpoint: Endpoint { Endpoint(self.configuration.host, self.configuration.port) }

    @exclusivity(unchecked) private(set) var phase = Phase.identifying
    /// What the bytes go by; `nil` once it is gone.
    @exclusivity(unchecked) private(set) var transport: (any ByteTransport)?
    /// `nil` once the connection is closed.
    @exclusivity(unchecked) private(set) var session: LibSSH2Session?

    // Establishing.
    var identification = IdentificationReader()
    var incomingOffer = KeyExchangeSniffer(skippingIdentification: true)
    var serverIdentification = ""
    var plan: AuthenticationPlan
    var authenticationStep: AuthenticationPlan.Action?
    /// The running attempt with an agent's key.
    var agentSigning: AgentSigning?
    var onEstablished: ((Result<String, SSHError>) -> Void)?
    var phaseTimer: Scheduled<Void>?

    /// While the session is with the thread pool, neither it nor its buffers are touched; what arrives is held here.
    @exclusivity(unchecked) private(set) var isLent = false
    private var heldInput = ByteBuffer()

    // Open.
    @exclusivity(unchecked) var channels: [SessionChannel] = []
    @exclusivity(unchecked) var waiting: [SessionChannel] = []
    @exclusivity(unchecked) var opening: ChannelOpening? {
        didSet { self.openingSince = self.opening == nil ? nil : self.openingSince ?? .now() }
    }
    private(set) var openingSince: NIODeadline?
    @exclusivity(unchecked) var closing: [LibSSH2Channel] = []
    var parked: ParkedChannel?
    /// Whether a channel has been closed since the last one was opened.
    var closedSinceOpening = false
    /// Whether the next opening waits until the server has confirmed a close.
    var opensAfterClose = false
    var watchTimer: Scheduled<Void>?
    /// Due when a channel's program has to run.
    var channelTimer: Scheduled<Void>?
    var liveness: Liveness?
    /// Whether the memory that libssh2 claims for a session and doesn't use has been given back.
    var hasReleasedMemory = false
    /// Whether anything has come from the peer since this was last set to `false`.
    @exclusivity(unchecked) var hasHeard = false
    /// The channel on which the server has been asked for a sign of life, and hasn't answered yet.
    @exclusivity(unchecked) var question: LibSSH2Channel?

    // Pumping. Timers hold the core: a weak reference to it would make every use of it dearer, and the end of the connection cancels them.
    @exclusivity(unchecked) private var isPumping = false
    @exclusivity(unchecked) private var needsPump = false
    /// Whether a channel has bytes to send that had no room.
    @exclusivity(unchecked) var hasMoreOutput = false
    @exclusivity(unchecked) private var isReading = true
    @exclusivity(unchecked) private var flushing = Flushing.atOnce

    // Closing.
    var closeReason: SSHError?
    private let closePromise: EventLoopPromise<SSHError?>
    private var hasReportedClose = false
    var closeFuture: EventLoopFuture<SSHError?> { self.closePromise.futureResult }

    init(
        configuration: SSHConfiguration,
        credentials: [Credential],
        eventLoop: any EventLoop,
        logger: Logger
    ) throws(SSHError) {
        eventLoop.preconditionInEventLoop()
        self.eventLoop = eventLoop
        self.configuration = configuration
        self.logger = logger
        self.plan = AuthenticationPlan(username: configuration.username, credentials: credentials)
        self.session = try LibSSH2Session()
        self.closePromise = eventLoop.makePromise()
    }

    deinit {
        // Only a core whose handler never saw the end of its channel gets here without having reported.
        if !self.hasReportedClose { self.closePromise.succeed(self.closeReason) }
    }

    // MARK: - Channel handler

    func handlerAdded(context: ChannelHandlerContext) { self.transport = SocketTransport(context) }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.shutDown(reason: self.lost("The connection was closed."))
        self.transport = nil
        self.reportClose()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.receive(self.unwrapInboundIn(data))
    }

    func receive(_ buffer: ByteBuffer) {
        self.hasHeard = true
        if self.isLent {
            var buffer = buffer
            self.heldInput.writeBuffer(&buffer)
        } else {
            self.session?.wire.append(buffer)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { self.pump() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.pump() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.transportHasEnded()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.pump()
        self.shutDown(reason: self.transportFailed(error))
    }

    // MARK: - Another transport than a socket

    /// Uses a transport that is open already.
    func attach(_ transport: any ByteTransport) { self.transport = transport }

    func transportHasEnded() {
        self.pump()
        self.shutDown(reason: self.inputEnded())
        self.reportClose()
    }

    func transportHasFailed(_ message: String) {
        self.pump()
        let isEarly =
            switch self.phase {
            case .identifying, .keyExchange: true
            case .authenticating, .open, .closed: false
            }
        self.shutDown(reason: SSHError(isEarly ? .handshake : .sessionLost, message))
        self.reportClose()
    }

    var isOpen: Bool {
        if case .open = self.phase { true } else { false }
    }

    private func reportClose() {
        guard !self.hasReportedClose else { return }
        self.hasReportedClose = true
        self.closePromise.succeed(self.closeReason)
    }

    // MARK: - Pumping

    /// How many bytes at the end of a batch are fed separately.
    ///
    /// libssh2 forgets unread channel data when it meets SSH_MSG_DISCONNECT in the same go, and servers that end the
    /// connection with the last output send both in one segment. No such packet is shorter than 36 bytes (RFC 4253 §6: 13
    /// bytes of payload, padding, MAC), so with the last 32 held back everything before it is read first.
    private static let heldBack = 32

    /// Lets libssh2 work on all that has come in, and sends what comes out. Safe to call at any time on the loop, also from
    /// within a callback to a channel's owner.
    func pump() {
        if self.isPumping {
            self.needsPump = true
            return
        }
        self.isPumping = true
        defer { self.isPumping = false }
        repeat {
            self.needsPump = false
            self.hasMoreOutput = false
            var isThrough = false
            if case .open = self.phase, let wire = self.session?.wire, wire.inbound.readableBytes > Self.heldBack {
                wire.released = wire.inbound.readableBytes - Self.heldBack
                self.stepChannels()
                // An only channel takes the end too, and then there is nothing else to be done.
                isThrough = wire.inbound.readableBytes == 0 && self.onlyRunningChannel != nil
            }
            if !isThrough { self.step() }
            self.flush()
        } while self.session != nil && (self.needsPump || (self.hasMoreOutput && self.takesOutput))
    }

    /// Sends what a channel has just written, unless a pump is on its way and will do so at its end.
    func flushAfterWrite() {
        guard !self.isPumping else { return }
        self.flush()
        if self.hasMoreOutput { self.pump() }
    }

    /// One step with all input released.
    private func step() {
        guard !self.isLent, let session = self.session else { return }
        if case .identifying = self.phase { self.identify(session.wire) }
        if case .identifying = self.phase { return }
        session.wire.released = session.wire.inbound.readableBytes
        switch self.phase {
        case .identifying, .closed: break
        case .keyExchange: self.stepKeyExchange(session)
        case .authenticating: self.stepAuthentication(session)
        case .open: self.stepChannels()
        }
    }

    /// Has what the end of a command produced leave together with what its owner asks for next.
    ///
    /// A task that waits for a command's end goes on with one of the event loop's next turns, and often with another command: end of file, close and the
    /// next opening are then one segment instead of two.
    func flushWithNextCommand() { self.flushing = .afterTurns }

    /// The next flush is not to wait any more.
    func flushAtOnce() { self.flushing = .atOnce }

    private enum Flushing {
        case atOnce
        /// In a few turns of the event loop, for which nothing has been arranged yet.
        case afterTurns
        case arranged
    }

    /// Whether a flush has to wait for other turns of the event loop, and sees to it that there are some.
    private func waitsForTurns() -> Bool {
        switch self.flushing {
        case .atOnce: return false
        case .arranged: return true
        case .afterTurns:
            self.flushing = .arranged
            self.flush(afterTurns: Self.turnsToNextCommand)
            return true
        }
    }

    /// In one the waiting task goes on, in the other one the task of its next command may have to begin.
    private static let turnsToNextCommand = 2

    private func flush(afterTurns turns: Int) {
        self.eventLoop.assumeIsolated().execute {
            guard case .arranged = self.flushing else { return }
            guard turns == 1 else { return self.flush(afterTurns: turns - 1) }
            self.flushing = .atOnce
            self.flushAfterWrite()
        }
    }

    /// Sends what libssh2 has produced, and stops or resumes reading.
    func flush() {
        guard !self.isLent else { return self.setReading(self.heldInput.readableBytes < Self.maximumBacklog) }
        guard let wire = self.session?.wire, let transport = self.transport, !self.waitsForTurns() else { return }
        if wire.outbound.readableBytes > 0, transport.isWritable {
            // Taken away first: the write may call back into this handler.
            var bytes = wire.outbound
            wire.outbound = ByteBuffer()
            transport.write(bytes, promise: nil)
            if wire.outbound.storageCapacity == 0, bytes.storageCapacity <= Self.keptCapacity {
                // Small storage serves the next flush, without a new allocation if NIO is through with it.
                bytes.clear()
                wire.outbound = bytes
            }
        }
        let backlog = wire.inbound.readableBytes
        self.setReading(wire.outbound.readableBytes < Self.maximumOutbound && backlog < Self.maximumBacklog)
    }

    /// The storage that an idle connection may keep.
    private static let keptCapacity = 2048
    /// Replies to a server that sends requests but doesn't read: past this, no more of them are read.
    private static let maximumOutbound = 1024 * 1024
    /// Input that can't be worked on yet (no channel to read by, or the session is with the thread pool).
    private static let maximumBacklog = 256 * 1024

    /// Whether nothing can be heard from the peer because its earlier output still waits here.
    var isHeldUp: Bool {
        self.isLent || (!self.isReading && (self.session?.wire.inbound.readableBytes ?? 0) >= Self.maximumBacklog)
    }

    private func setReading(_ on: Bool) {
        guard on != self.isReading, let transport = self.transport else { return }
        self.isReading = on
        transport.setReading(on)
    }

    // MARK: - Phases

    func enter(_ phase: Phase) { self.phase = phase }

    /// Gives the session away. Call ``takeBack()`` on the loop when the borrower is through.
    func lend() -> LibSSH2Session.Lent? {
        guard let session = self.session, !self.isLent else { return nil }
        self.isLent = true
        return LibSSH2Session.Lent(session: session)
    }

    /// The session is back; `nil` if the connection has been closed in the meantime.
    func takeBack() -> LibSSH2Session? {
        self.isLent = false
        guard let session = self.session else { return nil }
        if self.heldInput.readableBytes > 0 {
            session.wire.append(self.heldInput)
            self.heldInput = ByteBuffer()
        }
        return session
    }

    /// Ends the connection, once: timers, channels, libssh2 session, socket.
    ///
    /// - Parameters:
    ///   - reason: `nil` when this side closes as asked.
    ///   - farewell: reason code and text of the SSH_MSG_DISCONNECT to send, if there is to be one.
    func shutDown(reason: SSHError?, farewell: (code: Int32, text: String)? = nil) {
        if case .closed = self.phase { return }
        var reason = reason
        if case .authenticating = self.phase { reason?.authenticationAttempts = self.plan.attempts }
        var lastWords: ByteBuffer?
        if let farewell, !self.isLent, let session = self.session {
            for channel in self.channels { channel.sayClose() }
            session.disconnect(reason: farewell.code, farewell.text)
            lastWords = session.wire.outbound
        }
        self.phase = .closed
        self.closeReason = reason
        self.logger.debug(
            "SSH connection closed",
            metadata: ["host": "\(self.endpoint)", "reason": "\(reason?.description ?? "as asked")"])
        self.phaseTimer?.cancel()
        self.phaseTimer = nil
        self.watchTimer?.cancel()
        self.watchTimer = nil
        self.channelTimer?.cancel()
        self.channelTimer = nil
        self.closeSocket(after: lastWords)

        let channels = self.channels + self.waiting + [self.opening?.owner].compactMap { $0 }
        self.channels = []
        self.waiting = []
        self.opening = nil
        self.closing = []
        self.parked = nil
        self.question = nil
        self.authenticationStep = nil
        self.agentSigning = nil
        self.session = nil
        self.heldInput = ByteBuffer()

        let onEstablished = self.onEstablished
        self.onEstablished = nil
        for channel in channels {
            channel.finish(reason.map { .failed($0) } ?? .closedLocally)
        }
        onEstablished?(.failure(reason ?? SSHError(.sessionClosed, "The connection to \(self.endpoint) was closed.")))
    }

    /// How long the farewell may take to leave.
    private static let farewellBound = TimeAmount.milliseconds(500)

    private func closeSocket(after lastWords: ByteBuffer?) {
        guard let transport = self.transport else { return }
        guard let lastWords, lastWords.readableBytes > 0, transport.isActive else {
            transport.close()
            return
        }
        let timer = self.eventLoop.assumeIsolated().scheduleTask(in: Self.farewellBound) { transport.close() }
        let promise = self.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in
            timer.cancel()
            transport.close()
        }
        transport.write(lastWords, promise: promise)
    }
}
