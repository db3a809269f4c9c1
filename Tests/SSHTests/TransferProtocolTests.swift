import Lab
import NIOCore
import Testing

@testable import SSH

@Suite("The protocols of file transfer")
struct TransferProtocolTests {
    @Test("SCP messages are the same wherever the pieces end")
    func scpPieces() throws {
        let text: [UInt8] =
            [0] + Array("T1 0 2 0\n".utf8) + Array("C0644 12345 a name\n".utf8) + [0, 1] + Array("scp: no\n".utf8) + [
                2, 0x0A,
            ]
        let expected: [SCPMessage] = [
            .ready, .times, .file(permissions: 0o644, size: 12345), .ready, .warning("scp: no"), .fatal(""),
        ]
        for cut in 0...text.count {
            var reader = SCPMessageReader()
            var messages: [SCPMessage] = []
            for part in [text[..<cut], text[cut...]] {
                var piece = ByteBuffer(bytes: part)
                while let message = try reader.next(&piece) { messages.append(message) }
            }
            #expect(messages == expected, "cut at \(cut)")
        }
    }

    @Test("nothing behind a message is touched")
    func scpRest() throws {
        var reader = SCPMessageReader()
        var input = ByteBuffer(string: "C0600 3 x\nabc")
        let message = try reader.next(&input)
        #expect(message == .file(permissions: 0o600, size: 3))
        #expect(String(buffer: input) == "abc")
    }

    @Test(
        "lines that are no messages are errors",
        arguments: [
            "C0644 -1 x\n", "C0644 x\n", "C0944 1 x\n", "C0644 99999999999999999999 x\n",
            "C0644 9223372036854775808 x\n",
            "C0644 1 \n", "C 1 x\n", "D0755 0 x\n", "E\n", "\n", "hello\n", "C0644  1 x\n", "C0644 +1 x\n",
            String(repeating: "C", count: 5000),
        ])
    func scpMalformed(line: String) {
        var reader = SCPMessageReader()
        var input = ByteBuffer(string: line)
        #expect(throws: SCPMessageReader.Malformed.self) { try reader.next(&input) }
    }

    @Test("random bytes crash no reader and fill no memory")
    func fuzz() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(seed: seed)
        for _ in 0..<20_000 {
            let alphabet = Array("CTD01 2\n\u{1}\u{2}x".utf8) + [0, 255]
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            var reader = SCPMessageReader()
            var input = ByteBuffer(bytes: bytes)
            do { while try reader.next(&input) != nil {} } catch {
                #expect(error.line.utf8.count <= 110, "seed \(seed)")
            }

            var packets = SFTPPacketReader()
            let noise = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                Bool.random(using: &random) ? UInt8(0) : UInt8.random(in: .min ... .max, using: &random)
            }
            var stream = ByteBuffer(bytes: noise)
            do { while let packet = try packets.next(&stream) { _ = SFTPReply.decode(packet) } } catch {}
            _ = SFTPReply.decode(ByteBuffer(bytes: [[2, 101, 102, 103, 105, 201][noise.count % 6]] + noise))
        }
    }

    @Test("SFTP packets are the same wherever the pieces end")
    func sftpPieces() throws {
        var text = ByteBuffer()
        SFTPRequest.open(path: "/a", flags: 1, permissions: 0o600).encode(id: 7, into: &text)
        SFTPRequest.read(handle: ByteBuffer(string: "h"), offset: 1 << 40, length: 9).encode(id: 8, into: &text)
        var data = ByteBuffer(string: "data!")
        SFTPRequest.encodeWrite(id: 9, handle: ByteBuffer(string: "h"), offset: 5, data: &data, length: 4, into: &text)
        let bytes = Array(text.readableBytesView)
        var whole: [ByteBuffer] = []
        var reader = SFTPPacketReader()
        while let packet = try reader.next(&text) { whole.append(packet) }
        #expect(whole.count == 3)
        #expect(String(buffer: data) == "!")
        for cut in 0...bytes.count {
            var reader = SFTPPacketReader()
            var packets: [ByteBuffer] = []
            for part in [bytes[..<cut], bytes[cut...]] {
                var piece = ByteBuffer(bytes: part)
                while let packet = try reader.next(&piece) { packets.append(packet) }
            }
            #expect(packets == whole, "cut at \(cut)")
        }
    }

    @Test("a packet longer than any can be is an error before it is kept")
    func sftpLength() {
        for length: UInt32 in [0, SFTPPacketReader.maximumLength + 1, .max] {
            var reader = SFTPPacketReader()
            var input = ByteBuffer(integer: length)
            #expect(throws: SFTPPacketReader.Malformed(length: length)) { try reader.next(&input) }
        }
    }

    @Test("answers in any order and any length give the file's bytes in order")
    func pipeline() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(seed: seed)
        for round in 0..<25 {
            let size = round == 0 ? 0 : Int.random(in: 0...900_000, using: &random)
            let file = [UInt8]((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
            var pipeline = SFTPReadPipeline()
            var outstanding: [SFTPReadPipeline.Read] = []
            var received: [UInt8] = []
            while !pipeline.isFinished {
                while let read = pipeline.nextRead() { outstanding.append(read) }
                #expect(outstanding.count <= SFTPReadPipeline.maximumDepth, "seed \(seed)")
                guard !outstanding.isEmpty || pipeline.ready > 0 || pipeline.endIsReady else {
                    Issue.record("nothing outstanding before the end, seed \(seed)")
                    return
                }
                if !outstanding.isEmpty, Int.random(in: 0..<8, using: &random) > 0 {
                    let read = outstanding.remove(at: Int.random(in: 0..<outstanding.count, using: &random))
                    let start = Int(read.offset)
                    let isPlausible: Bool
                    if start >= size {
                        isPlausible = pipeline.received(nil, for: read.slot)
                    } else {
                        let most = min(Int(read.length), size - start)
                        let count = Bool.random(using: &random) ? most : Int.random(in: 1...most, using: &random)
                        isPlausible =
                            pipeline.received(ByteBuffer(bytes: file[start..<start + count]), for: read.slot)
                    }
                    #expect(isPlausible, "seed \(seed)")
                } else {
                    for piece in pipeline.take() { received += piece.readableBytesView }
                }
            }
            #expect(received == file, "seed \(seed)")
        }
    }

    @Test("answers that fit no read are refused")
    func implausible() {
        var pipeline = SFTPReadPipeline()
        guard let read = pipeline.nextRead() else {
            Issue.record("no first read")
            return
        }
        let answers: [(ByteBuffer?, Int, Bool)] = [
            (ByteBuffer(bytes: [1]), 1, false), (ByteBuffer(), 0, false),
            (ByteBuffer(repeating: 0, count: Int(read.length) + 1), 0, false), (nil, 0, true), (nil, 0, false),
        ]
        for (data, slot, isPlausible) in answers {
            let result = pipeline.received(data, for: read.slot + slot)
            #expect(result == isPlausible)
        }
    }

    @Test("paths reach the other side's shell as one word")
    func quoting() {
        #expect(SCPCommand.quoted("/flash/a-b_c.bin") == "/flash/a-b_c.bin")
        #expect(SCPCommand.quoted("flash:/a") == "flash:/a")
        #expect(SCPCommand.quoted("a b") == "'a b'")
        #expect(SCPCommand.quoted("it's") == "'it'\\''s'")
        #expect(SCPCommand.quoted("-r") == "./-r")
        #expect(SCPCommand.quoted("") == "''")
    }
}
