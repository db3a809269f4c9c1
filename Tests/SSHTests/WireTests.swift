import Lab
import NIOCore
import Testing

@testable import SSH

@Suite("What is read before the encryption")
struct WireTests {
    @Test(
        "the identification string is found at every chunk boundary",
        arguments: [
            "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nrest", "hello\r\n\r\n\0\u{7f}\nSSH-2.0-x\nrest",
            "SSH-1.99-Cisco-1.25\nrest",
            "SSH is what this line is about\nSSH-2.0-y\r\nrest",
        ])
    func identification(_ text: String) throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var reader = IdentificationReader()
            var buffer = ByteBuffer(bytes: bytes[..<cut])
            var outcome = reader.consume(&buffer)
            if outcome == .incomplete {
                buffer.writeBytes(bytes[cut...])
                outcome = reader.consume(&buffer)
            } else {
                buffer.writeBytes(bytes[cut...])
            }
            guard case .identified(let name) = outcome else {
                Issue.record("cut at \(cut): \(outcome)")
                continue
            }
            #expect(name.hasPrefix("SSH-"))
            // libssh2 sees the line unchanged, and everything after it.
            let expected = try #require(text.range(of: name))
            #expect(String(buffer: buffer) == String(text[expected.lowerBound...]))
        }
    }

    @Test("a line longer than the protocol allows is refused")
    func tooLong() {
        var reader = IdentificationReader()
        var buffer = ByteBuffer(string: "SSH-2.0-" + String(repeating: "x", count: 300))
        guard case .rejected = reader.consume(&buffer) else {
            Issue.record("accepted")
            return
        }
    }

    /// A packet in plain text (RFC 4253 §6).
    private func packet(_ payload: [UInt8]) -> [UInt8] {
        let padding = 8 - (payload.count + 5) % 8 + 4
        let length = UInt32(payload.count + padding + 1)
        return withUnsafeBytes(of: length.bigEndian, Array.init) + [UInt8(padding)] + payload
            + [UInt8](repeating: 0, count: padding)
    }

    private func keyExchangeInit(_ lists: [[String]]) -> [UInt8] {
        var payload: [UInt8] = [20] + [UInt8](repeating: 7, count: 16)
        for list in lists + [[], []] {
            let text = Array(list.joined(separator: ",").utf8)
            payload += withUnsafeBytes(of: UInt32(text.count).bigEndian, Array.init) + text
        }
        return payload + [0, 0, 0, 0, 0]
    }

    @Test("the server's offer is read at every chunk boundary, after other packets")
    func offer() {
        let lists = [["kex1", "kex2"], ["key"], ["c1"], ["c2"], ["m1"], ["m2"], ["none"], ["none"]]
        let bytes = self.packet([2, 0, 0, 0, 0]) + self.packet(self.keyExchangeInit(lists)) + [1, 2, 3]
        for cut in 0...bytes.count {
            var sniffer = KeyExchangeSniffer(skippingIdentification: false)
            sniffer.consume(bytes[..<cut])
            sniffer.consume(bytes[cut...])
            #expect(sniffer.offer == AlgorithmOffer(lists: lists))
        }
    }

    @Test("random bytes are read without harm")
    func fuzz() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(seed: seed)
        for _ in 0..<2000 {
            var sniffer = KeyExchangeSniffer(skippingIdentification: Bool.random(using: &generator))
            var reader = IdentificationReader()
            var buffer = ByteBuffer()
            var template = self.packet(self.keyExchangeInit(Array(repeating: ["a", "b"], count: 8)))
            for _ in 0..<Int.random(in: 0...6, using: &generator) {
                let index = Int.random(in: 0..<template.count, using: &generator)
                template[index] = UInt8.random(in: .min ... .max, using: &generator)
            }
            while !template.isEmpty {
                let count = min(template.count, Int.random(in: 1...64, using: &generator))
                sniffer.consume(template[..<count])
                buffer.writeBytes(template[..<count])
                if case .rejected = reader.consume(&buffer) { break }
                template.removeFirst(count)
            }
        }
    }

    @Test(
        "the first list without a common name is the one that is named",
        arguments: [
            ([["k"], ["h"], ["c"], ["c"], ["m"], ["m"], ["none"], ["none"]], nil),
            ([["x"], ["h"], ["c"], ["c"], ["m"], ["m"], ["none"], ["none"]], "key exchange method"),
            ([["k"], ["x"], ["c"], ["c"], ["m"], ["m"], ["none"], ["none"]], "host key type"),
            ([["k"], ["h"], ["c"], ["x"], ["m"], ["m"], ["none"], ["none"]], "cipher"),
            ([["k"], ["h"], ["c"], ["c"], ["m"], ["x"], ["none"], ["none"]], "MAC"),
            ([["k"], ["h"], ["aes256-gcm@openssh.com"], ["c"], ["x"], ["m"], ["none"], ["none"]], nil),
            ([["k"], ["h"], ["c"], ["c"], ["m"], ["m"], ["zlib"], ["none"]], "compression"),
        ] as [([[String]], String?)])
    func mismatch(_ server: [[String]], _ name: String?) {
        let client = AlgorithmOffer(lists: [
            ["k"], ["h"], ["aes256-gcm@openssh.com", "c"], ["c"], ["m"], ["m"], ["none"], ["none"],
        ])
        #expect(AlgorithmOffer.mismatch(client: client, server: AlgorithmOffer(lists: server))?.name == name)
    }

    @Test("a fingerprint is what OpenSSH shows")
    func fingerprint() throws {
        // The key is the example of RFC 8709 §4 turned into a blob; the hash was taken with ssh-keygen -l.
        let blob = try #require(
            Base64.decode("AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"))
        let key = try #require(HostKey(blob: blob))
        #expect(key.algorithm == "ssh-ed25519")
        #expect(key.fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU")
    }
}
