import NIOCore
import NIOPosix

/// A line protocol over TCP to steer a running lab: one command a line, one or more lines of answer, then an empty line.
package final class ControlServer: Sendable {
    /// Answers one command. Commands of one connection are answered one after the other.
    package typealias Handler = @Sendable (_ words: [String]) async -> String

    private let channel: any Channel
    /// Where it listens.
    package let port: Int

    private init(channel: any Channel) {
        self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    /// Listens on `host:port`; port 0 takes a free one.
    package static func start(
        host: String,
        port: Int,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        handler: @escaping Handler
    ) async throws -> ControlServer {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LineHandler(handler: handler))
                }
            }
            .bind(host: host, port: port).get()
        return ControlServer(channel: channel)
    }

    package func stop() async { try? await channel.close() }

    /// Sends one command and returns the answer's lines.
    /// - Throws: when nobody answers within `timeout`.
    package static func send(
        _ command: String,
        host: String,
        port: Int,
        timeout: TimeAmount = .seconds(10)
    ) async throws -> String {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: String.self)
        let deadline = loop.scheduleTask(in: timeout) {
            answer.fail(LabError("no answer from \(host):\(port) within \(timeout.nanoseconds / 1_000_000) ms"))
        }
        do {
            let channel = try await ClientBootstrap(group: loop).connectTimeout(timeout)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AnswerHandler(answer: answer))
                    }
                }
                .connect(host: host, port: port).get()
            try await channel.writeAndFlush(ByteBuffer(string: command + "\n"))
            let text = try await answer.futureResult.get()
            deadline.cancel()
            try? await channel.close()
            return text
        } catch {
            deadline.cancel()
            answer.fail(error)
            throw error
        }
    }
}

/// Collects lines and writes answers. Lives on its channel's event loop.
private final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private static let lineLimit = 65_536
    private let handler: ControlServer.Handler
    private var buffer = ByteBuffer()
    /// The answer before this one, to keep answers in order.
    private var previous: EventLoopFuture<Void>?

    init(handler: @escaping ControlServer.Handler) { self.handler = handler }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        while let end = buffer.readableBytesView.firstIndex(of: 0x0A) {
            let line = buffer.readString(length: end - buffer.readerIndex) ?? ""
            buffer.moveReaderIndex(forwardBy: 1)
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\r" || $0 == "\t" }).map(String.init)
            guard !words.isEmpty else { continue }
            let (handler, channel) = (handler, context.channel)
            let after = previous ?? context.eventLoop.makeSucceededVoidFuture()
            let done = context.eventLoop.makeFutureWithTask {
                try? await after.get()
                var answer = await handler(words)
                if !answer.hasSuffix("\n") { answer += "\n" }
                try? await channel.writeAndFlush(ByteBuffer(string: answer + "\n"))
            }
            previous = done
        }
        if buffer.readableBytes > Self.lineLimit { context.close(promise: nil) }
        buffer.discardReadBytes()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Collects an answer up to its empty line. Lives on its channel's event loop.
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let answer: EventLoopPromise<String>
    private var text = ""

    init(answer: EventLoopPromise<String>) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        if text.hasSuffix("\n\n") { answer.succeed(String(text.dropLast(2))) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(LabError("the lab closed the connection before it answered"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }
}
