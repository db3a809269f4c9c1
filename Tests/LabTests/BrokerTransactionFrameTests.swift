import NIOCore
import Testing

@testable import Lab

@Suite("Frames of transactions")
struct BrokerTransactionFrameTests {
    private func header(_ frame: ByteBuffer) throws -> (RequestHeader, KafkaReader) {
        var reader = KafkaReader(frame)
        return (try RequestHeader(&reader), reader)
    }

    private func count(_ number: Int, _ compact: Bool, _ body: inout ByteBuffer) {
        if compact { body.writeUnsignedVarint(number + 1) } else { body.writeInteger(Int32(number)) }
    }

    static func transactionCommit(_ version: Int16, correlation: Int32 = 1, generation: Int32 = 7) -> ByteBuffer {
        let compact = version >= 3
        return Frames.request(28, version, correlation: correlation, flexible: compact) { body in
            body.writeKafkaString("tx", compact: compact)
            body.writeKafkaString("g", compact: compact)
            body.writeInteger(Int64(1_000))
            body.writeInteger(Int16(3))
            if version >= 3 {
                body.writeInteger(generation)
                body.writeKafkaString("m", compact: true)
                body.writeKafkaString(nil, compact: true)
            }
            if compact { body.writeUnsignedVarint(2) } else { body.writeInteger(Int32(1)) }
            body.writeKafkaString("t", compact: compact)
            if compact { body.writeUnsignedVarint(3) } else { body.writeInteger(Int32(2)) }
            for partition in Int32(4)...5 {
                body.writeInteger(partition)
                body.writeInteger(Int64(77))
                if version >= 2 { body.writeInteger(Int32(-1)) }
                body.writeKafkaString("meta", compact: compact)
                if compact { body.writeInteger(UInt8(0)) }
            }
            if compact { body.writeBytes([0, 0]) }
        }
    }

    @Test("a TxnOffsetCommit is read, and can be answered", arguments: Int16(0)...3)
    func commit(version: Int16) throws {
        let (header, body) = try header(Self.transactionCommit(version, correlation: 9))
        let commit = try #require(OffsetCommitFrame(header, body))
        #expect(commit.transaction == .init(id: "tx", producer: .init(id: 1_000, epoch: 3)))
        let member = GroupMemberName(id: version >= 3 ? "m" : "")
        #expect(commit.claim == .init(group: "g", generation: version >= 3 ? 7 : -1, member: member))
        #expect(commit.partitions == [.init(topic: "t", partition: 4), .init(topic: "t", partition: 5)])
        let old: [UInt8] = [
            0, 0, 0, 31, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0, 0, 0, 2, 0, 0, 0, 4, 0, 22, 0, 0, 0, 5, 0,
            22,
        ]
        let flexible: [UInt8] = [
            0, 0, 0, 28, 0, 0, 0, 9, 0, 0, 0, 0, 0, 2, 2, 0x74, 3, 0, 0, 0, 4, 0, 22, 0, 0, 0, 0, 5, 0, 22, 0, 0, 0,
        ]
        let answer = commit.response(.illegalGeneration)
        #expect(Array(answer.readableBytesView.dropFirst(4)) == Array((version >= 3 ? flexible : old).dropFirst(4)))
        #expect(answer.getInteger(at: 0, as: Int32.self) == Int32(answer.readableBytes - 4))
    }

    @Test("a truncated TxnOffsetCommit is none")
    func truncated() throws {
        let frame = Self.transactionCommit(3)
        for length in 0..<(frame.readableBytes - 3) {
            let part = try #require(frame.getSlice(at: 0, length: length))
            guard let (header, body) = try? header(part) else { continue }
            #expect(OffsetCommitFrame(header, body) == nil, "length \(length)")
        }
    }

