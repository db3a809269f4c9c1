import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Worker

/// Answers probes over HTTP: `/health/live` (the process turns) and `/health/ready` (it owns partitions and moves).
///
/// Plain HTTP without authentication: bind it to loopback or the pod's address, not to the world.
package struct HealthServer: Service {
    private let host: String
    private let port: Int
    private let status: @Sendable () -> WorkerStatus
    private let logger: Logger

    package init(host: String, port: Int, logger: Logger, status: @escaping @Sendable () -> WorkerStatus) {
        self.host = host
        self.port = port
        self.status = status
        self.logger = logger
    }

    package func run() async throws {
        let status = self.status
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: self.host, port: self.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(HealthHandler(status: status))
                }
            }
        self.logger.info(
            "health checks are served", metadata: ["address": "\(server.channel.localAddress?.description ?? "")"])
        try await withTaskCancellationOrGracefulShutdownHandler {
            try await server.executeThenClose { connections in
                for try await _ in connections {}
            }
        } onCancelOrGracefulShutdown: {
            server.channel.close(promise: nil)
        }
    }
}

/// One request, one answer, from the worker's status as it is at that moment.
private final class HealthHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let status: @Sendable () -> WorkerStatus

    init(status: @escaping @Sendable () -> WorkerStatus) {
        self.status = status
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let request) = self.unwrapInboundIn(data) else { return }
        let report = HealthReport(self.status())
        let answer: (HTTPResponseStatus, String) =
            switch request.uri {
            case "/health/live": (.ok, "{\"live\":true}\n")
            case "/health/ready": (report.isReady ? .ok : .serviceUnavailable, report.json)
            default: (.notFound, "{\"error\":\"not found\"}\n")
            }
        let body = ByteBuffer(string: answer.1)
        let headers: HTTPHeaders = [
            "content-type": "application/json", "content-length": String(body.readableBytes),
            "cache-control": "no-store",
        ]
        let head = HTTPResponseHead(version: request.version, status: answer.0, headers: headers)
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
