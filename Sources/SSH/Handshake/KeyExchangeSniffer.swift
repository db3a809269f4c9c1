/// Reads along while the connection is still in plain text, to be able to say afterwards why no key exchange came about.
///
/// libssh2 gives the same error for every failed negotiation; which list had nothing in common is only visible in the first
/// SSH_MSG_KEXINIT of each side (RFC 4253 §7.1). A server that ends the connection at once also says why in plain text.
struct KeyExchangeSniffer {
    /// The algorithms this side offers, once its KEXINIT has passed. Read when asked for: nobody asks after a key exchange that succeeds.
    var offer: AlgorithmOffer? { self.message.flatMap { AlgorithmOffer(payload: $0) } }
    private var message: [UInt8]?
    /// A farewell in plain text.
    private(set) var disconnect: DisconnectMessage?

    private var bytes: [UInt8] = []
    private var skipsLine: Bool
    private var isDone = false
    /// Bytes that have come since the identification.
    private var count = 0

    /// The longest packet that is looked at (RFC 4253 §6.1 asks for 35,000), and with it all that may come before: more is
    /// no server's way to begin.
    private static let maximumPacket = 40_000

    init(skippingIdentification: Bool) {
        self.skipsLine = skippingIdentification
    }

    /// Takes the next piece of one direction of the connection.
    mutating func consume(_ piece: some Collection<UInt8>) {
        guard !self.isDone else { return }
        self.bytes.append(contentsOf: piece)
        if self.skipsLine {
            guard let end = self.bytes.firstIndex(of: UInt8(ascii: "\n")) else { return }
            self.bytes.removeFirst(end + 1)
            self.skipsLine = false
        }
        while !self.isDone, self.count <= Self.maximumPacket, let payload = self.nextPayload() {
            self.count += payload.count
            switch payload.first {
            case 20:
                self.message = payload
                self.finish()
            case 1:
                var reader = WireReader(payload.dropFirst())
                if let reason = reader.readUInt32() {
                    let text = reader.readString().map { String.printable($0, limit: 200) }
                    self.disconnect = DisconnectMessage(reason: reason, text: text ?? "")
                }
                self.finish()
            case 2, 3, 4:
                continue  // IGNORE, UNIMPLEMENTED, DEBUG may come first.
            default:
                self.finish()
            }
        }
    }

    /// Takes one whole packet off the front (RFC 4253 §6); `nil` if there is none yet, or never will be.
    private mutating func nextPayload() -> [UInt8]? {
        var reader = WireReader(self.bytes)
        guard let length = reader.readUInt32(), let padding = reader.readByte() else { return nil }
        guard length > UInt32(padding) + 1, length <= Self.maximumPacket else {
            self.finish()
            return nil
        }
        let end = 4 + Int(length)
        guard self.bytes.count >= end else { return nil }
        let payload = Array(self.bytes[5..<end - Int(padding)])
        self.bytes.removeFirst(end)
        return payload
    }

    private mutating func finish() {
        self.isDone = true
        self.bytes = []
    }
}
