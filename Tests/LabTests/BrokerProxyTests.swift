import NIOCore
import NIOPosix
import Testing

@testable import Lab

/// A broker that answers each request with its own body, in order.
final class EchoBroker: Sendable {
    let channel: any Channel
    var port: Int { channel.localAddress?.port ?? 0 }

    init() async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var splitter = FrameSplitter()

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            splitter.append(unwrapInboundIn(data))
            while let frame = try? splitter.next() {
                var reader = KafkaReader(frame)
                guard let header = try? RequestHeader(&reader) else { continue }
                let response = Frames.response(header.correlationID) { $0.writeImmutableBuffer(reader.buffer) }
                context.write(wrapOutboundOut(response), promise: nil)
            }
        }

        func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
    }
}

/// A client that writes bytes and collects whole frames.
struct FrameClient {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    static func with<Result>(
        port: Int,
        _ body: (_ frames: inout FrameReader, _ write: NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var frames = FrameReader(inbound.makeAsyncIterator())
            return try await body(&frames, outbound)
        }
    }

    struct FrameReader {
        private var bytes: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
        private var splitter = FrameSplitter()

        init(_ bytes: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) { self.bytes = bytes }

        /// `nil` when the connection has ended.
        mutating func next() async throws -> ByteBuffer? {
            while true {
                if let frame = try splitter.next() { return frame }
                guard let more = try await bytes.next(isolation: #isolation) else { return nil }
                splitter.append(more)
            }
        }
    }
}

@Suite("The proxy in front of the broker", .timeLimit(.minutes(1)))
struct BrokerProxyTests {
    private func withProxy(
        _ options: BrokerProxy.Options = .init(),
        _ body: (BrokerProxy) async throws -> Void
    ) async throws {
        let broker = try await EchoBroker()
        let proxy = try await BrokerProxy.start(upstreamHost: "127.0.0.1", upstreamPort: broker.port, options: options)
        do {
            try await body(proxy)
        } catch {
            await proxy.stop()
            try? await broker.channel.close()
            throw error
        }
        await proxy.stop()
        try await broker.channel.close()
    }

    private func produce(_ correlation: Int32, client: String = "c", size: Int = 20) -> ByteBuffer {
        Frames.request(18, 0, correlation: correlation, client: client) {
            $0.writeInteger(correlation)
            $0.writeRepeatingByte(UInt8(truncatingIfNeeded: correlation), count: size)
        }
    }

    /// Of a member that nobody knows.
    private func heartbeat(_ correlation: Int32) -> ByteBuffer {
        Frames.request(12, 0, correlation: correlation) {
            $0.writeKafkaString("g", compact: false)
            $0.writeInteger(Int32(1))
            $0.writeKafkaString("m", compact: false)
        }
    }

    private func expectResponse(_ frame: ByteBuffer?, to correlation: Int32, size: Int = 20, seed: UInt64? = nil) {
        let expected = Frames.response(correlation) {
            $0.writeInteger(correlation)
            $0.writeRepeatingByte(UInt8(truncatingIfNeeded: correlation), count: size)
        }
        // Not an expectation on the frames themselves: a failure would print megabytes.
        let isRight = frame == expected
        #expect(isRight, "response to \(correlation)\(seed.map { ", seed \($0)" } ?? "")")
    }

