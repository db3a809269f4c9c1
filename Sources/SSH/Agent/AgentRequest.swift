import NIOCore
import NIOPosix

/// One question to an agent, on a connection of its own.
///
/// libssh2's own agent calls block the thread until the agent answers; a person who has to confirm takes a while.
enum AgentRequest {
    enum Failure: Error {
        case ended
        case malformed
        case timedOut
    }

    /// An answer can't be longer (OpenSSH's limit).
    static let maximumLength: UInt32 = 256 * 1024

    /// Completes with the answer without its length. Failing the promise gives up.
    static func send(
        _ request: ByteBuffer, to path: String, bound: Duration, on eventLoop: any EventLoop,
        _ promise: EventLoopPromise<ByteBuffer>
    ) {
        let timer = eventLoop.scheduleTask(in: TimeAmount(bound)) { promise.fail(Failure.timedOut) }
        ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(bound))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AnswerReader(promise))
                }
            }
            .connect(unixDomainSocketPath: path)
            .whenComplete { result in
                switch result {
                case .failure(let error): promise.fail(error)
                case .success(let channel):
                    promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
                    channel.writeAndFlush(request, promise: nil)
                }
            }
        promise.futureResult.whenComplete { _ in timer.cancel() }
    }

    private final class AnswerReader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let promise: EventLoopPromise<ByteBuffer>
        private var buffer = ByteBuffer()

        init(_ promise: EventLoopPromise<ByteBuffer>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var piece = self.unwrapInboundIn(data)
            self.buffer.writeBuffer(&piece)
            guard let length: UInt32 = self.buffer.getInteger(at: self.buffer.readerIndex) else { return }
            guard (1...AgentRequest.maximumLength).contains(length) else {
                self.promise.fail(Failure.malformed)
                return
            }
            guard let answer = self.buffer.readSSHString() else { return }
            self.promise.succeed(answer)
        }

        // Fails only if nothing has come before.
        func channelInactive(context: ChannelHandlerContext) { self.promise.fail(Failure.ended) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { self.promise.fail(error) }
    }
}
