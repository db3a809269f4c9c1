import NIOCore

/// What carries a session's bytes: a TCP connection, or a channel of another session.
///
/// Isolation: on the event loop of the session.
protocol ByteTransport: AnyObject {
    var isActive: Bool { get }
    /// `false` while enough is waiting to be sent. The session hears when that changes.
    var isWritable: Bool { get }
    /// - Parameter promise: completed when the bytes have left or never will.
    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?)
    /// Whether bytes from the other side are wanted. At first they are not.
    func setReading(_ isReading: Bool)
    /// Closes at once. The session hears of the end.
    func close()
}

/// A TCP connection whose channel handler is the session.
final class SocketTransport: ByteTransport {
    private let context: ChannelHandlerContext
    private let channel: any Channel

    init(_ context: ChannelHandlerContext) {
        self.context = context
        self.channel = context.channel
    }

    var isActive: Bool { self.channel.isActive }
    var isWritable: Bool { self.channel.isWritable }

    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        self.context.writeAndFlush(NIOAny(bytes), promise: promise)
    }

    func setReading(_ isReading: Bool) {
        try? self.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    func close() { self.channel.close(promise: nil) }
}
