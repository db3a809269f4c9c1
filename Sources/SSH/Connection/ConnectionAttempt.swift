import Logging
import NIOCore

/// One attempt to connect, which can be cancelled in every phase.
///
/// Isolation: on the event loop of the connection.
final class ConnectionAttempt {
    /// A session that is ready for channels.
    struct Established: Sendable {
        let core: NIOLoopBound<SessionCore>
        let identification: String
        let authenticationAttempts: Int
        let closeFuture: EventLoopFuture<SSHError?>
    }

    private let configuration: SSHConfiguration
    private let credentials: [Credential]
    private let jumpHost: SSHConnection?
    private var tunnel: TunnelTransport?
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var completion: ((Result<Established, SSHError>) -> Void)?
    private var outcome: Result<Established, SSHError>?
    private var core: SessionCore?
    /// Bounds the opening of the tunnel; a socket has its own.
    private var timer: Scheduled<Void>?

    /// - Parameter jumpHost: the session to go through, on the same event loop.
    init(
        _ configuration: SSHConfiguration, _ credentials: [Credential], through jumpHost: SSHConnection?,
        on eventLoop: any EventLoop, _ logger: Logger
    ) {
        self.jumpHost = jumpHost
        self.configuration = configuration
        self.credentials = credentials
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// - Parameter completion: called once.
    func start(_ completion: @escaping (Result<Established, SSHError>) -> Void) {
        if let outcome = self.outcome {
            completion(outcome)
            return
        }
        self.completion = completion
        if let jumpHost {
            self.openTunnel(jumpHost)
        } else {
            self.connectSocket()
        }
    }

    private func openTunnel(_ jumpHost: SSHConnection) {
        let bound = self.configuration.timeouts.connect
        self.timer = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(bound)) {
            self.finish(
                .failure(TransportBootstrap.timedOut(self.configuration.host, self.configuration.port, bound)))
        }
        let tunnel = TunnelTransport(through: jumpHost, to: self.configuration.host, port: self.configuration.port)
        self.tunnel = tunnel
        tunnel.open { result in
            switch result {
            case .failure(let error):
                self.finish(.failure(error))
            case .success:
                self.connected(close: { tunnel.close() }) { core in
                    core.attach(tunnel)
                    tunnel.attach(core)
                }
            }
        }
    }

    private func connectSocket() {
        TransportBootstrap.connect(
            self.configuration, on: self.eventLoop
        ).assumeIsolated().whenComplete { result in
            switch result {
            case .failure(let error):
                self.finish(
                    .failure(
                        TransportBootstrap.failure(error, self.configuration)))
            case .success(let channel):
                self.connected(close: { channel.close(promise: nil) }) { core in
                    try channel.pipeline.syncOperations.addHandler(core)
                }
            }
        }
    }

    /// Gives up. What has been opened is closed; what opens later is closed then.
    func cancel() {
        let error = SSHError(.cancelled, "The connection attempt was cancelled.")
        self.core?.shutDown(reason: error)
        self.finish(.failure(error))
    }

    private func connected(close: () -> Void, attach: (SessionCore) throws -> Void) {
        guard self.outcome == nil else {
            close()
            return
        }
        self.timer?.cancel()
        do {
            let core = try SessionCore(
                configuration: self.configuration, credentials: self.credentials, eventLoop: self.eventLoop,
                logger: self.logger)
            try attach(core)
            self.core = core
            core.establish { result in
                self.finish(
                    result.map { identification in
                        Established(
                            core: NIOLoopBound(core, eventLoop: self.eventLoop), identification: identification,
                            authenticationAttempts: core.plan.attempts, closeFuture: core.closeFuture)
                    })
            }
        } catch {
            close()
            self.finish(
                .failure(
                    (error as? SSHError) ?? SSHError(.connectFailed, "The connection could not be set up: \(error).")))
        }
    }

    private func finish(_ outcome: Result<Established, SSHError>) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        self.timer?.cancel()
        self.timer = nil
        if case .failure = outcome, self.core == nil { self.tunnel?.close() }
        self.tunnel = nil
        let completion = self.completion
        self.completion = nil
        completion?(outcome)
    }
}
