import NIOCore

@testable import Lab

/// Members of groups that speak for themselves, for what no client library would do.
enum GroupFrames {
    static func leave(port: Int, group: String, instanceID: String) async throws {
        try await FrameClient.with(port: port) { frames, write in
            try await write.write(
                Frames.request(13, 3) { body in
                    body.writeKafkaString(group, compact: false)
                    body.writeInteger(Int32(1))
                    body.writeKafkaString("", compact: false)
                    body.writeKafkaString(instanceID, compact: false)
                })
            _ = try await frames.next()
        }
    }

    /// A member joins, and sends in one go: a heartbeat, offsets in a transaction with an old generation, another heartbeat, offsets with its
    /// present one.
    /// - Returns: the order of the answers, and the errors of the two commits.
    static func commitBetweenOthers(
        port: Int, group: String
    ) async throws -> (correlationIDs: [Int32], errors: [Int16]) {
        try await FrameClient.with(port: port) { frames, write in
            try await write.write(
                Frames.request(11, 2, correlation: 1) { body in
                    body.writeKafkaString(group, compact: false)
                    body.writeInteger(Int32(6_000))
                    body.writeInteger(Int32(6_000))
                    body.writeKafkaString("", compact: false)
                    body.writeKafkaString("consumer", compact: false)
                    body.writeInteger(Int32(1))
                    body.writeKafkaString("range", compact: false)
                    body.writeInteger(Int32(0))
                })
            guard let joined = try await frames.next() else { throw LabError("no answer to JoinGroup") }
            let member = (generation: Int32(1), memberID: try Frames.memberID(ofJoin: joined, version: 2))
            try await write.write(
                Frames.request(14, 1, correlation: 2) { body in
                    body.writeKafkaString(group, compact: false)
                    body.writeInteger(member.generation)
                    body.writeKafkaString(member.memberID, compact: false)
                    body.writeInteger(Int32(0))
                })
            _ = try await frames.next()

            func heartbeat(_ correlation: Int32) -> ByteBuffer {
                Frames.request(12, 1, correlation: correlation) { body in
                    body.writeKafkaString(group, compact: false)
                    body.writeInteger(member.generation)
                    body.writeKafkaString(member.memberID, compact: false)
                }
            }
            func commit(_ correlation: Int32, generation: Int32) -> ByteBuffer {
                Frames.request(28, 3, correlation: correlation, flexible: true) { body in
                    body.writeKafkaString("tx", compact: true)
                    body.writeKafkaString(group, compact: true)
                    body.writeInteger(Int64(-1))
                    body.writeInteger(Int16(-1))
                    body.writeInteger(generation)
                    body.writeKafkaString(member.memberID, compact: true)
                    body.writeKafkaString(nil, compact: true)
                    body.writeUnsignedVarint(2)
                    body.writeKafkaString("in", compact: true)
                    body.writeUnsignedVarint(2)
                    body.writeInteger(Int32(0))
                    body.writeInteger(Int64(7))
                    body.writeInteger(Int32(-1))
                    body.writeKafkaString("", compact: true)
                    body.writeBytes([0, 0, 0])
                }
            }
            var pipeline = heartbeat(10)
            pipeline.writeImmutableBuffer(commit(11, generation: member.generation - 1))
            pipeline.writeImmutableBuffer(heartbeat(12))
            pipeline.writeImmutableBuffer(commit(13, generation: member.generation))
            try await write.write(pipeline)
            var correlationIDs: [Int32] = []
            var errors: [Int16] = []
            for _ in 0..<4 {
                guard let frame = try await frames.next() else { break }
                let correlation = frame.getInteger(at: frame.readerIndex + 4, as: Int32.self) ?? 0
                correlationIDs.append(correlation)
                guard correlation % 2 == 1 else { continue }
                var reader = KafkaReader(frame)
                try reader.skip(8)
                try reader.skipTags()
                try reader.skip(4)
                _ = try reader.arrayCount(compact: true)
                _ = try reader.string(compact: true)
                _ = try reader.arrayCount(compact: true)
                try reader.skip(4)
                errors.append(try reader.integer())
            }
            return (correlationIDs, errors)
        }
    }
}