    @Test("the steps of a transaction are read in all versions")
    func steps() throws {
        for version in Int16(0)...4 {
            let compact = version >= 2
            let frame = Frames.request(22, version, flexible: compact) { body in
                body.writeKafkaString("tx", compact: compact)
                body.writeInteger(Int32(1_500))
                if version >= 3 { body.writeBytes([UInt8](repeating: 0xFF, count: 10)) }
                if compact { body.writeInteger(UInt8(0)) }
            }
            let step = try #require(OpenTransactions.Step(frame))
            #expect(step.action == .initialize(timeout: .milliseconds(1_500)) && step.producer == nil)
            let idempotent = Frames.request(22, version, flexible: compact) {
                $0.writeKafkaString(nil, compact: compact)
            }
            #expect(OpenTransactions.Step(idempotent) == nil)
        }
        for (key, action) in [(Int16(24), OpenTransactions.Step.Action.open), (25, .open), (26, .end)] {
            for version in Int16(0)...3 {
                let compact = version >= 3
                let frame = Frames.request(key, version, flexible: compact) { body in
                    body.writeKafkaString("tx", compact: compact)
                    body.writeInteger(Int64(1_000))
                    body.writeInteger(Int16(3))
                }
                let step = try #require(OpenTransactions.Step(frame))
                #expect(
                    step.action == action && step.transaction == "tx" && step.producer == .init(id: 1_000, epoch: 3))
            }
        }
    }

    @Test(
        "an OffsetFetch that asks for stable offsets is recognised, and unstable ones are hidden",
        arguments: Int16(6)...9)
    func offsetFetch(version: Int16) throws {
        func request(stable: Bool) -> ByteBuffer {
            Frames.request(9, version, flexible: true) { body in
                if version >= 8 { body.writeUnsignedVarint(2) }
                body.writeKafkaString("g", compact: true)
                if version >= 9 {
                    body.writeKafkaString(nil, compact: true)
                    body.writeInteger(Int32(-1))
                }
                body.writeUnsignedVarint(2)
                body.writeKafkaString("t", compact: true)
                body.writeUnsignedVarint(3)
                body.writeInteger(Int32(0))
                body.writeInteger(Int32(1))
                body.writeInteger(UInt8(0))
                if version >= 8 { body.writeInteger(UInt8(0)) }
                if version >= 7 { body.writeInteger(UInt8(stable ? 1 : 0)) }
                body.writeInteger(UInt8(0))
            }
        }
        let (header, body) = try header(request(stable: true))
        #expect(OffsetFetchFrames.groupsAskedStably(header, body) == (version >= 7 ? ["g"] : []))
        let (_, other) = try self.header(request(stable: false))
        #expect(OffsetFetchFrames.groupsAskedStably(header, other) == [])
        guard version >= 7 else { return }

        func response(hidden: Bool) -> ByteBuffer {
            Frames.response(flexible: true) { body in
                body.writeInteger(Int32(0))
                if version >= 8 {
                    body.writeUnsignedVarint(2)
                    body.writeKafkaString("g", compact: true)
                }
                body.writeUnsignedVarint(2)
                body.writeKafkaString("t", compact: true)
                body.writeUnsignedVarint(3)
                for partition in Int32(0)...1 {
                    let isHidden = hidden && partition == 1
                    body.writeInteger(partition)
                    body.writeInteger(Int64(isHidden ? -1 : 77))
                    body.writeInteger(Int32(isHidden ? -1 : 5))
                    body.writeKafkaString(isHidden ? "" : "meta", compact: true)
                    body.writeInteger(Int16(isHidden ? 88 : 0))
                    body.writeInteger(UInt8(0))
                }
                body.writeInteger(UInt8(0))
                body.writeInteger(Int16(0))
                body.writeBytes(version >= 8 ? [0, 0] : [0])
            }
        }
        let unstable = ["g": Set([TopicPartition(topic: "t", partition: 1), .init(topic: "u", partition: 0)])]
        let result = OffsetFetchFrames.hide(unstable, in: response(hidden: false), version: version)
        #expect(result == response(hidden: true))
    }
}

