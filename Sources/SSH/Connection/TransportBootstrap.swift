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
        let timeouts = configuration.timeouts
        var bootstrap = ClientBootstrap(group: eventLoop)
            // The owner has a timer of its own; this one makes sure that the attempt behind it ends too.
            .connectTimeout(TimeAmount(timeouts.connect) + .milliseconds(100))
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
        #if os(Linux)
            // A peer that vanishes is noticed after `silence`: by probes while the connection is idle, by the user time-out
            // while something is unacknowledged (RFC 5482). The kernel's defaults are two hours and fifteen minutes.
            let seconds = max(3, timeouts.silence.components.seconds)
            let options: [(Int32, Int64)] = [
                (TCP_KEEPIDLE, max(1, seconds / 3)), (TCP_KEEPINTVL, max(1, seconds / 6)), (TCP_KEEPCNT, 4),
                (TCP_USER_TIMEOUT, seconds * 1000),
            ]
            for (name, value) in options {
                bootstrap = bootstrap.channelOption(
                    .tcpOption(.init(rawValue: CInt(name))), value: .init(clamping: value))
            }
        #endif
        if let size = configuration.tcp.sendBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_sndbuf), value: .init(clamping: size))
        }
        if let size = configuration.tcp.receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(clamping: size))
        }
        if let value = configuration.tcp.trafficClass {
            bootstrap = bootstrap.channelInitializer { Self.setTrafficClass(value, on: $0) }
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

    private static func setTrafficClass(_ value: UInt8, on channel: any Channel) -> EventLoopFuture<Void> {
        // An IPv6 socket knows both options, an IPv4 one only the first.
        channel.setOption(
            ChannelOptions.Types.SocketOption(level: .ip, name: .init(rawValue: CInt(IP_TOS))), value: Int(value)
        )
        .flatMapError { _ in channel.eventLoop.makeSucceededVoidFuture() }
        .flatMap {
            channel.setOption(
                ChannelOptions.Types.SocketOption(level: .ipv6, name: .init(rawValue: CInt(IPV6_TCLASS))),
                value: Int(value))
        }
        .flatMapError { _ in channel.eventLoop.makeSucceededVoidFuture() }
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
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }
}
