import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Passes bytes both ways between its clients and a server: after a greeting of its own, in pieces of a given size, and only
/// while it isn't paused.
final class Relay: Sendable {
    private let channel: any Channel
    private let children: NIOLockedValueBox<[any Channel]>
    var port: Int { self.channel.localAddress?.port ?? 0 }

    /// - Parameters:
    ///   - pieceSize: how many bytes go to the client at a time; `nil`: as they come.
    ///   - serverPieceSize: how many go to the server.
    ///   - isRandom: whether these are the most, and each piece is of another size.
    init(
        to port: Int, greeting: String = "", pieceSize: Int? = nil, serverPieceSize: Int? = nil, isRandom: Bool = false
    ) async throws {
        let children = NIOLockedValueBox<[any Channel]>([])
        self.children = children
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: port)
                    .flatMap { server in
                        children.withLockedValue { $0 += [client, server] }
                        return client.eventLoop.makeCompletedFuture {
                            try client.pipeline.syncOperations.addHandler(
                                Pass(to: server, pieceSize: serverPieceSize, isRandom: isRandom))
                            try server.pipeline.syncOperations.addHandler(
                                Pass(to: client, pieceSize: pieceSize, isRandom: isRandom))
                        }.flatMap {
                            if !greeting.isEmpty { client.writeAndFlush(ByteBuffer(string: greeting), promise: nil) }
                            return server.setOption(.autoRead, value: true).and(
                                client.setOption(.autoRead, value: true)
                            )
                            .map { _ in }
                        }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// Stops reading on both sides, as a network that has gone dead.
    func pause() async throws {
        for child in self.children.withLockedValue({ $0 }) { try await child.setOption(.autoRead, value: false).get() }
    }

    func stop() async {
        try? await self.channel.close()
        for child in self.children.withLockedValue({ $0 }) { try? await child.close() }
    }

    private final class Pass: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let target: any Channel
        private let pieceSize: Int?
        private let isRandom: Bool

        init(to target: any Channel, pieceSize: Int?, isRandom: Bool) {
            self.target = target
            self.pieceSize = pieceSize
            self.isRandom = isRandom
        }

        private func length(_ available: Int) -> Int {
            guard let pieceSize, available > 0 else { return available }
            return min(self.isRandom ? Int.random(in: 1...pieceSize) : pieceSize, available)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = self.unwrapInboundIn(data)
            while let piece = bytes.readSlice(length: self.length(bytes.readableBytes)), piece.readableBytes > 0 {
                self.target.writeAndFlush(piece, promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { self.target.close(promise: nil) }
    }
}
