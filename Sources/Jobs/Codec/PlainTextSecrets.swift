/// Refuses records that carry a secret in plain text: a topic is no place for one, since everyone who may read it, and every backup of it,
/// would have it.
enum PlainTextSecrets {
    private static let names: [[UInt8]] = [
        "password", "passwd", "passphrase", "secret", "enablepassword", "enablesecret", "privatekey",
    ].map { Array($0.utf8) }

    /// - Throws: an error that names the field, never its value.
    static func refuse(in fields: Fields) throws(FieldError) {
        for member in fields.object.members where member.value != .null && Self.looksSecret(member.name) {
            throw FieldError(Self.problem, kind: .secret, at: member.name)
        }
    }

    /// `user:password@host`, as URLs have it.
    static func refuse(inTarget target: String) throws(FieldError) {
        guard !target.hasPrefix("group:"), !target.hasPrefix("tag:"),
            let at = target.utf8.lastIndex(of: UInt8(ascii: "@")), target.utf8[..<at].contains(UInt8(ascii: ":"))
        else { return }
        throw FieldError(Self.problem, kind: .secret)
    }

    /// Whether a record that is refused, for whatever mistake was found first, may hold a secret somewhere. In doubt it does.
    static func mayStand(in value: JSONValue) -> Bool {
        switch value {
        case .object(let object):
            object.members.contains { member in
                (member.value != .null && self.looksSecret(member.name)) || self.mayStand(in: member.value)
            }
        case .array(let values): values.contains { self.mayStand(in: $0) }
        case .string(let text):
            if let at = text.utf8.lastIndex(of: UInt8(ascii: "@")) {
                text.utf8[..<at].contains(UInt8(ascii: ":"))
            } else {
                false
            }
        default: false
        }
    }

    private static let problem =
        "plain-text secrets are refused on the bus; name an entry of the worker's credential store in \"credential\" instead, or seal the credential (`tether seal`)"

    /// Without regard to case, `_` and `-`.
    private static func looksSecret(_ name: String) -> Bool {
        for secret in self.names {
            var expected = secret[...]
            var matches = true
            for byte in name.utf8 where byte != UInt8(ascii: "_") && byte != UInt8(ascii: "-") {
                guard let next = expected.first, byte | 0x20 == next else {
                    matches = false
                    break
                }
                expected.removeFirst()
            }
            if matches, expected.isEmpty { return true }
        }
        return false
    }
}
