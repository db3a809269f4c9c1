import NIOCore
import Testing

@testable import Lab

/// Requests as a client writes them.
enum Frames {
    static func request(
        _ key: Int16, _ version: Int16, correlation: Int32 = 1, client: String? = "c", flexible: Bool = false,
        _ body: (inout ByteBuffer) -> Void = { _ in }
    ) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(Int32(0))
        frame.writeInteger(key)
        frame.writeInteger(version)
        frame.writeInteger(correlation)
        frame.writeKafkaString(client, compact: false)
        if flexible { frame.writeInteger(UInt8(0)) }
        body(&frame)
        return sized(frame)
    }

    static func response(_ correlation: Int32 = 1, flexible: Bool = false, _ body: (inout ByteBuffer) -> Void)
        -> ByteBuffer
    {
        var frame = ByteBuffer()
        frame.writeInteger(Int32(0))
        frame.writeInteger(correlation)
        if flexible { frame.writeInteger(UInt8(0)) }
        body(&frame)
        return sized(frame)
    }

    /// The id that a JoinGroup response of a version before 5 gives.
    static func memberID(ofJoin frame: ByteBuffer, version: Int16 = 0) throws -> String {
        var reader = KafkaReader(frame)
        try reader.skip(8 + (version >= 2 ? 4 : 0) + 6)
        _ = try reader.string(compact: false)
        _ = try reader.string(compact: false)
        return try reader.string(compact: false) ?? ""
    }

    private static func sized(_ frame: ByteBuffer) -> ByteBuffer {
        var frame = frame
        frame.setInteger(Int32(frame.readableBytes - 4), at: 0)
        return frame
    }
}

@Suite("Kafka frames")
struct FrameTests {
    @Test("frames come out whole wherever the chunks end")
    func everyBoundary() throws {
        let frames = [
            Frames.request(0, 7) { $0.writeString("payload") }, Frames.request(3, 9, client: nil, flexible: true),
            ByteBuffer(integer: Int32(0)),
            Frames.request(12, 4, flexible: true) { $0.writeRepeatingByte(7, count: 300) },
        ]
        let stream = frames.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
        for split in 0...stream.readableBytes {
            var splitter = FrameSplitter()
            var result: [ByteBuffer] = []
            for part in [
                stream.getSlice(at: 0, length: split), stream.getSlice(at: split, length: stream.readableBytes - split),
            ] {
                splitter.append(try #require(part))
                while let frame = try splitter.next() { result.append(frame) }
            }
            #expect(result == frames, "split at \(split)")
            #expect(splitter.pendingBytes == 0)
        }
        var splitter = FrameSplitter()
        var result: [ByteBuffer] = []
        for byte in stream.readableBytesView {
            splitter.append(ByteBuffer(bytes: [byte]))
            while let frame = try splitter.next() { result.append(frame) }
        }
        #expect(result == frames)
    }

    @Test("a size that can't be is an error", arguments: [Int32(-1), .min, 200 << 20])
    func badSize(size: Int32) {
        var splitter = FrameSplitter()
        splitter.append(ByteBuffer(integer: size))
        #expect(throws: LabError.self) { try splitter.next() }
    }

    @Test("truncated requests are errors, never traps")
    func truncated() throws {
        let frame = Frames.request(11, 5) { body in
            body.writeKafkaString("group", compact: false)
            body.writeInteger(Int32(1))
            body.writeInteger(Int32(1))
            body.writeKafkaString("member", compact: false)
            body.writeKafkaString(nil, compact: false)
            body.writeKafkaString("consumer", compact: false)
            body.writeInteger(Int32(1))
            body.writeKafkaString("range", compact: false)
            body.writeInteger(Int32(2))
            body.writeBytes([1, 2])
        }
        for length in 0..<frame.readableBytes {
            var reader = KafkaReader(try #require(frame.getSlice(at: 0, length: length)))
            #expect(throws: KafkaReader.Truncated.self, "length \(length)") {
                let header = try RequestHeader(&reader)
                _ = try GroupRequest(header, reader)
            }
        }
    }
}

@Suite("Addresses in responses")
struct AddressRewriteTests {
    private let rewrite = AddressRewrite(brokerPort: 47_105, host: "proxy.example", port: 9_092)

    @Test("brokers of a Metadata response get the proxy's address, and the rest stays as it was", arguments: 0...12)
    func metadata(version: Int) throws {
        let version = Int16(version)
        let flexible = version >= 9
        func frame(host: String, port: Int32) -> ByteBuffer {
            Frames.response(flexible: flexible) { body in
                if version >= 3 { body.writeInteger(Int32(0)) }
                if flexible { body.writeUnsignedVarint(3) } else { body.writeInteger(Int32(2)) }
                for (node, address) in [(Int32(1), (host, port)), (2, ("elsewhere", 1_234))] {
                    body.writeInteger(node)
                    body.writeKafkaString(address.0, compact: flexible)
                    body.writeInteger(address.1)
                    if version >= 1 { body.writeKafkaString(nil, compact: flexible) }
                    if flexible { body.writeBytes([1, 5, 2, 0xAA, 0xBB]) }
                }
                body.writeString("topics and all that")
            }
        }
        let result = rewrite.rewrite(frame(host: "127.0.0.1", port: 47_105), of: .metadata, version: version)
        #expect(result == frame(host: "proxy.example", port: 9_092))
    }

