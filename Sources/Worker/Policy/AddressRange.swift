#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An IPv4 or IPv6 address.
package struct HostAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes, in network order. An IPv6 address that only stands for an IPv4 address is that address: `::ffff:0:0/96` (RFC 4291 §2.5.5.2)
    /// and NAT64's `64:ff9b::/96` (RFC 6052 §2.1).
    let bytes: [UInt8]

    init?(bytes: [UInt8]) {
        switch bytes.count {
        case 4: self.bytes = bytes
        case 16: self.bytes = Self.embedding.contains { bytes.starts(with: $0) } ? Array(bytes[12...]) : bytes
        default: return nil
        }
    }

    /// A literal, IPv6 with or without brackets.
    package init?(_ text: String) {
        let text = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(bytes: Array(bytes[..<4]))
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.init(bytes: bytes)
        } else {
            return nil
        }
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(self.bytes.count == 4 ? AF_INET : AF_INET6, self.bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static let embedding: [[UInt8]] = [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
}

/// Addresses that begin with the same bits, as in `10.0.0.0/8`; a single address is its own range.
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    private let first: HostAddress
    private let bits: Int

    /// `nil` unless it is an address, or an address and a number of bits with nothing set behind them (`10.0.0.0/8`, not `10.1.2.3/8`).
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ HostAddress(String($0)) }) else { return nil }
        let length = address.bytes.count * 8
        var bits = length
        if parts.count == 2 {
            let digits = parts[1]
            guard (1...3).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(digits), number <= length
            else { return nil }
            bits = number
        }
        self.first = address
        self.bits = bits
        guard (0..<length).allSatisfy({ $0 < bits || !Self.bit($0, of: address) }) else { return nil }
    }

    package var description: String { "\(self.first)/\(self.bits)" }

    package func contains(_ address: HostAddress) -> Bool {
        guard address.bytes.count == self.first.bytes.count else { return false }
        return (0..<self.bits).allSatisfy { Self.bit($0, of: address) == Self.bit($0, of: self.first) }
    }

    private static func bit(_ index: Int, of address: HostAddress) -> Bool {
        address.bytes[index / 8] & (0x80 >> (index % 8)) != 0
    }

    /// What isn't the public Internet: the registries of special-purpose addresses (RFC 6890, kept by IANA), multicast, and the transition
    /// mechanisms that lead to IPv4 addresses of any kind. Among them are loopback, private networks, and `169.254.169.254`, where clouds keep the
    /// credentials of their machines.
    static let notPublic: [AddressRange] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
        "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    ].compactMap { AddressRange($0) }
}
