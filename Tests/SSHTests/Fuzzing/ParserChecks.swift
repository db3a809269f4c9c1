import NIOCore

@testable import SSH

/// What must hold for every parser that reads what a stranger sends, whatever that is: it ends, it doesn't crash, what it says is
/// printable and short, and it says the same wherever the network cuts the stream.
enum ParserChecks {
    enum Parser: UInt8, CaseIterable {
        case knownHosts, identification, keyExchange, scp, sftp, agent
    }

    /// - Parameter input: the parser's number, a seed for where the stream is cut, and what is sent.
    /// - Returns: what doesn't hold.
    static func violation(_ input: some Collection<UInt8>) -> String? {
        guard let number = input.first, let seed = input.dropFirst().first,
            let parser = Parser(rawValue: number % UInt8(Parser.allCases.count))
        else { return nil }
        let bytes = Array(input.dropFirst(2))
        let pieces = self.pieces(of: bytes, seed: seed)
        return switch parser {
        case .knownHosts: self.knownHosts(bytes)
        case .identification: self.compare(pieces, bytes, self.identification)
        case .keyExchange: self.compare(pieces, bytes, self.keyExchange)
        case .scp: self.compare(pieces, bytes, self.scp)
        case .sftp: self.compare(pieces, bytes, self.sftp)
        case .agent: self.agent(bytes)
        }
    }

    private static func pieces(of bytes: [UInt8], seed: UInt8) -> [ByteBuffer] {
        var pieces: [ByteBuffer] = []
        var state = UInt32(seed) | 1
        var rest = bytes[...]
        while !rest.isEmpty {
            state = state &* 1_664_525 &+ 1_013_904_223
            // Mostly short ones: the boundaries matter.
            let length = min(rest.count, seed == 0 ? 1 : Int(state >> 24) % (seed < 128 ? 9 : 200) + 1)
            pieces.append(ByteBuffer(bytes: rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return pieces
    }

    private static func compare(
        _ pieces: [ByteBuffer], _ bytes: [UInt8], _ parse: ([ByteBuffer]) -> [String]
    ) -> String? {
        let (cut, whole) = (parse(pieces), parse([ByteBuffer(bytes: bytes)]))
        if cut != whole { return "in pieces \(cut), at once \(whole)" }
        return whole.lazy.compactMap { self.unprintable($0) }.first
    }

    private static func unprintable(_ text: String) -> String? {
        if text.utf8.count > 2000 { return "\(text.utf8.count) bytes of text" }
        return text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? "control characters" : nil
    }

    private static func identification(_ pieces: [ByteBuffer]) -> [String] {
        var reader = IdentificationReader()
        var buffer = ByteBuffer()
        for var piece in pieces {
            buffer.writeBuffer(&piece)
            switch reader.consume(&buffer) {
            case .incomplete: continue
            case .identified(let text):
                // libssh2 must see the line as it is.
                return buffer.readableBytesView.starts(with: Array("SSH-".utf8)) ? [text] : ["\u{0}misplaced"]
            case .rejected(let why):
                // The words may differ by how much of the line was there.
                return self.unprintable(why) == nil ? ["rejected"] : [why]
            }
        }
        return ["incomplete"]
    }

    private static func keyExchange(_ pieces: [ByteBuffer]) -> [String] {
        var sniffer = KeyExchangeSniffer(skippingIdentification: true)
        for piece in pieces { sniffer.consume(piece.readableBytesView) }
        var said: [String] = []
        if let offer = sniffer.offer {
            for list in AlgorithmOffer.List.allCases { said += offer[list] }
            // The comparison has to cope with every offer.
            if let mismatch = AlgorithmOffer.mismatch(client: offer, server: offer) { said.append(mismatch.name) }
        }
        if let disconnect = sniffer.disconnect { said += ["\(disconnect.reason)", disconnect.text] }
        return said
    }

    private static func scp(_ pieces: [ByteBuffer]) -> [String] {
        var reader = SCPMessageReader()
        var said: [String] = []
        for var piece in pieces {
            do throws(SCPMessageReader.Malformed) {
                while let message = try reader.next(&piece) {
                    if case .file(let permissions, let size) = message, permissions > 0o777 || size < 0 {
                        return ["\u{0}impossible file"]
                    }
                    said.append("\(message)")
                }
                if piece.readableBytes > 0 { return ["\u{0}stopped before the end"] }
            } catch {
                // Of a line that is too long only the beginning is told.
                return said + [error.line]
            }
        }
        return said
    }

    private static func sftp(_ pieces: [ByteBuffer]) -> [String] {
        var reader = SFTPPacketReader()
        var said: [String] = []
        for var piece in pieces {
            do throws(SFTPPacketReader.Malformed) {
                while let packet = try reader.next(&piece) {
                    guard let (id, reply) = SFTPReply.decode(packet) else {
                        said.append("unreadable")
                        continue
                    }
                    said.append("\(id)")
                    switch reply {
                    case .status(let status): said.append(status.error("Reading", "a host").message)
                    case .data(let data) where data.readableBytes > packet.readableBytes: said.append("\u{0}more data")
                    case .handle(let handle) where handle.readableBytes > 256: said.append("\u{0}long handle")
                    case .attributes(let attributes):
                        said.append("\(attributes.size ?? 0) \(attributes.isOtherThanFile)")
                    case .version(let version, let extensions): said.append("\(version) \(extensions.count)")
                    default: said.append("\(packet.readableBytes)")
                    }
                }
                if piece.readableBytes > 0 { return ["\u{0}stopped before the end"] }
            } catch {
                return said + ["\(error.length)"]
            }
        }
        return said
    }

    private static func knownHosts(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        let known = KnownHosts(text: text)
        let key = HostKey(
            blob: [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 32] + [UInt8](repeating: 7, count: 32))
        guard let key else { return "a good key is refused" }
        for (host, port) in [("192.0.2.7", 22), ("router.example.net", 2222), ("2001:db8::7", 22)] {
            let judgement = known.judge(key, host: host, port: port)
            let algorithms = known.knownAlgorithms(host: host, port: port)
            if judgement != .unknown, judgement != .revoked, algorithms.isEmpty { return "known without a key" }
            // What is learned is known, unless the file had another word on it.
            let learned = known.learn(key, host: host, port: port).judgement
            if judgement == .unknown, learned != .known { return "learned and not known" }
            if judgement != .unknown, learned != judgement { return "learning changed \(judgement) to \(learned)" }
        }
        return nil
    }

    private static func agent(_ bytes: [UInt8]) -> String? {
        let answer = ByteBuffer(bytes: bytes)
        if let keys = AgentMessage.identities(answer) {
            if keys.reduce(0, { $0 + $1.blob.count }) > bytes.count { return "more key than answer" }
        }
        if let signature = AgentMessage.signature(answer), signature.bytes.count > bytes.count {
            return "more signature than answer"
        }
        var reader = WireReader(bytes)
        while let field = reader.readString() {
            if field.count > bytes.count { return "more field than answer" }
        }
        return nil
    }
}
