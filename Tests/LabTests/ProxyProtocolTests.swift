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

    @Test("group requests are read in every version", arguments: 0...9)
    func groupRequests(version: Int) throws {
        let version = Int16(version)
        func parse(_ frame: ByteBuffer) throws -> GroupRequest? {
            var reader = KafkaReader(frame)
            let header = try RequestHeader(&reader)
            #expect(header.clientID == "c")
            return try GroupRequest(header, &reader)
        }
        let joinFlexible = version >= 6
        let join = Frames.request(11, version, flexible: joinFlexible) { body in
            body.writeKafkaString("g", compact: joinFlexible)
            body.writeInteger(Int32(6_000))
            if version >= 1 { body.writeInteger(Int32(300_000)) }
            body.writeKafkaString("m", compact: joinFlexible)
            if version >= 5 { body.writeKafkaString("i", compact: joinFlexible) }
            body.writeKafkaString("consumer", compact: joinFlexible)
        }
        let instance = version >= 5 ? "i" : nil
        #expect(
            try parse(join)
                == .join(group: "g", member: .init(id: "m", instanceID: instance), sessionTimeout: .seconds(6)))
        if version <= 5 {
            let flexible = version >= 4
            let member = GroupRequest.Member(id: "m", instanceID: version >= 3 ? "i" : nil)
            for key: Int16 in [12, 14] {
                let frame = Frames.request(key, version, flexible: flexible) { body in
                    body.writeKafkaString("g", compact: flexible)
                    body.writeInteger(Int32(3))
                    body.writeKafkaString("m", compact: flexible)
                    if version >= 3 { body.writeKafkaString("i", compact: flexible) }
                }
                #expect(
                    try parse(frame)
                        == (key == 12 ? .heartbeat(group: "g", member: member) : .sync(group: "g", member: member)))
            }
            let leave = Frames.request(13, version, flexible: flexible) { body in
                body.writeKafkaString("g", compact: flexible)
                if version < 3 { return body.writeKafkaString("m", compact: flexible) }
                if flexible { body.writeUnsignedVarint(2) } else { body.writeInteger(Int32(1)) }
                body.writeKafkaString("m", compact: flexible)
                body.writeKafkaString("i", compact: flexible)
                if version >= 5 { body.writeKafkaString("reason", compact: true) }
                if flexible { body.writeInteger(UInt8(0)) }
            }
            #expect(try parse(leave) == .leave(group: "g", members: [member]))
        }
    }

    @Test("the LeaveGroup that the proxy sends is what it reads itself")
    func leaveFrame() throws {
        for member in [GroupRequest.Member(id: "m", instanceID: nil), .init(id: "", instanceID: "i")] {
            let frame = GroupRequest.leaveFrame(group: "g", member: member, correlationID: 9, clientID: "x")
            #expect(frame.getInteger(at: 0, as: Int32.self) == Int32(frame.readableBytes - 4))
            var reader = KafkaReader(frame)
            let header = try RequestHeader(&reader)
            #expect(try GroupRequest(header, &reader) == .leave(group: "g", members: [member]))
            #expect(reader.buffer.readableBytes == 0)
        }
    }

    @Test(
        "a member's commit can be sent again with another generation, and its refusal is recognised",
        arguments: Int16(0)...9)
    func commit(version: Int16) throws {
        let flexible = version >= 8
        func read(generation: Int32, member: String) throws -> (frame: ByteBuffer, commit: CommitFrame?) {
            let frame = Frames.request(8, version, flexible: flexible) {
                $0.writeKafkaString("g", compact: flexible)
                $0.writeInteger(generation)
                $0.writeKafkaString(member, compact: flexible)
                if version >= 7 { $0.writeKafkaString("i", compact: flexible) }
                $0.writeString("topics and all that")
            }
            var reader = KafkaReader(frame)
            let header = try RequestHeader(&reader)
            return (frame, CommitFrame(frame, header, reader))
        }
        let member = try read(generation: 7, member: "m")
        guard version >= 1 else {
            #expect(member.commit == nil)
            return
        }
        let commit = try #require(member.commit)
        #expect(commit.group == "g" && commit.memberID == "m" && commit.generation == 7)
        let next = try read(generation: 8, member: "m").frame
        #expect(commit.with(generation: 8) == next)
        let nobodys = try read(generation: -1, member: "").commit
        #expect(nobodys == nil)

        for (error, isRefusal) in [(Int16(22), true), (0, false), (27, false)] {
            let response = Frames.response(flexible: flexible) {
                if version >= 3 { $0.writeInteger(Int32(0)) }
                if flexible { $0.writeInteger(UInt8(2)) } else { $0.writeInteger(Int32(1)) }
                $0.writeKafkaString("t", compact: flexible)
                if flexible { $0.writeInteger(UInt8(2)) } else { $0.writeInteger(Int32(1)) }
                $0.writeInteger(Int32(3))
                $0.writeInteger(error)
                if flexible { $0.writeBytes([0, 0, 0]) }
            }
            #expect(commit.isRefusedForGeneration(response) == isRefusal)
        }
        #expect(!commit.isRefusedForGeneration(Frames.response(flexible: flexible) { _ in }))
    }

    @Test("truncated requests are errors, never traps")
    func truncated() throws {
        let frame = Frames.request(11, 5) { body in
            body.writeKafkaString("group", compact: false)
            body.writeInteger(Int32(1))
            body.writeInteger(Int32(1))
            body.writeKafkaString("member", compact: false)
            body.writeKafkaString(nil, compact: false)
        }
        for length in 0..<frame.readableBytes {
            var reader = KafkaReader(try #require(frame.getSlice(at: 0, length: length)))
            #expect(throws: KafkaReader.Truncated.self, "length \(length)") {
                let header = try RequestHeader(&reader)
                _ = try GroupRequest(header, &reader)
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

@Suite("Sessions of group members")
struct GroupWatchTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private func id(_ connection: Int, _ correlation: Int32) -> GroupWatch.RequestID {
        .init(connection: connection, correlationID: correlation)
    }
    private func join(_ member: String, instance: String? = nil) -> GroupRequest {
        .join(group: "g", member: .init(id: member, instanceID: instance), sessionTimeout: .seconds(6))
    }

    /// A watch with one dynamic member `m` that has joined at `start`.
    private func joined(instance: String? = nil) -> GroupWatch {
        var watch = GroupWatch()
        watch.forwarded(join("", instance: instance), as: id(1, 1), at: start)
        watch.joined(id(1, 1), error: 0, memberID: "m", at: start)
        return watch
    }

    @Test("a member without a heartbeat expires after its session timeout, once")
    func expiry() {
        var watch = joined()
        #expect(watch.expired(at: start + .milliseconds(5_999)).isEmpty)
        watch.forwarded(.heartbeat(group: "g", member: .init(id: "m")), as: id(1, 2), at: start + .seconds(5))
        #expect(watch.expired(at: start + .milliseconds(10_999)).isEmpty)
        #expect(watch.expired(at: start + .seconds(11)) == [.init(group: "g", member: .init(id: "m"))])
        #expect(watch.expired(at: start + .seconds(60)).isEmpty)
    }

    @Test("the id that a broker asks a new member to come back with is no member yet (KIP-394)")
    func memberIDRequired() {
        var watch = GroupWatch()
        watch.forwarded(join(""), as: id(1, 1), at: start)
        watch.joined(id(1, 1), error: GroupResponse.memberIDRequired, memberID: "m", at: start)
        #expect(watch.count == 0)
        watch.forwarded(join("m"), as: id(1, 2), at: start)
        #expect(watch.count == 1)
    }

    @Test("a member that waits for the others is alive, until its connection is gone")
    func waiting() {
        var watch = joined()
        watch.forwarded(join("m"), as: id(1, 2), at: start)
        #expect(watch.expired(at: start + .seconds(100)).isEmpty)
        watch.closed(connection: 1, at: start + .seconds(100))
        #expect(watch.expired(at: start + .seconds(105)).isEmpty)
        #expect(watch.expired(at: start + .seconds(106)).count == 1)
    }

    @Test("a member that leaves is forgotten")
    func leave() {
        var watch = joined()
        watch.forwarded(.leave(group: "g", members: [.init(id: "m")]), as: id(1, 2), at: start)
        #expect(watch.count == 0)
    }

    @Test("a static member that comes back takes the place of its predecessor")
    func staticMember() {
        var watch = joined(instance: "i")
        watch.forwarded(join("", instance: "i"), as: id(2, 1), at: start + .seconds(5))
        watch.joined(id(2, 1), error: 0, memberID: "m2", at: start + .seconds(5))
        #expect(watch.expired(at: start + .seconds(7)).isEmpty)
        #expect(
            watch.expired(at: start + .seconds(11)) == [.init(group: "g", member: .init(id: "m2", instanceID: "i"))])
    }

    @Test("a static member that dies while it joins is removed by its instance id")
    func staticMemberDiesJoining() {
        var watch = GroupWatch()
        watch.forwarded(join("", instance: "i"), as: id(1, 1), at: start)
        watch.closed(connection: 1, at: start)
        #expect(watch.expired(at: start + .seconds(6)) == [.init(group: "g", member: .init(id: "", instanceID: "i"))])
    }

    @Test("a known member of the present generation may commit, also while others join")
    func commits() {
        var watch = joined()
        watch.forwarded(join("m"), as: id(1, 9), at: start)
        watch.joined(id(1, 9), error: 0, generation: 4, memberID: "m", at: start)
        #expect(watch.mayCommit("g", "m", generation: 4))
        #expect(!watch.mayCommit("g", "m", generation: 3))
        #expect(!watch.mayCommit("g", "other", generation: 4))
        watch.forwarded(join("m"), as: id(1, 10), at: start)
        #expect(watch.mayCommit("g", "m", generation: 4), "still waiting for the next generation")
        watch.joined(id(1, 10), error: 0, generation: 5, memberID: "m", at: start)
        #expect(!watch.mayCommit("g", "m", generation: 4))
        watch.forwarded(.leave(group: "g", members: [.init(id: "m", instanceID: nil)]), as: id(1, 11), at: start)
        #expect(!watch.mayCommit("g", "m", generation: 5))
    }

    @Test("offsets in a transaction are refused by the rules of KIP-447")
    func transactionalOffsets() {
        var watch = joined(instance: "i")
        #expect(watch.refusal("other", .init(id: "x"), generation: 1) == nil, "a group whose joins nobody has seen")
        watch.forwarded(join("m", instance: "i"), as: id(1, 9), at: start)
        watch.joined(id(1, 9), error: 0, generation: 4, memberID: "m", at: start)
        let member = GroupRequest.Member(id: "m", instanceID: "i")
        #expect(watch.refusal("g", member, generation: 4) == nil)
        #expect(watch.refusal("g", .init(id: ""), generation: -1) == nil, "a producer without a consumer")
        #expect(watch.refusal("g", member, generation: 3) == GroupResponse.illegalGeneration)
        #expect(watch.refusal("g", .init(id: "x"), generation: 4) == GroupResponse.unknownMember)
        #expect(watch.refusal("g", .init(id: "x", instanceID: "i"), generation: 4) == GroupResponse.fencedInstance)
        #expect(watch.refusal("g", .init(id: "x", instanceID: "j"), generation: 4) == GroupResponse.unknownMember)
        watch.forwarded(join("m", instance: "i"), as: id(1, 10), at: start)
        #expect(watch.refusal("g", member, generation: 4) == nil, "while the next generation is in preparation")
        watch.joined(id(1, 10), error: 0, generation: 5, memberID: "m", at: start)
        #expect(watch.refusal("g", member, generation: 4) == GroupResponse.illegalGeneration)
        _ = watch.expired(at: start + .seconds(60))
        #expect(watch.refusal("g", member, generation: 5) == GroupResponse.unknownMember)
    }

    @Test("a member that the coordinator doesn't know is forgotten")
    func refused() {
        var watch = joined()
        watch.refused("g", .init(id: "m"))
        #expect(watch.count == 0)
    }
}
