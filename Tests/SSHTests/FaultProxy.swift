import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A TCP proxy in front of an SSH server that spoils the connection at a chosen place of the server's output.
final class FaultProxy: Sendable {
    enum Fault: String, Sendable, CaseIterable {
        /// Everything passes.
        case none
        /// The connection is closed.
        case cut
        /// The connection is reset (RST).
        case reset
        /// Nothing passes any more, either way, and nothing is closed.
        case blackHole
        /// The client's bytes pass, the server's don't.
        case hang
        /// The server's bytes travel one by one.
        case oneByte
        /// The server's bytes come late.
        case delayed
        /// Noise comes instead of the server's bytes.
        case garbage
        /// What should be a line or a packet never ends.
        case oversized
    }

    /// Where in the server's output the fault begins.
    enum Place: Sendable {
        case beginning
        /// After the identification string (RFC 4253 §4.2).
        case identified
        /// After SSH_MSG_NEWKEYS: everything from there is encrypted.
        case keysExchanged
        /// After SSH_MSG_SERVICE_ACCEPT for `ssh-userauth` (RFC 4252 §3).
        case accepted
        /// When ``arm()`` is called.
        case armed
    }

    private struct State {
        var pairs: [Pair] = []
        var accepted = 0
    }

    private let channel: any Channel
    private let state: NIOLockedValueBox<State>
    var port: Int { self.channel.localAddress?.port ?? 0 }
    /// Connections that came in.
    var connections: Int { self.state.withLockedValue { $0.accepted } }
    var openConnections: Int { self.state.withLockedValue { $0.pairs.count { $0.client.isActive } } }