    @Test(
        "nothing is lost or reordered, whatever the chunks and sizes, with requests among them that the proxy answers itself"
    )
    func order() async throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(seed: seed)
        let sizes = (0..<300).map { _ in
            Int.random(in: 0...(Int.random(in: 0..<20, using: &random) == 0 ? 300_000 : 500), using: &random)
        }
        var stream = ByteBuffer()
        for (index, size) in sizes.enumerated() {
            if index % 100 == 50 {
                stream.writeImmutableBuffer(heartbeat(Int32(index)))
            } else {
                stream.writeImmutableBuffer(produce(Int32(index), size: size))
            }
        }
        var chunks: [ByteBuffer] = []
        while stream.readableBytes > 0 {
            let length = min(stream.readableBytes, Int.random(in: 1...50_000, using: &random))
            chunks.append(stream.readSlice(length: length) ?? ByteBuffer())
        }
        try await withProxy { proxy in
            try await FrameClient.with(port: proxy.port) { frames, write in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { [chunks] in for chunk in chunks { try await write.write(chunk) } }
                    for (index, size) in sizes.enumerated() {
                        let frame = try await frames.next()
                        if index % 100 == 50 {
                            #expect(frame == Frames.response(Int32(index)) { $0.writeInteger(Int16(25)) })
                            continue
                        }
                        expectResponse(frame, to: Int32(index), size: size, seed: seed)
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("a port that somebody else has is named")
    func takenPort() async throws {
        try await self.withProxy { proxy in
            let error = await #expect(throws: LabError.self) {
                try await BrokerProxy.start(port: proxy.port, upstreamHost: "127.0.0.1", upstreamPort: 1).stop()
            }
            #expect(error?.description == "can't take port \(proxy.port): Address already in use")
        }
    }

    @Test("a frame of 100 MB passes")
    func large() async throws {
        try await withProxy { proxy in
            try await FrameClient.with(port: proxy.port) { frames, write in
                let size = 100 << 20 - 100
                try await write.write(produce(1, size: size))
                let answer = try await frames.next()
                #expect(answer?.readableBytes == 4 + 4 + 4 + size)
            }
        }
    }

    @Test("a JoinGroup that waits for others holds up what follows it on its connection, and nothing else")
    func parkedJoin() async throws {
        func join(_ correlation: Int32, id: String) -> ByteBuffer {
            Frames.request(11, 0, correlation: correlation) {
                $0.writeKafkaString("g", compact: false)
                $0.writeInteger(Int32(6_000))
                $0.writeKafkaString(id, compact: false)
                $0.writeKafkaString("consumer", compact: false)
                $0.writeInteger(Int32(1))
                $0.writeKafkaString("range", compact: false)
                $0.writeInteger(Int32(0))
            }
        }
        try await withProxy { proxy in
            try await FrameClient.with(port: proxy.port) { first, writeFirst in
                try await writeFirst.write(join(1, id: ""))
                let joined = try #require(try await first.next())
                let id = try Frames.memberID(ofJoin: joined)
                try await FrameClient.with(port: proxy.port) { second, writeSecond in
                    try await writeSecond.write(join(2, id: ""))
                    try await writeSecond.write(produce(3))
                    try await FrameClient.with(port: proxy.port) { third, writeThird in
                        try await writeThird.write(produce(4))
                        expectResponse(try await third.next(), to: 4)
                    }
                    // Not the one behind it.
                    try await BrokerFixture.until("the coordinator has the second") {
                        await proxy.counters().requests == 3
                    }
                    try await writeFirst.write(join(5, id: id))
                    #expect(try await first.next()?.getInteger(at: 4, as: Int32.self) == 5)
                    #expect(try await second.next()?.getInteger(at: 4, as: Int32.self) == 2)
                    expectResponse(try await second.next(), to: 3)
                }
            }
        }
    }

    @Test("a black hole for one client lets the others through, and loses nothing when it heals")
    func blackHole() async throws {
        try await withProxy { proxy in
            try await proxy.setFault(.blackHole, clientID: "victim")
            try await FrameClient.with(port: proxy.port) { victim, writeVictim in
                try await writeVictim.write(produce(1, client: "victim"))
                try await FrameClient.with(port: proxy.port) { other, writeOther in
                    for number in Int32(1)...20 {
                        try await writeOther.write(produce(number))
                        expectResponse(try await other.next(), to: number)
                    }
                }
                #expect(await proxy.counters().requests == 20)
                try await proxy.setFault(nil, clientID: "victim")
                expectResponse(try await victim.next(), to: 1)
            }
        }
    }

    @Test("latency is added in each direction")
    func latency() async throws {
        try await withProxy { proxy in
            try await proxy.setFault(.latency(.milliseconds(40)))
            try await FrameClient.with(port: proxy.port) { frames, write in
                let start = ContinuousClock.now
                try await write.write(produce(1))
                expectResponse(try await frames.next(), to: 1)
                #expect(ContinuousClock.now - start >= .milliseconds(79))
            }
        }
    }

    @Test("cut connections end; refused ones are never made; healing listens on the same port")
    func cutAndRefuse() async throws {
        try await withProxy { proxy in
            try await FrameClient.with(port: proxy.port) { frames, write in
                try await write.write(produce(1))
                expectResponse(try await frames.next(), to: 1)
                await proxy.cut()
                #expect((try? await frames.next()) == nil)
            }
            try await proxy.setFault(.refuse)
            await #expect(throws: (any Error).self) { try await FrameClient.with(port: proxy.port) { _, _ in } }
            try await proxy.setFault(nil)
            try await FrameClient.with(port: proxy.port) { frames, write in
                try await write.write(produce(2))
                expectResponse(try await frames.next(), to: 2)
            }
        }
    }
}
