import CLibSSH2
import NIOCore

/// One session channel (RFC 4254 §6), from the request to the end.
///
/// Isolation: as ``SessionCore``, and so is the way of the properties that each command uses.
final class SessionChannel {
    enum Request {
        case shell(PseudoTerminal)
        case command(String)
        /// A subsystem (RFC 4254 §6.5), which takes input.
        case subsystem(String)
        /// A command that takes input until ``SessionChannel/endInput()``.
        case program(String)
        /// A TCP connection that the server makes (RFC 4254 §7.2).
        case tunnel(host: String, port: Int)

        /// The receive window. What comes in is passed on at once, so this only bounds what is on the way; for bulk data it
        /// has to hold what the network holds, bandwidth times round trip.
        var window: UInt32 {
            switch self {
            case .shell, .command: 512 * 1024
            case .subsystem, .program, .tunnel: 2 * 1024 * 1024
            }
        }

        var isTunnel: Bool {
            if case .tunnel = self { true } else { false }
        }
    }

    enum End {
        /// The server ended the channel in good order.
        case exited(SSHExit)
        case closedLocally
        case failed(SSHError)
    }

    enum Phase {
        /// Behind other openings.
        case waiting
        case opening
        case requestingTerminal
        case starting
        case running
        /// All output is read; the exit status comes before the server's close.
        case awaitingClose
        case ended
    }

    /// Bytes that may wait for the server to take them.
    static let maximumOutgoing = 16 * 1024 * 1024

    let request: Request
    let core: SessionCore
    @exclusivity(unchecked) private(set) var phase = Phase.waiting
    @exclusivity(unchecked) private var handle: LibSSH2Channel?
    @exclusivity(unchecked) private var outgoing = ByteBuffer()
    @exclusivity(unchecked) private var owesEndOfFile = false
    /// When the program has to run; `nil` once it does, and for a tunnel, whose owner has a timer of its own.
    private(set) var startDeadline: NIODeadline?
    private var refusal: String?
    /// The server has been asked to run a command: from then on only its refusal proves that it doesn't.
    private var isRequested = false
    @exclusivity(unchecked) private var isPaused = false

    @exclusivity(unchecked) private var onOutput: ((ExecStream, ByteBuffer) -> Void)?
    private var onStart: (() -> Void)?
    private var onEnd: ((End) -> Void)?
    /// Called whenever everything that was given to ``write(_:)`` has been taken.
    @exclusivity(unchecked) var onDrain: (() -> Void)?

    init(_ request: Request, core: SessionCore) {
        self.request = request
        self.core = core
        if case .command = request { self.owesEndOfFile = true }
    }

    // MARK: - What the owner asks for

    /// Puts the channel in line to be opened. To be called once.
    ///
    /// - Parameters:
    ///   - output: called for each piece of output, in order.
    ///   - started: called when the shell or command has been started.
    ///   - ended: called exactly once, last.
    func begin(
        output: @escaping (ExecStream, ByteBuffer) -> Void,
        started: @escaping () -> Void,
        ended: @escaping (End) -> Void
    ) {
        self.onOutput = output
        self.onStart = started
        self.onEnd = ended
        self.core.enqueue(self)
    }

    /// Queues bytes; dropped when the channel has ended.
    func write(_ bytes: ByteBuffer) {
        guard self.phase == .running, bytes.readableBytes > 0 else { return }
        if self.outgoing.readableBytes == 0 {
            self.outgoing = bytes
        } else {
            guard self.outgoing.readableBytes + bytes.readableBytes <= Self.maximumOutgoing else {
                self.finish(
                    .failed(
                        SSHError(
                            .sessionLost,
                            "\(self.core.endpoint) takes no input: \(Self.maximumOutgoing) bytes are waiting.")))
                return
            }
            var bytes = bytes
            // Input that never runs dry would otherwise keep all that has been sent.
            if self.outgoing.readerIndex > self.outgoing.readableBytes { self.outgoing.discardReadBytes() }
            self.outgoing.writeBuffer(&bytes)
        }
        self.writeOutgoing()
        self.core.flushAfterWrite()
    }

    /// The channel while its program runs; `nil` while libssh2 waits for the answer to another request on it.
    var runningHandle: LibSSH2Channel? { self.phase == .running ? self.handle : nil }

