/// The algorithms that one side offers in its SSH_MSG_KEXINIT (RFC 4253 §7.1), best first.
struct AlgorithmOffer: Sendable, Hashable {
    /// The name-lists in the order of the message, without the languages.
    enum List: Int, CaseIterable, Sendable {
        case keyExchange, hostKey, cipherToServer, cipherToClient, macToServer, macToClient, compressionToServer,
            compressionToClient

        /// What an operator calls it.
        var name: String {
            switch self {
            case .keyExchange: "key exchange method"
            case .hostKey: "host key type"
            case .cipherToServer, .cipherToClient: "cipher"
            case .macToServer, .macToClient: "MAC"
            case .compressionToServer, .compressionToClient: "compression"
            }
        }
    }

    private var lists: [[String]]

    init(lists: [[String]]) { self.lists = lists }

    /// Reads the payload of a KEXINIT packet, from the message number on. `nil` if it is malformed.
    init?(payload: some Collection<UInt8>) {
        var reader = WireReader(payload)
        guard reader.readByte() == 20, reader.skip(16) else { return nil }
        var lists: [[String]] = []
        for _ in List.allCases {
            guard let names = reader.readString() else { return nil }
            lists.append(names.split(separator: UInt8(ascii: ",")).map { String.printable($0, limit: 64) })
        }
        self.lists = lists
    }

    subscript(list: List) -> [String] { list.rawValue < self.lists.count ? self.lists[list.rawValue] : [] }

    /// A list for people. What stands among the key exchange methods only to say what a side can do (RFC 8308 §2.1, OpenSSH's
    /// strict key exchange) is left out.
    func shown(_ list: List) -> String {
        let names = self[list].filter { !$0.hasPrefix("ext-info-") && !$0.hasPrefix("kex-strict-") }
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }

    /// The first list in which client and server have nothing in common. `nil`: they could have agreed.
    static func mismatch(client: AlgorithmOffer, server: AlgorithmOffer) -> List? {
        List.allCases.first { list in
            switch list {
            case .macToServer where Self.usesOwnIntegrity(client, server, .cipherToServer),
                .macToClient where Self.usesOwnIntegrity(client, server, .cipherToClient):
                false
            default:
                !client[list].contains(where: server[list].contains)
            }
        }
    }

    /// Whether the cipher that would be chosen needs no MAC (RFC 5647 §5.1).
    private static func usesOwnIntegrity(_ client: AlgorithmOffer, _ server: AlgorithmOffer, _ list: List) -> Bool {
        guard let cipher = client[list].first(where: server[list].contains) else { return false }
        return cipher.contains("gcm") || cipher.hasPrefix("chacha20-poly1305")
    }
}