    @Test("so does a FindCoordinator response", arguments: 0...4)
    func coordinator(version: Int) {
        let version = Int16(version)
        func frame(host: String, port: Int32) -> ByteBuffer {
            Frames.response(flexible: version >= 3) { body in
                if version >= 1 { body.writeInteger(Int32(0)) }
                if version >= 4 {
                    body.writeUnsignedVarint(2)
                    body.writeKafkaString("g", compact: true)
                } else {
                    body.writeInteger(Int16(0))
                    if version >= 1 { body.writeKafkaString(nil, compact: version >= 3) }
                }
                body.writeInteger(Int32(1))
                body.writeKafkaString(host, compact: version >= 3)
                body.writeInteger(port)
                if version >= 4 {
                    body.writeInteger(Int16(0))
                    body.writeKafkaString("", compact: true)
                    body.writeInteger(UInt8(0))
                }
                if version >= 3 { body.writeInteger(UInt8(0)) }
            }
        }
        let result = rewrite.rewrite(frame(host: "localhost", port: 47_105), of: .findCoordinator, version: version)
        #expect(result == frame(host: "proxy.example", port: 9_092))
    }

    @Test("a response that can't be read goes through unchanged")
    func unreadable() {
        let frame = Frames.response { $0.writeBytes([0xFF, 0xFF, 0xFF, 0x7F, 1]) }
        #expect(rewrite.rewrite(frame, of: .metadata, version: 1) == frame)
    }
}

@Suite("Fetches that find nothing")
struct FetchFramesTests {
    @Test("only a response without records and without errors is empty", arguments: [4, 7, 11, 12])
    func empty(version: Int) {
        let version = Int16(version)
        let flexible = version >= 12
        func frame(error: Int16, records: Int) -> ByteBuffer {
            func count(_ number: Int, _ body: inout ByteBuffer) {
                if flexible { body.writeUnsignedVarint(number + 1) } else { body.writeInteger(Int32(number)) }
            }
            return Frames.response(flexible: flexible) { body in
                body.writeInteger(Int32(0))
                if version >= 7 {
                    body.writeInteger(Int16(0))
                    body.writeInteger(Int32(0))
                }
                count(1, &body)
                body.writeKafkaString("t", compact: flexible)
                count(2, &body)
                for partition in 0..<2 {
                    body.writeInteger(Int32(partition))
                    body.writeInteger(partition == 1 ? error : 0)
                    body.writeInteger(Int64(5))
                    body.writeInteger(Int64(5))
                    if version >= 5 { body.writeInteger(Int64(0)) }
                    count(0, &body)
                    if version >= 11 { body.writeInteger(Int32(-1)) }
                    count(partition == 1 ? records : 0, &body)
                    body.writeRepeatingByte(1, count: partition == 1 ? records : 0)
                    if flexible { body.writeInteger(UInt8(0)) }
                }
                if flexible { body.writeInteger(UInt8(0)) }
            }
        }
        #expect(FetchFrames.isEmpty(frame(error: 0, records: 0), version: version))
        #expect(!FetchFrames.isEmpty(frame(error: 0, records: 10), version: version))
        #expect(!FetchFrames.isEmpty(frame(error: 1, records: 0), version: version))
    }
}

@Suite("A line with delays")
struct DelayLineTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private func frame(_ number: Int) -> ByteBuffer { ByteBuffer(repeating: UInt8(number), count: 100) }

    @Test("a frame never overtakes one that is delayed for longer")
    func order() {
        var line = DelayLine()
        line.append(frame(1), delay: .milliseconds(60), at: start)
        line.append(frame(2), delay: .zero, at: start)
        #expect(line.next(at: start + .milliseconds(59)) == nil)
        #expect(line.next(at: start + .milliseconds(60)) == frame(1))
        #expect(line.next(at: start + .milliseconds(60)) == frame(2))
        #expect(line.isEmpty && line.bytes == 0)
    }

    @Test("a held frame goes at once when it is released, a delayed one doesn't")
    func release() {
        var line = DelayLine()
        line.append(frame(1), delay: .seconds(1), isHeld: true, at: start)
        line.append(frame(2), delay: .milliseconds(10), at: start)
        line.release(at: start + .milliseconds(5))
        #expect(line.next(at: start + .milliseconds(5)) == frame(1))
        #expect(line.next(at: start + .milliseconds(5)) == nil)
        #expect(line.next(at: start + .milliseconds(10)) == frame(2))
    }

    @Test("a throttled line lets through what its rate allows")
    func throttle() {
        var line = DelayLine()
        for number in 0..<10 { line.append(frame(number), delay: .zero, bytesPerSecond: 1_000, at: start) }
        var passed = 0
        while line.next(at: start + .milliseconds(450)) != nil { passed += 1 }
        #expect(passed == 4)
    }
}
