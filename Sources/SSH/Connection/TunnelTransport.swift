import NIOCore

/// A `direct-tcpip` channel (RFC 4254 §7.2) of a jump host's session as the transport of another session.
///
/// The bytes go from one session to the other on the event loop that both share: no socket pair, no process, no thread.
final class TunnelTransport: ByteTransport {
    /// Keeps the session open that carries this one.
    private let outer: SSHConnection
    private let outerCore: SessionCore
    private let channel: SessionChannel
    /// The session that is carried, from when the channel is open until its end.
    private var inner: SessionCore?
    private var isBlocked = false
    private var writePromise: EventLoopPromise<Void>?
    private(set) var isActive = false

    /// Bytes that may wait for the jump host before the inner session stops making more.
    private static let maximumUnsent = 256 * 1024

    init(through outer: SSHConnection, to host: String, port: Int) {
        self.outer = outer
        self.outerCore = outer.core.value
        self.channel = SessionChannel(.tunnel(host: host, port: port), core: self.outerCore)
    }

    /// Asks the jump host for the connection.
    ///
    /// - Parameter completion: called once. It gives the transport its session by ``attach(_:)``.
    func open(_ completion: @escaping (Result<Void, SSHError>) -> Void) {
        var completion: ((Result<Void, SSHError>) -> Void)? = completion
        self.channel.onDrain = { self.hasDrained() }
        self.channel.begin(
            output: { _, piece in
                self.inner?.receive(piece)
                self.inner?.pump()
            },
            started: {
                self.isActive = true
                let opened = completion
                completion = nil
                opened?(.success(()))
            },
            ended: { end in
                self.isActive = false
                self.completeWrite()
                let refused = completion
                completion = nil
                refused?(.failure(self.refusal(end)))
                self.hasEnded(end)
            })
    }

    func attach(_ core: SessionCore) { self.inner = core }

    // MARK: - Transport

    var isWritable: Bool {
        if self.channel.unsent < Self.maximumUnsent { return true }
        self.isBlocked = true
        return false
    }

    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        self.channel.write(bytes)
        guard let promise else { return }
        self.completeWrite()
        self.writePromise = promise
        if self.channel.unsent == 0 { self.completeWrite() }
    }

    func setReading(_ isReading: Bool) { self.channel.setPaused(!isReading) }

    func close() { self.channel.close() }

    // MARK: - Events

    private func hasDrained() {
        self.completeWrite()
        guard self.isBlocked else { return }
        self.isBlocked = false
        self.inner?.pump()
    }

    private func completeWrite() {
        let promise = self.writePromise
        self.writePromise = nil
        promise?.succeed()
    }

    private func hasEnded(_ end: SessionChannel.End) {
        guard let inner = self.inner else { return }
        self.inner = nil
        switch end {
        case .closedLocally where !self.outerCore.isOpen:
            inner.transportHasFailed("The connection to the jump host \(self.outerCore.endpoint) was closed.")
        case .exited, .closedLocally:
            // Later, as a socket would: a session that closes itself is still at it.
            self.outerCore.eventLoop.assumeIsolated().execute { inner.transportHasEnded() }
        case .failed(let error):
            inner.transportHasFailed("The way through the jump host \(self.outerCore.endpoint) broke: \(error.message)")
        }
    }

    /// Why the jump host didn't connect.
    private func refusal(_ end: SessionChannel.End) -> SSHError {
        guard case .failed(let error) = end else {
            return SSHError(.sessionClosed, "The connection to the jump host \(self.outerCore.endpoint) was closed.")
        }
        // Whatever befell the jump host, nothing has reached the device behind it.
        return error.code == .cancelled
            ? error
            : SSHError(.connectFailed, "No way through the jump host \(self.outerCore.endpoint): \(error.message)")
    }
}
