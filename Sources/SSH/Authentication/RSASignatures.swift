import Foundation

/// How to sign with an RSA key (RFC 8332).
///
/// A server says which algorithms it takes in a message that libssh2 1.10 drops, so its identification string decides. OpenSSH
/// takes SHA-2 from 7.2 on, and SHA-1 no more from 8.8 on. With others SHA-1 comes first: the older they are, the likelier that
/// it is all they know, and a server of libssh falls silent when it sees another name in the key.
enum RSASignatures: Sendable, Hashable {
    case sha1, sha512

    /// The name to sign under; `nil`: the key's own, `ssh-rsa`.
    var label: String? { self == .sha512 ? "rsa-sha2-512" : nil }

    static func order(server: String) -> [RSASignatures] {
        if let start = server.range(of: "OpenSSH_")?.upperBound {
            let numbers = server[start...].prefix { $0.isNumber || $0 == "." }.split(separator: ".").compactMap {
                Int($0)
            }
            guard let major = numbers.first else { return [.sha512, .sha1] }
            return (major, numbers.dropFirst().first ?? 0) >= (7, 2) ? [.sha512] : [.sha1]
        }
        return server.lowercased().contains("libssh") ? [.sha1] : [.sha1, .sha512]
    }
}