    init(to port: Int, _ fault: Fault = .none, at place: Place = .beginning) async throws {
        let state = NIOLockedValueBox(State())
        self.state = state
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 4096)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: port)
                    .flatMap { server in
                        let pair = Pair(client: client, server: server)
                        // Not by a handler: a client that is closed before it was active never becomes inactive.
                        client.closeFuture.whenComplete { _ in
                            server.close(promise: nil)
                            // The spoiler holds the pair.
                            pair.spoiler.withLockedValue { $0 = nil }
                        }
                        state.withLockedValue { state in
                            state.accepted += 1
                            state.pairs.removeAll { !$0.client.isActive && !$0.server.isActive }
                            state.pairs.append(pair)
                        }
                        return client.eventLoop.makeCompletedFuture {
                            let spoiler = Spoiler(pair, fault, place)
                            pair.spoiler.withLockedValue { $0 = NIOLoopBound(spoiler, eventLoop: client.eventLoop) }
                            try client.pipeline.syncOperations.addHandler(FromClient(server, spoiler))
                            try server.pipeline.syncOperations.addHandler(spoiler)
                        }.flatMap {
                            server.setOption(.autoRead, value: true).and(client.setOption(.autoRead, value: true))
                                .map { _ in }
                        }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// Spoils the connections that are open now.
    func arm() {
        for pair in self.state.withLockedValue({ $0.pairs }) {
            guard let spoiler = pair.spoiler.withLockedValue({ $0 }) else { continue }
            pair.client.eventLoop.execute { spoiler.value.begin() }
        }
    }

    func stop() async {
        try? await self.channel.close()
        for pair in self.state.withLockedValue({ $0.pairs }) {
            try? await pair.client.close()
            try? await pair.server.close()
        }
    }

    private struct Pair: Sendable {
        let client: any Channel
        let server: any Channel
        let spoiler = NIOLockedValueBox<NIOLoopBound<Spoiler>?>(nil)
    }

    private final class FromClient: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let server: any Channel
        private let spoiler: Spoiler

        init(_ server: any Channel, _ spoiler: Spoiler) {
            self.server = server
            self.spoiler = spoiler
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !self.spoiler.swallowsInput else { return }
            self.server.writeAndFlush(self.unwrapInboundIn(data), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    /// Reads the server's output, and passes it on or doesn't.
    private final class Spoiler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let pair: Pair
        private let fault: Fault
        private let place: Place
        private var hasBegun = false
        private var stream = ServerStream()
        private var lastDue = NIODeadline.now()

        init(_ pair: Pair, _ fault: Fault, _ place: Place) {
            self.pair = pair
            self.fault = fault
            self.place = place
        }

        func handlerAdded(context: ChannelHandlerContext) {
            if self.place == .beginning { self.begin() }
        }

        var swallowsInput: Bool { self.hasBegun && self.fault == .blackHole }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = self.unwrapInboundIn(data)
            if !self.hasBegun {
                let clean = self.stream.cleanPrefix(of: bytes, until: self.place)
                if let head = bytes.readSlice(length: clean ?? bytes.readableBytes), head.readableBytes > 0 {
                    self.pair.client.writeAndFlush(head, promise: nil)
                }
                guard clean != nil else { return }
                self.begin()
            }
            guard bytes.readableBytes > 0 else { return }
            switch self.fault {
            case .none:
                self.pair.client.writeAndFlush(bytes, promise: nil)
            case .oneByte:
                while let byte = bytes.readSlice(length: 1) { self.pair.client.writeAndFlush(byte, promise: nil) }
            case .delayed:
                let due = max(self.lastDue, .now() + .milliseconds(20))
                self.lastDue = due
                let client = self.pair.client
                let late = bytes
                client.eventLoop.assumeIsolated().scheduleTask(deadline: due) {
                    client.writeAndFlush(late, promise: nil)
                }
            case .cut, .reset, .blackHole, .hang, .garbage, .oversized:
                break
            }
        }

        func begin() {
            guard !self.hasBegun else { return }
            self.hasBegun = true
            let client = self.pair.client
            switch self.fault {
            case .none, .blackHole, .hang, .oneByte, .delayed:
                break
            case .cut:
                client.close(promise: nil)
            case .reset:
                // Closed with linger 0, a connection is reset.
                let isSet = (client as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                (isSet ?? client.eventLoop.makeSucceededVoidFuture()).whenComplete { _ in client.close(promise: nil) }
            case .garbage:
                client.writeAndFlush(ByteBuffer(bytes: Self.noise), promise: nil)
            case .oversized:
                let head: [UInt8] = self.place == .beginning ? [] : [0x7f, 0xff, 0xff, 0xff]
                client.writeAndFlush(
                    ByteBuffer(bytes: head + [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)), promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            switch self.fault {
            case .blackHole, .hang: break
            default: if self.fault != .delayed { self.pair.client.close(promise: nil) }
            }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        /// The same in each run.
        private static let noise: [UInt8] = {
            var state: UInt64 = 0x9E37_79B9_7F4A_7C15
            return (0..<40_000).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
        }()
    }

    /// Follows the server's output while it is in plain text.
    private struct ServerStream {
        private var pending = ByteBuffer()
        private var isIdentified = false
        private var isEncrypted = false
        /// Bytes before `pending` that have been looked at.
        private var hasPassed = false

        /// The first encrypted packet, with AES-CTR and HMAC-SHA2-256: 17 bytes of payload, padded to 32, and the MAC.
        private static let serviceAccept = 64

        /// How many of the bytes come before the place; `nil`: all of them, and more.
        mutating func cleanPrefix(of bytes: ByteBuffer, until place: Place) -> Int? {
            if place == .armed || self.hasPassed { return nil }
            let before = self.pending.readableBytes
            var bytes = bytes
            self.pending.writeBuffer(&bytes)
            let total = self.pending.readableBytes
            func consumed() -> Int { total - self.pending.readableBytes - before }
            while !self.isIdentified {
                let view = self.pending.readableBytesView
                guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
                self.isIdentified = view.starts(with: Array("SSH-".utf8))
                self.pending.moveReaderIndex(forwardBy: end - view.startIndex + 1)
            }
            if place == .identified {
                self.hasPassed = true
                return consumed()
            }
            // Binary packets (RFC 4253 §6), still without a MAC.
            while !self.isEncrypted, let length: UInt32 = self.pending.getInteger(at: self.pending.readerIndex),
                self.pending.readableBytes >= 4 + Int(length)
            {
                let message: UInt8? = self.pending.getInteger(at: self.pending.readerIndex + 5)
                self.pending.moveReaderIndex(forwardBy: 4 + Int(length))
                self.isEncrypted = message == 21
            }
            guard self.isEncrypted else { return nil }
            if place == .accepted {
                guard self.pending.readableBytes >= Self.serviceAccept else { return nil }
                self.pending.moveReaderIndex(forwardBy: Self.serviceAccept)
            }
            self.hasPassed = true
            return consumed()
        }
    }
}
