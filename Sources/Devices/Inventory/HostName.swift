#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Rules for host names and addresses.
enum HostName {
    /// Why a text can't be a host, as a sentence without the text itself (somebody may have put a password there); `nil` when it can.
    static func problem(with host: String) -> String? {
        if host.isEmpty { return "must be a host name or an address" }
        if host.contains("@") {
            return "must be a host name or an address alone; give the user in `user` and the password in `password`"
        }
        if self.isAddress(host) || self.isDNSName(host) { return nil }
        if host.hasPrefix("[") { return "must be without brackets; give the port in `port`" }
        if host.contains(":") { return "must be a host name or an address alone; give the port in `port`" }
        return "is neither an IPv4 or IPv6 address nor a host name (letters, digits, `-`, `_` and `.`)"
    }

    /// Whether it is an IPv4 or IPv6 literal, the latter without brackets.
    static func isAddress(_ host: String) -> Bool {
        self.isIPv4(host) || self.canonicalIPv6(host) != nil
    }

    static func isIPv4(_ host: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1
    }

    /// The one short form of an IPv6 address (RFC 5952), so that each address has one name; `nil` for anything else.
    static func canonicalIPv6(_ host: String) -> String? {
        // Spares the many hosts that are no IPv6 addresses two calls.
        guard host.utf8.contains(UInt8(ascii: ":")) else { return nil }
        var address = in6_addr()
        guard inet_pton(AF_INET6, host, &address) == 1 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A host name by RFC 1123 §2.1, with `_`, which is common inside. Its last label isn't a number, so that a mistyped IPv4 address isn't
    /// taken for a name.
    static func isDNSName(_ host: String) -> Bool {
        let bytes = host.utf8.last == UInt8(ascii: ".") ? host.utf8.dropLast() : host.utf8[...]
        guard (1...253).contains(bytes.count) else { return false }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels {
            guard (1...63).contains(label.count), label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-")
            else { return false }
            let isValid = label.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
            guard isValid else { return false }
        }
        return !(labels.last?.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? true)
    }

    /// The identity of an address: `host:port`, the host in lower case, IPv6 in its short form and in brackets.
    static func address(host: String, port: Int) -> String {
        if let address = self.canonicalIPv6(host) { return "[\(address)]:\(port)" }
        let host = host.utf8.last == UInt8(ascii: ".") ? String(host.dropLast()) : host
        return "\(host.lowercased()):\(port)"
    }
}
