import NIOCore

/// Succeeds with the first whole frame. Lives on its channel's event loop.
final class OneResponseHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let done: EventLoopPromise<ByteBuffer>
    private var splitter = FrameSplitter()

    init(_ done: EventLoopPromise<ByteBuffer>) { self.done = done }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        splitter.append(unwrapInboundIn(data))
        do { if let frame = try splitter.next() { done.succeed(frame) } } catch { done.fail(error) }
    }

    func channelInactive(context: ChannelHandlerContext) { done.fail(LabError("the broker closed the connection")) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        done.fail(error)
        context.close(promise: nil)
    }
}
