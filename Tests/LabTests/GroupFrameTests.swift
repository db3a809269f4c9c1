import NIOCore
import Testing

@testable import Lab

@Suite("Frames of consumer groups")
struct GroupFrameTests {
    private func parse(_ frame: ByteBuffer) throws -> (RequestHeader, GroupRequest?) {
        var reader = KafkaReader(frame)
        let header = try RequestHeader(&reader)
        return (header, try GroupRequest(header, reader))
    }

    private func count(_ number: Int, _ compact: Bool, _ body: inout ByteBuffer) {
        if compact { body.writeUnsignedVarint(number + 1) } else { body.writeInteger(Int32(number)) }
    }

    @Test("a JoinGroup is read in every version", arguments: Int16(0)...9)
    func join(version: Int16) throws {
        let compact = version >= 6
        let frame = Frames.request(11, version, flexible: compact) { body in
            body.writeKafkaString("g", compact: compact)
            body.writeInteger(Int32(6_000))
            if version >= 1 { body.writeInteger(Int32(300_000)) }
            body.writeKafkaString("m", compact: compact)
            if version >= 5 { body.writeKafkaString("i", compact: compact) }
            body.writeKafkaString("consumer", compact: compact)
            count(2, compact, &body)
            for name in ["range", "roundrobin"] {
                body.writeKafkaString(name, compact: compact)
                count(3, compact, &body)
                body.writeBytes([1, 2, 3])
                if compact { body.writeInteger(UInt8(0)) }
            }
            if version >= 8 { body.writeKafkaString("a reason", compact: true) }
            if compact { body.writeInteger(UInt8(0)) }
        }
        let request = try parse(frame).1
        #expect(
            request
                == .join(
                    .init(
                        group: "g", member: .init(id: "m", instanceID: version >= 5 ? "i" : nil), clientID: "c",
                        sessionTimeout: .seconds(6), rebalanceTimeout: .seconds(version >= 1 ? 300 : 6),
                        protocolType: "consumer",
                        protocols: ["range", "roundrobin"].map { .init(name: $0, metadata: [1, 2, 3]) },
                        takesIDFirst: version >= 4, canSkipAssignment: version >= 9)))
    }

    @Test("SyncGroup, Heartbeat and LeaveGroup are read in every version", arguments: Int16(0)...5)
    func others(version: Int16) throws {
        let compact = version >= 4
        let name = GroupMemberName(id: "m", instanceID: version >= 3 ? "i" : nil)
        let claim = GroupClaim(group: "g", generation: 3, member: name)
        func claimed(_ body: inout ByteBuffer) {
            body.writeKafkaString("g", compact: compact)
            body.writeInteger(Int32(3))
            body.writeKafkaString("m", compact: compact)
            if version >= 3 { body.writeKafkaString("i", compact: compact) }
        }
        let heartbeat = try parse(Frames.request(12, version, flexible: compact) { claimed(&$0) }).1
        #expect(heartbeat == .heartbeat(claim))
        let sync = try parse(
            Frames.request(14, version, flexible: compact) { body in
                claimed(&body)
                if version >= 5 {
                    body.writeKafkaString("consumer", compact: true)
                    body.writeKafkaString("range", compact: true)
                }
                count(1, compact, &body)
                body.writeKafkaString("n", compact: compact)
                count(2, compact, &body)
                body.writeBytes([8, 9])
                if compact { body.writeBytes([0, 0]) }
            }
        ).1
        #expect(
            sync
                == .sync(
                    .init(
                        claim: claim, protocolType: version >= 5 ? "consumer" : nil,
                        protocolName: version >= 5 ? "range" : nil, assignments: ["n": [8, 9]])))
        let leave = try parse(
            Frames.request(13, version, flexible: compact) { body in
                body.writeKafkaString("g", compact: compact)
                if version < 3 { return body.writeKafkaString("m", compact: compact) }
                count(1, compact, &body)
                body.writeKafkaString("m", compact: compact)
                body.writeKafkaString("i", compact: compact)
                if version >= 5 { body.writeKafkaString("reason", compact: true) }
                if compact { body.writeBytes([0, 0]) }
            }
        ).1
        #expect(leave == .leave(group: "g", members: [name]))
    }

    @Test("a JoinGroup is answered in every version", arguments: Int16(0)...9)
    func joinAnswer(version: Int16) throws {
        let compact = version >= 6
        let request = Frames.request(11, version, correlation: 9, flexible: compact)
        var reader = KafkaReader(request)
        let header = try RequestHeader(&reader)
        let answer = JoinAnswer(
            generation: 4, protocolType: "consumer", protocolName: "range", leader: "m", skipsAssignment: true,
            memberID: "m", members: [.init(name: .init(id: "m", instanceID: "i"), metadata: [1, 2])])
        let expected = Frames.response(9, flexible: compact) { body in
            if version >= 2 { body.writeInteger(Int32(0)) }
            body.writeInteger(Int16(0))
            body.writeInteger(Int32(4))
            if version >= 7 { body.writeKafkaString("consumer", compact: true) }
            body.writeKafkaString("range", compact: compact)
            body.writeKafkaString("m", compact: compact)
            if version >= 9 { body.writeInteger(UInt8(1)) }
            body.writeKafkaString("m", compact: compact)
            count(1, compact, &body)
            body.writeKafkaString("m", compact: compact)
            if version >= 5 { body.writeKafkaString("i", compact: compact) }
            count(2, compact, &body)
            body.writeBytes([1, 2])
            if compact { body.writeBytes([0, 0]) }
        }
        #expect(GroupAnswer.join(answer).frame(for: header) == expected)
    }

    @Test("SyncGroup, Heartbeat and LeaveGroup are answered in every version", arguments: Int16(0)...5)
    func otherAnswers(version: Int16) throws {
        let compact = version >= 4
        func header(_ key: Int16) throws -> RequestHeader {
            var reader = KafkaReader(Frames.request(key, version, flexible: compact))
            return try RequestHeader(&reader)
        }
        func response(_ body: (inout ByteBuffer) -> Void) -> ByteBuffer {
            Frames.response(flexible: compact) { frame in
                if version >= 1 { frame.writeInteger(Int32(0)) }
                body(&frame)
                if compact { frame.writeInteger(UInt8(0)) }
            }
        }
        #expect(
            GroupAnswer.heartbeat(.rebalanceInProgress).frame(for: try header(12))
                == response { $0.writeInteger(Int16(27)) })
        let sync = SyncAnswer(protocolType: "consumer", protocolName: "range", assignment: [5])
        #expect(
            GroupAnswer.sync(sync).frame(for: try header(14))
                == response { body in
                    body.writeInteger(Int16(0))
                    if version >= 5 {
                        body.writeKafkaString("consumer", compact: true)
                        body.writeKafkaString("range", compact: true)
                    }
                    count(1, compact, &body)
                    body.writeInteger(UInt8(5))
                })
        let left = [LeaveAnswer(name: .init(id: "m", instanceID: "i"), error: .unknownMember)]
        #expect(
            GroupAnswer.leave(left).frame(for: try header(13))
                == response { body in
                    body.writeInteger(Int16(version >= 3 ? 0 : 25))
                    guard version >= 3 else { return }
                    count(1, compact, &body)
                    body.writeKafkaString("m", compact: compact)
                    body.writeKafkaString("i", compact: compact)
                    body.writeInteger(Int16(25))
                    if compact { body.writeInteger(UInt8(0)) }
                })
    }

    @Test("an OffsetCommit is read, refused, and made to come from nobody", arguments: Int16(0)...9)
    func commit(version: Int16) throws {
        let compact = version >= 8
        func frame(generation: Int32, member: String, instance: String?) -> ByteBuffer {
            Frames.request(8, version, flexible: compact) { body in
                body.writeKafkaString("g", compact: compact)
                if version >= 1 {
                    body.writeInteger(generation)
                    body.writeKafkaString(member, compact: compact)
                }
                if version >= 7 { body.writeKafkaString(instance, compact: compact) }
                if (2...4).contains(version) { body.writeInteger(Int64(-1)) }
                count(1, compact, &body)
                body.writeKafkaString("t", compact: compact)
                count(2, compact, &body)
                for partition in Int32(0)...1 {
                    body.writeInteger(partition)
                    body.writeInteger(Int64(7))
                    if version >= 6 { body.writeInteger(Int32(-1)) }
                    if version == 1 { body.writeInteger(Int64(-1)) }
                    body.writeKafkaString("map", compact: compact)
                    if compact { body.writeInteger(UInt8(0)) }
                }
                if compact { body.writeBytes([0, 0]) }
            }
        }
        let whole = frame(generation: 7, member: "m", instance: "i")
        var reader = KafkaReader(whole)
        let header = try RequestHeader(&reader)
        let commit = try #require(OffsetCommitFrame(header, reader))
        #expect(commit.transaction == nil)
        let member = GroupMemberName(id: version >= 1 ? "m" : "", instanceID: version >= 7 ? "i" : nil)
        #expect(commit.claim == .init(group: "g", generation: version >= 1 ? 7 : -1, member: member))
        #expect(commit.partitions == [.init(topic: "t", partition: 0), .init(topic: "t", partition: 1)])
        #expect(commit.anonymous(whole) == frame(generation: -1, member: "", instance: nil))
        let refusal = Frames.response(flexible: compact) { body in
            if version >= 3 { body.writeInteger(Int32(0)) }
            count(1, compact, &body)
            body.writeKafkaString("t", compact: compact)
            count(2, compact, &body)
            for partition in Int32(0)...1 {
                body.writeInteger(partition)
                body.writeInteger(Int16(22))
                if compact { body.writeInteger(UInt8(0)) }
            }
            if compact { body.writeBytes([0, 0]) }
        }
        #expect(commit.response(.illegalGeneration) == refusal)
    }
}
