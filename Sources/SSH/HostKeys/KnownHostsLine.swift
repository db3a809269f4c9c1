import Crypto
import Foundation

/// One line of a `known_hosts` file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
struct KnownHostsLine: Sendable, Hashable {
    enum Hosts: Sendable, Hashable {
        /// Names without wildcards, lower case.
        case names([String])
        /// A list with wildcards or negations.
        case patterns([HostPattern])
        /// `|1|salt|hash`: HMAC-SHA1 of the name with the salt as key.
        case hashed(salt: [UInt8], hash: [UInt8])
    }

    enum Outcome: Hashable {
        case entry(KnownHostsLine)
        case empty
        /// `@cert-authority`: host certificates are not supported.
        case certificateAuthority
        case broken
    }

    var hosts: Hosts
    var isRevoked: Bool
    var key: HostKey

    static func parse(_ line: Substring) -> Outcome {
        var fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" })[...]
        guard let first = fields.first, !first.hasPrefix("#") else { return .empty }
        var isRevoked = false
        if first.hasPrefix("@") {
            switch first {
            case "@revoked": isRevoked = true
            case "@cert-authority": return .certificateAuthority
            default: return .broken
            }
            fields = fields.dropFirst()
        }
        guard fields.count >= 3, let hosts = self.parseHosts(fields[fields.startIndex]),
            let blob = Base64.decode(fields[fields.startIndex + 2]), let key = HostKey(blob: blob),
            key.algorithm == fields[fields.startIndex + 1]
        else { return .broken }
        return .entry(KnownHostsLine(hosts: hosts, isRevoked: isRevoked, key: key))
    }

    private static func parseHosts(_ field: Substring) -> Hosts? {
        if field.hasPrefix("|") {
            let parts = field.split(separator: "|", omittingEmptySubsequences: false)
            guard parts.count == 4, parts[0].isEmpty, parts[1] == "1", let salt = Base64.decode(parts[2]),
                let hash = Base64.decode(parts[3]), salt.count == 20, hash.count == 20
            else { return nil }
            return .hashed(salt: salt, hash: hash)
        }
        let names = field.lowercased().split(separator: ",").map(String.init)
        guard !names.isEmpty else { return nil }
        guard names.contains(where: HostPattern.isPattern) else { return .names(names) }
        return .patterns(names.map(HostPattern.init))
    }

    /// Whether a hashed entry is for `name`.
    static func hash(_ name: String, salt: [UInt8], equals hash: [UInt8]) -> Bool {
        HMAC<Insecure.SHA1>.isValidAuthenticationCode(
            hash, authenticating: Array(name.utf8), using: SymmetricKey(data: salt))
    }
}