    /// Bytes that the server has not taken yet.
    var unsent: Int { self.outgoing.readableBytes }

    /// Ends the input once all of it has been sent.
    func endInput() {
        guard self.phase == .running else { return }
        self.owesEndOfFile = true
        self.core.pump()
    }

    /// Stops taking output, which holds up the server once the window is used up; or goes on with it.
    func setPaused(_ isPaused: Bool) {
        guard isPaused != self.isPaused else { return }
        self.isPaused = isPaused
        if !isPaused { self.core.pump() }
    }

    func close() { self.finish(.closedLocally) }

    /// Gives up an opening that is under way; a program that runs is left alone.
    func cancelStart() {
        if self.onStart != nil { self.cancel() }
    }

    func cancel() { self.finish(.failed(SSHError(.cancelled, "The operation was cancelled."))) }

    // MARK: - What the core drives

    /// Bounds the time until the program runs.
    func mustStart(by deadline: NIODeadline) { self.startDeadline = deadline }

    /// The program doesn't run, and the time for that is over.
    func startTimedOut() {
        if self.isRequested {
            self.finish(
                .failed(
                    SSHError(
                        .sessionLost,
                        "\(self.core.endpoint) did not say within \(self.core.configuration.timeouts.channel.brief) that the command "
                            + "runs; nobody knows whether it does.")))
            return
        }
        let words =
            self.refusal.map { "refused a channel: \($0)" }
            ?? "did not answer the request for a channel within \(self.core.configuration.timeouts.channel.brief)"
        self.finish(.failed(SSHError(.channelRefused, "\(self.core.endpoint) \(words).")))
    }

    func isBeingOpened() { self.phase = .opening }

    /// Back in line after a refusal that may not be the last word.
    func waitAgain(refusal: String) {
        self.phase = .waiting
        self.refusal = refusal
    }

    func opened(_ handle: LibSSH2Channel) {
        self.handle = handle
        switch self.request {
        case .shell:
            handle.mergeStandardError()
            self.phase = .requestingTerminal
        case .command, .subsystem, .program:
            self.phase = .starting
        case .tunnel:
            self.hasStarted()
        }
    }

    /// Goes as far as it can with what libssh2 has. `true` if anything happened.
    func advance() -> Bool {
        guard let handle = self.handle else { return false }
        switch self.phase {
        case .waiting, .opening, .ended:
            return false
        case .requestingTerminal:
            guard case .shell(let terminal) = self.request else { return false }
            return self.follow(handle.requestTerminal(terminal), "a terminal") { self.phase = .starting }
        case .starting:
            switch self.request {
            case .shell: return self.follow(handle.startShell(), "a shell") { self.hasStarted() }
            case .command(let text):
                return self.startCommand(handle, text)
            case .program(let text):
                return self.follow(handle.execute(text), "the command") { self.hasStarted() }
            case .tunnel: return false
            case .subsystem(let name):
                return self.follow(handle.startSubsystem(name), "the subsystem \(name)") { self.hasStarted() }
            }
        case .running:
            return self.run(handle)
        case .awaitingClose:
            return self.follow(handle.hasBeenClosed(), "the close") { self.finish(.exited(handle.exit)) }
        }
    }

    /// Ends the channel on this side. Safe to call in any phase; only the first call counts.
    func finish(_ end: End) {
        guard self.phase != .ended else { return }
        self.phase = .ended
        self.startDeadline = nil
        self.outgoing = ByteBuffer()
        let onEnd = self.onEnd
        self.onOutput = nil
        self.onStart = nil
        self.onEnd = nil
        self.onDrain = nil
        self.core.retire(self, handle: self.handle)
        self.handle = nil
        onEnd?(end)
    }

    /// Queues end of file and close without waiting for the answer.
    func sayClose() { _ = self.handle?.close() }

    // MARK: - Running

    /// A command has no input; one that reads would wait for ever. So the end of input follows the request at once, as with OpenSSH's
    /// client whose standard input is empty: one segment on the way instead of two.
    private func startCommand(_ handle: LibSSH2Channel, _ text: String) -> Bool {
        self.isRequested = true
        let progress = handle.execute(text)
        if self.owesEndOfFile, case .pending = progress, case .ready = handle.sendEndOfFile() {
            self.owesEndOfFile = false
        }
        return self.follow(progress, "the command") { self.hasStarted() }
    }

