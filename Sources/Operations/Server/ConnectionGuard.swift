import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTPTypes

/// The connections of a server. Safe to use from any thread.
final class Connections: Sendable {
    private struct State: Sendable {
        var table: ConnectionTable
        var channels: [ConnectionTable.ID: any Channel] = [:]
    }

    private let state: NIOLockedValueBox<State>

    init(limit: Int) { self.state = NIOLockedValueBox(State(table: ConnectionTable(limit: limit))) }

    var count: Int { self.state.withLockedValue { $0.table.count } }

    fileprivate func opened(_ channel: any Channel) -> ConnectionTable.ID {
        let (id, victim) = self.state.withLockedValue { state in
            let (id, victim) = state.table.opened(.now)
            state.channels[id] = channel
            return (id, victim.flatMap { state.channels.removeValue(forKey: $0) })
        }
        victim?.close(promise: nil)
        return id
    }

    fileprivate func asked(_ id: ConnectionTable.ID) { self.state.withLockedValue { $0.table.asked(id) } }

    fileprivate func answered(_ id: ConnectionTable.ID) {
        self.state.withLockedValue { $0.table.answered(id, .now) }
    }

    fileprivate func closed(_ id: ConnectionTable.ID) {
        self.state.withLockedValue { state in
            state.table.closed(id)
            state.channels[id] = nil
        }
    }
}

/// Sees to it that nobody holds one connection of the server for longer than they use it: one that reads nothing of what it asked for is closed, and so is
/// one whose other side is gone.
///
/// Isolation: lives on its channel's event loop.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// What the kernel holds for a reader that takes nothing; without a bound, it grows to some megabytes.
    private static let sendBuffer = 128 * 1024

    private let connections: Connections
    private let stallLimit: TimeAmount
    private var id: ConnectionTable.ID?
    private var stall: Scheduled<Void>?

    /// - Parameter stallLimit: for so long a reader may take nothing.
    init(_ connections: Connections, stallLimit: TimeAmount) {
        self.connections = connections
        self.stallLimit = stallLimit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.id = self.connections.opened(context.channel)
        guard let options = context.channel.syncOptions else { return }
        // What can't be set is a matter of comfort.
        try? options.setOption(.socketOption(.so_sndbuf), value: .init(Self.sendBuffer))
        try? options.setOption(.socketOption(.so_keepalive), value: 1)
        #if os(Linux)
            // Also while the other side's window is closed (tcp(7)).
            let milliseconds = self.stallLimit.nanoseconds / 1_000_000
            try? options.setOption(
                .tcpOption(.init(rawValue: CInt(TCP_USER_TIMEOUT))), value: .init(clamping: milliseconds))
        #endif
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.stall?.cancel()
        self.stall = nil
        if let id { self.connections.closed(id) }
        self.id = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = Self.unwrapInboundIn(data), let id { self.connections.asked(id) }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = Self.unwrapOutboundIn(data), let id { self.connections.answered(id) }
        context.write(data, promise: promise)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            self.stall?.cancel()
            self.stall = nil
        } else if self.stall == nil {
            let channel = context.channel
            self.stall = context.eventLoop.scheduleTask(in: self.stallLimit) { channel.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }
}