@Suite("Open transactions")
struct BrokerOpenTransactionsTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private let partition = TopicPartition(topic: "t", partition: 4)

    private func step(_ key: Int16, epoch: Int16 = 0) throws -> OpenTransactions.Step {
        try #require(
            OpenTransactions.Step(
                Frames.request(key, 0) { body in
                    body.writeKafkaString("tx", compact: false)
                    body.writeInteger(Int64(1_000))
                    body.writeInteger(epoch)
                }))
    }
    private func commit() throws -> OpenTransactions.Step {
        try #require(OpenTransactions.Step(BrokerTransactionFrameTests.transactionCommit(3)))
    }
    /// With a producer of epoch 3 and a transaction that began at `start`, with offsets in it.
    private func open() throws -> OpenTransactions {
        var transactions = OpenTransactions()
        transactions.initialized("tx", timeout: .seconds(3), as: .init(id: 1_000, epoch: 3))
        #expect(transactions.isEmpty)
        transactions.forwarded(try step(24, epoch: 3), at: start)
        transactions.forwarded(try step(25, epoch: 3), at: start + .seconds(1))
        transactions.forwarded(try commit(), at: start + .seconds(1))
        return transactions
    }

    @Test("offsets are unstable until their transaction has ended")
    func unstable() throws {
        var transactions = try open()
        #expect(!transactions.isEmpty)
        #expect(transactions.unstableOffsets(of: "g") == [partition, .init(topic: "t", partition: 5)])
        #expect(transactions.unstableOffsets(of: "other").isEmpty)
        transactions.forwarded(try step(26, epoch: 3), at: start + .seconds(2))
        #expect(!transactions.unstableOffsets(of: "g").isEmpty, "until the broker has answered")
        transactions.ended(try step(26, epoch: 3))
        #expect(transactions.isEmpty && transactions.unstableOffsets(of: "g").isEmpty)
    }

    @Test("a successor aborts what its predecessor left, and the predecessor doesn't count any more")
    func fenced() throws {
        var transactions = try open()
        transactions.initialized("tx", timeout: .seconds(3), as: .init(id: 1_000, epoch: 4))
        #expect(transactions.isEmpty && transactions.unstableOffsets(of: "g").isEmpty)
        transactions.forwarded(try step(24, epoch: 3), at: start)
        transactions.forwarded(try commit(), at: start)
        #expect(transactions.isEmpty && transactions.unstableOffsets(of: "g").isEmpty)
        transactions.forwarded(try step(24, epoch: 4), at: start)
        transactions.ended(try step(26, epoch: 3))
        #expect(!transactions.isEmpty)
    }

    @Test("a transaction is overdue after its time-out, and again when nothing came of it")
    func overdue() throws {
        var transactions = try open()
        #expect(transactions.overdue(at: start + .milliseconds(2_999)).isEmpty)
        #expect(transactions.overdue(at: start + .seconds(3)) == [.init(transaction: "tx", timeout: .seconds(3))])
        #expect(transactions.overdue(at: start + .seconds(8)).isEmpty)
        #expect(transactions.overdue(at: start + .seconds(9)).count == 1)
        transactions.initialized("tx", timeout: .seconds(3), as: .init(id: 1_000, epoch: 4))
        #expect(transactions.overdue(at: start + .seconds(99)).isEmpty)
    }
}

@Suite("Aborted transactions in fetches")
struct BrokerAbortMarkersTests {
    private let partition = TopicPartition(topic: "t", partition: 0)