    private func hasStarted() {
        self.startDeadline = nil
        self.phase = .running
        let onStart = self.onStart
        self.onStart = nil
        onStart?()
    }

    private func run(_ handle: LibSSH2Channel) -> Bool {
        var hasMoved = self.writeOutgoing()
        if self.owesEndOfFile, self.outgoing.readableBytes == 0, self.phase == .running {
            hasMoved =
                self.follow(handle.sendEndOfFile(), "the end of input") { self.owesEndOfFile = false } || hasMoved
        }
        if self.phase == .running { hasMoved = self.read(handle, LibSSH2Channel.standardOutput) || hasMoved }
        if self.hasStandardError, self.phase == .running {
            hasMoved = self.read(handle, LibSSH2Channel.standardError) || hasMoved
        }
        guard self.phase == .running, !self.isPaused, handle.isAtEnd else { return hasMoved }
        switch self.request {
        case .shell, .tunnel: self.finish(.exited(.unknown))
        case .command, .subsystem, .program: self.phase = .awaitingClose
        }
        return true
    }

    private var hasStandardError: Bool {
        switch self.request {
        case .shell, .tunnel: false
        case .command, .subsystem, .program: true
        }
    }

    private func read(_ handle: LibSSH2Channel, _ stream: Int32) -> Bool {
        var hasMoved = false
        while self.phase == .running, !self.isPaused {
            switch ReadBuffer.read(handle, stream: stream) {
            case .pending:
                guard self.takesRest(handle) else { return hasMoved }
            case .failed(let failure):
                self.fail(failure, "to be read")
                return true
            case .ready(let piece):
                let count = piece.readableBytes
                guard count > 0 else { return hasMoved }
                hasMoved = true
                self.onOutput?(stream == LibSSH2Channel.standardOutput ? .standardOutput : .standardError, piece)
                // libssh2 takes in all packets that there are before it looks for data: a buffer that isn't full has emptied the stream.
                guard count == ReadBuffer.size || self.takesRest(handle) else { return hasMoved }
            }
        }
        return hasMoved
    }

    /// Goes on with the end of the input, unless that may hold SSH_MSG_DISCONNECT while there is something else to be dealt with first: unread data
    /// on another stream, or the orderly end of the channel.
    private func takesRest(_ handle: LibSSH2Channel) -> Bool {
        !self.hasStandardError && !handle.isAtEnd && self.core.releaseRest(to: self)
    }

    /// Hands waiting bytes to libssh2, as far as the window and the socket allow. `true` if any went.
    @discardableResult
    private func writeOutgoing() -> Bool {
        var hasMoved = false
        while self.phase == .running, self.outgoing.readableBytes > 0, let handle = self.handle {
            guard self.core.takesOutput else {
                self.core.hasMoreOutput = true
                return hasMoved
            }
            switch handle.write(self.outgoing) {
            case .pending, .ready(0):
                return hasMoved
            case .failed(let failure):
                self.fail(failure, "input")
                return true
            case .ready(let count):
                hasMoved = true
                self.outgoing.moveReaderIndex(forwardBy: count)
                if self.outgoing.readableBytes == 0 { self.onDrain?() }
            }
        }
        return hasMoved
    }

    /// Goes on with `next` when the operation is done. `true` unless it is still pending.
    private func follow(_ progress: LibSSH2Progress<Void>, _ what: String, _ next: () -> Void) -> Bool {
        switch progress {
        case .pending:
            return false
        case .ready:
            next()
        case .failed(let failure):
            self.fail(failure, what)
        }
        return true
    }

    private func fail(_ failure: LibSSH2Failure, _ what: String) {
        if failure.endsSession {
            self.core.shutDown(reason: self.core.sessionFailed(failure))
        } else {
            let code: SSHError.Code = self.hasRun ? .sessionLost : .channelRefused
            self.finish(.failed(SSHError(code, "\(self.core.endpoint) refused \(what): \(failure.message).")))
        }
    }

    /// Whether the program runs, or has run: nothing that goes wrong then is a refusal to start it.
    private var hasRun: Bool {
        switch self.phase {
        case .waiting, .opening, .requestingTerminal, .starting: false
        case .running, .awaitingClose, .ended: true
        }
    }
}
