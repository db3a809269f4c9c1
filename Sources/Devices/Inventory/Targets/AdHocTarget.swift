extension Inventory {
    /// `user@host:port` as written in a job.
    public struct AdHocTarget: Sendable, Hashable {
        /// The expression as written.
        public var expression: String
        public var user: String?
        /// IPv6 without brackets.
        public var host: String
        public var port: Int
        /// The device identity: `host:port`, IPv6 in brackets and in its short form, host in lower case. The inventory's name where the address
        /// is that of one of its devices, so that a device never has two identities.
        public var name: String

        public init(expression: String, user: String? = nil, host: String, port: Int, name: String) {
            self.expression = expression
            self.user = user
            self.host = host
            self.port = port
            self.name = name
        }
    }

    /// Reads an ad-hoc target: `user@host`, `host:port`, `user@host:port`, `[v6]:port`, or an IP literal alone (IPv6 with or without brackets).
    /// A name without user and port isn't one: it is a device of the inventory, or a mistake. Nor is anything with a password in it.
    public func adHocTarget(_ expression: String) -> AdHocTarget? {
        var rest = expression[...]
        var user: String?
        if let at = rest.lastIndex(of: "@") {
            let text = rest[..<at]
            guard !text.isEmpty, text.utf8.count <= 255, text.unicodeScalars.allSatisfy(Self.isUserScalar) else {
                return nil
            }
            user = String(text)
            rest = rest[rest.index(after: at)...]
        }
        guard let (host, port, isLiteral) = Self.hostAndPort(rest), user != nil || port != nil || isLiteral else {
            return nil
        }
        let effectivePort = port ?? self.defaults.port
        let address = HostName.address(host: host, port: effectivePort)
        let known = self.contents.deviceByAddress[address].flatMap { $0 }.map { self.contents.devices[$0].name }
        return AdHocTarget(expression: expression, user: user, host: host, port: effectivePort, name: known ?? address)
    }

    /// A colon would be the start of a password.
    private static func isUserScalar(_ scalar: Unicode.Scalar) -> Bool {
        scalar != ":" && scalar != "/" && !scalar.properties.isWhitespace
            && scalar.properties.generalCategory != .control
    }

    private static func hostAndPort(_ text: Substring) -> (host: String, port: Int?, isLiteral: Bool)? {
        if text.first == "[" {
            guard let bracket = text.firstIndex(of: "]"),
                let host = HostName.canonicalIPv6(String(text[text.index(after: text.startIndex)..<bracket]))
            else { return nil }
            let tail = text[text.index(after: bracket)...]
            if tail.isEmpty { return (host, nil, true) }
            guard tail.first == ":", let port = Self.port(tail.dropFirst()) else { return nil }
            return (host, port, true)
        }
        if let host = HostName.canonicalIPv6(String(text)) { return (host, nil, true) }
        var host = text
        var port: Int?
        if let colon = text.firstIndex(of: ":") {
            guard let number = Self.port(text[text.index(after: colon)...]) else { return nil }
            port = number
            host = text[..<colon]
        }
        let name = String(host)
        if HostName.isIPv4(name) { return (name, port, true) }
        return HostName.isDNSName(name) ? (name, port, false) : nil
    }

    private static func port(_ text: Substring) -> Int? {
        guard (1...5).contains(text.utf8.count),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(text), (1...65535).contains(port)
        else { return nil }
        return port
    }
}
