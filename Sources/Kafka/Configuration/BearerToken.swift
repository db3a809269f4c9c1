import Foundation

/// A bearer token (RFC 6750), and how long it may be used. Its text is in no description.
struct BearerToken: Sendable {
    let text: String
    /// Milliseconds since 1970.
    let expiry: Int64
    /// Who it is for: the broker's own word counts, librdkafka only wants to have one.
    let principal: String

    /// A token that doesn't say when it expires is asked for again after this.
    static let assumedLifetime: Int64 = 5 * 60 * 1_000
    private static let maximumBytes = 64 * 1_024

    struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    /// - Parameters:
    ///   - text: as it was read; white space at its ends doesn't count.
    ///   - now: milliseconds since 1970.
    /// - Throws: for what can't be a token, or one that has expired. The token isn't told.
    init(_ text: String, now: Int64) throws(Problem) {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty, text.utf8.count <= Self.maximumBytes,
            // RFC 6750, section 2.1: `b64token`.
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") })
        else { throw Problem("what was read is no bearer token: one line of ASCII without blanks is expected") }
        let claims = Self.claims(of: text)
        let expiry = (claims["exp"] as? NSNumber).flatMap { number -> Int64? in
            let seconds = number.doubleValue
            return seconds > 0 && seconds < 1e12 ? Int64(seconds * 1_000) : nil
        }
        if let expiry, expiry <= now {
            throw Problem("the token that was read has expired; see to it that it is renewed in time")
        }
        self.text = text
        self.expiry = expiry ?? now + Self.assumedLifetime
        self.principal = (claims["sub"] as? String).flatMap { $0.isEmpty ? nil : $0 } ?? "tether"
    }

    /// The claims of a JSON Web Token (RFC 7519, section 7.2), unverified: only the broker can do that. Empty for any other token.
    private static func claims(of text: String) -> [String: Any] {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return [:] }
        var payload = String(parts[1]).replacing("-", with: "+").replacing("_", with: "/")
        payload += String(repeating: "=", count: (4 - payload.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: payload) else { return [:] }
        return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    }
}
