import NIOCore

/// The channel of a file transfer, as something that a task can wait on: for a condition that what comes in makes true, for the
/// end, for cancellation, and not longer than the bound.
///
/// Isolation: on the event loop of the connection. One task uses it.
final class TransferChannel {
    let core: SessionCore
    private let channel: SessionChannel
    private var bound: Duration
    private let mayWrite: @Sendable () -> Bool
    /// Why nothing is written any more.
    private var silencing: SSHError?
    /// Called for each piece of the standard output.
    var onInput: ((ByteBuffer) -> Void)?
    /// Called by ``close()``.
    var onClose: (() -> Void)?
    /// The first words on standard error, for messages.
    private(set) var complaint: [UInt8] = []
    /// How the channel ended; `nil` while it is open.
    private(set) var end: SessionChannel.End?

    private var isStarted = false
    /// Why waiting is over although the channel may still be open.
    private var interruption: SSHError?
    private var condition: (() -> Bool)?
    private var continuation: CheckedContinuation<Void, Never>?
    private var timer: Scheduled<Void>?
    private var lastActivity = NIODeadline.now()

    init(
        _ request: SessionChannel.Request, core: SessionCore, bound: Duration, mayWrite: @escaping @Sendable () -> Bool
    ) {
        self.core = core
        self.channel = SessionChannel(request, core: core)
        self.bound = bound
        self.mayWrite = mayWrite
    }

    var endpoint: Endpoint { self.core.endpoint }

    /// Opens the channel.
    ///
    /// - Throws: `transfer.refused` when the server doesn't start what was asked for.
    func open() async throws(SSHError) {
        self.channel.onDrain = { self.signal() }
        self.channel.begin(
            output: { stream, piece in
                switch stream {
                case .standardOutput:
                    guard let onInput = self.onInput else { return }
                    onInput(piece)
                    self.signal()
                case .standardError:
                    // Nobody waits for words, and they are no progress.
                    self.complaint += piece.readableBytesView.prefix(Self.keptComplaint - self.complaint.count)
                }
            },
            started: {
                self.isStarted = true
                self.signal()
            },
            ended: { end in
                self.end = end
                self.signal()
            })
        do {
            try await self.wait { self.isStarted }
        } catch  where error.code == .channelRefused {
            throw SSHError(.transferRefused, error.message)
        }
    }

    private static let keptComplaint = 1024

    /// Ends the input and lets the other side's program end by itself, for a moment.
    ///
    /// Dropbear (2022.83) leaves the next channel's request unanswered now and then when a channel was closed under its program.
    func awaitEnd() async {
        self.bound = min(self.bound, .seconds(2))
        // Nothing that comes now is of use.
        self.onInput = nil
        self.endInput()
        try? await self.wait { self.end != nil }
    }

    var unsent: Int { self.channel.unsent }
    func write(_ bytes: ByteBuffer) { if self.isAllowed() { self.channel.write(bytes) } }
    func endInput() { if self.isAllowed() { self.channel.endInput() } }

    /// Whether the other side is still ours to write to. Once it isn't, it never is again: what waits to be sent is dropped with the channel.
    private func isAllowed() -> Bool {
        if self.silencing == nil, self.mayWrite() { return true }
        let error =
            self.silencing
            ?? SSHError(
                .sessionClosed, "The file transfer was broken off: \(self.endpoint) may be another process's by now.")
        self.silencing = error
        self.channel.close()
        self.interrupt(error)
        return false
    }
    func setPaused(_ isPaused: Bool) { self.channel.setPaused(isPaused) }

    /// Closes the channel and lets go of everything.
    func close() {
        self.onInput = nil
        self.channel.close()
        self.channel.onDrain = nil
        let onClose = self.onClose
        self.onClose = nil
        onClose?()
    }

    /// Makes the current wait and all further ones fail.
    func interrupt(_ error: SSHError) {
        if self.interruption == nil { self.interruption = error }
        self.signal()
    }

    /// Lets the owner use the channel once more after an interruption, to clean up on the other side.
    func resumeForCleanUp() { self.interruption = self.silencing }

    var isOpen: Bool { self.isStarted && self.end == nil }

    /// Waits until `condition` holds. It is asked again after every event.
    ///
    /// - Throws: why it never will: the channel's end, an interruption, or `transfer.timeout` after a silence of the bound.
    func wait(until condition: @escaping () -> Bool) async throws(SSHError) {
        precondition(self.continuation == nil, "one task at a time")
        if let error = self.interruption { throw error }
        if condition() { return }
        if let error = self.endError { throw error }
        self.condition = condition
        self.lastActivity = .now()
        self.startTimer(TimeAmount(self.bound))
        await self.suspend()
        self.condition = nil
        self.timer?.cancel()
        self.timer = nil
        if let error = self.interruption { throw error }
        if condition() { return }
        if let error = self.endError { throw error }
    }

    private func suspend() async {
        await withCheckedContinuation { self.continuation = $0 }
    }

    /// Something has happened.
    func signal() {
        self.lastActivity = .now()
        guard let continuation = self.continuation, let condition = self.condition else { return }
        guard self.interruption != nil || self.end != nil || condition() else { return }
        self.continuation = nil
        continuation.resume()
    }

    private func startTimer(_ amount: TimeAmount) {
        self.timer = self.core.eventLoop.assumeIsolated().scheduleTask(in: amount) { [weak self] in
            guard let self, self.continuation != nil else { return }
            let rest = self.lastActivity + TimeAmount(self.bound) - .now()
            if rest > .zero {
                self.startTimer(rest)
            } else {
                self.interrupt(
                    SSHError(
                        .transferTimeout,
                        "\(self.endpoint) has not answered for \(self.bound.brief) during a file transfer."))
            }
        }
    }

    private var endError: SSHError? {
        switch self.end {
        case nil: nil
        case .failed(let error): error
        case .closedLocally: SSHError(.sessionClosed, "The connection was closed by this side.")
        case .exited(let exit): self.unexpectedEnd(exit)
        }
    }

    private func unexpectedEnd(_ exit: SSHExit) -> SSHError {
        let words = String.printable(self.complaint, limit: 200)
        var message = "\(self.endpoint) ended the file transfer"
        switch exit {
        case .status(let status): message += " with status \(status)"
        case .signal(let name): message += " by the signal \(name)"
        case .unknown: break
        }
        if !words.isEmpty { message += ": \(words)" }
        // A shell that doesn't find the program says so with this status (POSIX.1-2017, XCU 2.8.2).
        if exit == .status(127) { return SSHError(.transferRefused, message + ".") }
        return SSHError(.transferCode(words: words) ?? .transferFailed, message + ".")
    }
}