    private func request(_ version: Int16, from offset: Int64) throws -> AbortMarkers.Request {
        let compact = version >= 12
        func count(_ number: Int, _ body: inout ByteBuffer) {
            if compact { body.writeUnsignedVarint(number + 1) } else { body.writeInteger(Int32(number)) }
        }
        let frame = Frames.request(1, version, flexible: compact) { body in
            body.writeRepeatingByte(0, count: 16)
            body.writeInteger(UInt8(1))
            if version >= 7 { body.writeRepeatingByte(0xFF, count: 8) }
            count(1, &body)
            body.writeKafkaString("t", compact: compact)
            count(1, &body)
            body.writeInteger(Int32(0))
            if version >= 9 { body.writeInteger(Int32(-1)) }
            body.writeInteger(offset)
            if version >= 12 { body.writeInteger(Int32(-1)) }
            if version >= 5 { body.writeInteger(Int64(-1)) }
            body.writeInteger(Int32(1 << 20))
            if compact { body.writeBytes([0, 0]) }
        }
        var reader = KafkaReader(frame)
        let header = try RequestHeader(&reader)
        let request = try #require(AbortMarkers.Request(header, reader))
        #expect(request.offsets == [partition: offset])
        return request
    }

    private func response(_ version: Int16, aborted: [Int64], records: [UInt8]) -> ByteBuffer {
        let compact = version >= 12
        func count(_ number: Int, _ body: inout ByteBuffer) {
            if compact { body.writeUnsignedVarint(number + 1) } else { body.writeInteger(Int32(number)) }
        }
        return Frames.response(flexible: compact) { body in
            body.writeRepeatingByte(0, count: version >= 7 ? 10 : 4)
            count(1, &body)
            body.writeKafkaString("t", compact: compact)
            count(1, &body)
            body.writeRepeatingByte(0, count: 22 + (version >= 5 ? 8 : 0))
            count(aborted.count, &body)
            for first in aborted {
                body.writeInteger(Int64(1_000))
                body.writeInteger(first)
                if compact { body.writeInteger(UInt8(0)) }
            }
            if version >= 11 { body.writeInteger(Int32(-1)) }
            count(records.count, &body)
            body.writeBytes(records)
            if compact { body.writeBytes([0, 0, 0]) }
        }
    }

    /// A batch of one control record, as brokers write it.
    private func marker(_ offset: Int64, type: UInt8) -> [UInt8] {
        var batch = ByteBuffer()
        batch.writeInteger(offset)
        batch.writeBytes([0, 0, 0, 0x42, 0, 0, 0, 0, 2, 0x5D, 0x16, 0x8D, 0xAD, 0, 0x30])
        batch.writeRepeatingByte(0, count: 20)
        batch.writeInteger(Int64(1_000))
        batch.writeBytes([
            0, 9, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0x20, 0, 0, 0, 8, 0, 0, 0, type, 0x0C, 0, 0, 0, 0, 0, 0, 0,
        ])
        return Array(batch.readableBytesView)
    }

    @Test("a transaction that was aborted before the fetch isn't named, others are", arguments: Int16(4)...12)
    func correction(version: Int16) throws {
        var markers = AbortMarkers()
        let all = response(
            version, aborted: [0, 20], records: marker(5, type: 0) + marker(12, type: 1) + marker(25, type: 0))
        #expect(markers.correct(all, of: try request(version, from: 0)) == all)
        let later = response(version, aborted: [0, 20], records: marker(25, type: 0))
        let corrected = response(version, aborted: [20], records: marker(25, type: 0))
        #expect(markers.correct(later, of: try request(version, from: 5)) == later, "the marker itself must be read")
        #expect(markers.correct(later, of: try request(version, from: 6)) == corrected)
        #expect(markers.correct(later, of: try request(version, from: 13)) == corrected)
        let nothing = response(version, aborted: [0, 20], records: [])
        #expect(
            markers.correct(nothing, of: try request(version, from: 26)) == response(version, aborted: [], records: []))
    }

    @Test("what can't be read goes through unchanged")
    func unreadable() throws {
        var markers = AbortMarkers()
        let whole = response(4, aborted: [0], records: marker(5, type: 0))
        _ = markers.correct(whole, of: try request(4, from: 0))
        for length in 0..<whole.readableBytes {
            let part = try #require(whole.getSlice(at: 0, length: length))
            #expect(markers.correct(part, of: try request(4, from: 6)) == part)
        }
    }
}
