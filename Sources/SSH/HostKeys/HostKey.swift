import Crypto
import Foundation

/// A server's public host key (RFC 4253 §6.6), as shown in the key exchange.
package struct HostKey: Sendable, Hashable {
    /// The key's type as in the blob: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`, …
    package let algorithm: String
    /// The public key blob in SSH wire format.
    package let blob: [UInt8]

    package init(algorithm: String, blob: [UInt8]) {
        self.algorithm = algorithm
        self.blob = blob
    }

    /// Reads the type from the blob. `nil` if the blob doesn't begin with one.
    package init?(blob: [UInt8]) {
        var reader = WireReader(blob)
        guard let name = reader.readString(), !name.isEmpty, name.count <= 64 else { return nil }
        self.init(algorithm: String.printable(name, limit: 64), blob: blob)
    }

    /// `SHA256:` and the hash in base64 without padding, as OpenSSH shows it.
    package var fingerprint: String { Self.fingerprint(SHA256.hash(data: self.blob)) }

    static func fingerprint(_ digest: SHA256Digest) -> String {
        "SHA256:" + Data(digest).base64EncodedString().prefix { $0 != "=" }
    }

    /// The key as in `known_hosts` and `authorized_keys`: type and base64.
    package var text: String { "\(self.algorithm) \(Data(self.blob).base64EncodedString())" }
}
