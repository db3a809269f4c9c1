import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The TCP connection under an SSH connection: address choice, socket options, and what its errors mean.
enum TransportBootstrap {
    /// Resolves the name and connects, IPv6 and IPv4 side by side (RFC 8305). Reading is off until the owner turns it on.
    static func connect(
        _ configuration: SSHConfiguration,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        let (tcp, silence) = (configuration.tcp, configuration.timeouts.silence)
        // NIO itself turns TCP_NODELAY on. A bootstrap's own list of options costs six times what setting them here does.
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(configuration.timeouts.connect))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.setOptions(tcp, silence: silence, on: channel) }
            }
        if let source = configuration.sourceAddress {
            do {
                bootstrap = bootstrap.bind(to: try SocketAddress(ipAddress: source, port: 0))
            } catch {
                return eventLoop.makeFailedFuture(
                    SSHError(.connectFailed, "The source address \(source) is not an IPv4 or IPv6 address."))
            }
        }
        // An address needs no resolver, and no thread of its own to ask one.
        if let address = try? SocketAddress(ipAddress: configuration.host, port: configuration.port) {
            return bootstrap.connect(to: address)
        }
        return bootstrap.connect(host: configuration.host, port: configuration.port)
    }

    /// Before the connection is made, on the event loop.
    private static func setOptions(_ tcp: TCPOptions, silence: Duration, on channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.autoRead, value: false)
        try options.setOption(.socketOption(.so_keepalive), value: 1)
        #if os(Linux)
            // A peer that vanishes is noticed after `silence`: by probes while the connection is idle, by the user time-out
            // while something is unacknowledged (RFC 5482). The kernel's defaults are two hours and fifteen minutes.
            // Linux refuses more than 32,767 s for TCP_KEEPIDLE.
            let seconds = min(max(3, silence.components.seconds), 3 * 32_767)
            for (name, value) in [
                (TCP_KEEPIDLE, max(1, seconds / 3)), (TCP_KEEPINTVL, max(1, seconds / 6)), (TCP_KEEPCNT, 4),
                (TCP_USER_TIMEOUT, seconds * 1000),
            ] {
                try options.setOption(.tcpOption(.init(rawValue: CInt(name))), value: .init(clamping: value))
            }
        #endif
        if let size = tcp.sendBuffer { try options.setOption(.socketOption(.so_sndbuf), value: .init(clamping: size)) }
        if let size = tcp.receiveBuffer {
            try options.setOption(.socketOption(.so_rcvbuf), value: .init(clamping: size))
        }
        if let value = tcp.trafficClass {
            // An IPv6 socket knows both options, an IPv4 one only the first.
            for (level, name) in [(NIOBSDSocket.OptionLevel.ip, IP_TOS), (.ipv6, IPV6_TCLASS)] {
                try? options.setOption(
                    ChannelOptions.Types.SocketOption(level: level, name: .init(rawValue: CInt(name))),
                    value: .init(value))
            }
        }
    }

    /// Why there is no TCP connection.
    static func failure(_ error: any Error, _ configuration: SSHConfiguration) -> SSHError {
        if let error = error as? SSHError { return error }
        let (host, port, timeout) = (configuration.host, configuration.port, configuration.timeouts.connect)
        if let source = configuration.sourceAddress, self.hasCode(EADDRNOTAVAIL, error) {
            return SSHError(
                .connectFailed,
                "No connection to \(Endpoint(host, port)): the source address \(source) is not one of this machine's.")
        }
        if let error = error as? NIOConnectionError {
            let causes = error.connectionErrors.map(\.error)
            if causes.isEmpty { return self.unresolved(host) }
            let codes = causes.map { ($0 as? IOError)?.errnoCode }
            // With two address families one answer is often "no route"; a refusal says more.
            if codes.contains(ECONNREFUSED) { return self.refused(host, port) }
            if codes.contains(ETIMEDOUT) || causes.contains(where: self.isTimeout) {
                return self.timedOut(host, port, timeout)
            }
            return self.other(host, port, causes[0])
        }
        if self.isTimeout(error) { return self.timedOut(host, port, timeout) }
        if error is SocketAddressError { return self.unresolved(host) }
        switch (error as? IOError)?.errnoCode {
        case ECONNREFUSED: return self.refused(host, port)
        case ETIMEDOUT: return self.timedOut(host, port, timeout)
        default: return self.other(host, port, error)
        }
    }

    static func timedOut(_ host: String, _ port: Int, _ timeout: Duration) -> SSHError {
        SSHError(
            .connectTimeout,
            "\(Endpoint(host, port)) did not answer within \(timeout.brief); is it up, and is the way to it open?")
    }

    private static func hasCode(_ code: Int32, _ error: any Error) -> Bool {
        let causes = (error as? NIOConnectionError)?.connectionErrors.map(\.error) ?? [error]
        return causes.contains { ($0 as? IOError)?.errnoCode == code }
    }

    private static func isTimeout(_ error: any Error) -> Bool {
        if case .connectTimeout = error as? ChannelError { return true }
        return false
    }

    private static func unresolved(_ host: String) -> SSHError {
        SSHError(.unresolved, "No address for the host name \(host); check its spelling and the name servers.")
    }

    private static func refused(_ host: String, _ port: Int) -> SSHError {
        SSHError(.refused, "\(Endpoint(host, port)) refused the connection; is SSH enabled on that port?")
    }

    private static func other(_ host: String, _ port: Int, _ error: any Error) -> SSHError {
        let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
        return SSHError(.connectFailed, "No connection to \(Endpoint(host, port)): \(reason).")
    }
}

/// A host and port as people write them: IPv6 literals in brackets.
struct Endpoint: CustomStringConvertible {
    let host: String
    let port: Int

    init(_ host: String, _ port: Int) {
        self.host = host
        self.port = port
    }

    var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

extension Duration {
    /// For messages: `10 s`, `250 ms`.
    var brief: String {
        let (seconds, attoseconds) = self.components
        let (milliseconds, isTooLong) = seconds.multipliedReportingOverflow(by: 1000)
        let rest = attoseconds / 1_000_000_000_000_000
        return rest == 0 || isTooLong ? "\(seconds) s" : "\(milliseconds + rest) ms"
    }
}
