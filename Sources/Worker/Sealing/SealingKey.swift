import Crypto
import Foundation

/// What credentials are sealed with. Anybody may have it.
package struct SealingPublicKey: Sendable {
    /// The first 16 hexadecimal digits of its SHA-256.
    package let id: String
    /// Seconds since 1970.
    package let created: Int64
    let key: Curve25519.KeyAgreement.PublicKey

    init(_ key: Curve25519.KeyAgreement.PublicKey, created: Int64) {
        self.key = key
        self.created = created
        self.id = String(
            SHA256.hash(data: key.rawRepresentation).map { String(format: "%02x", $0) }.joined().prefix(16))
    }

    /// Reads what `text` writes.
    package init(_ text: String) throws(SealingKeyError) {
        let file = try SealingKeyFile(text, kind: .public)
        guard let key = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: file.key) else {
            throw SealingKeyError("is no public key for sealing")
        }
        self.init(key, created: file.created)
    }

    /// One line of JSON.
    package var text: String {
        SealingKeyFile(kind: .public, created: self.created, key: self.key.rawRepresentation).text(self.id)
    }
}

/// What opens sealed credentials. Only workers have it.
package struct SealingPrivateKey: Sendable {
    package let publicKey: SealingPublicKey
    let key: Curve25519.KeyAgreement.PrivateKey

    private init(_ key: Curve25519.KeyAgreement.PrivateKey, created: Int64) {
        self.key = key
        self.publicKey = SealingPublicKey(key.publicKey, created: created)
    }

    /// A new one.
    package init(created: Int64) {
        self.init(Curve25519.KeyAgreement.PrivateKey(), created: created)
    }

    init(_ text: String) throws(SealingKeyError) {
        let file = try SealingKeyFile(text, kind: .private)
        guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: file.key) else {
            throw SealingKeyError("is no private key for sealing")
        }
        self.init(key, created: file.created)
    }

    /// One line of JSON. A secret.
    var text: String {
        SealingKeyFile(kind: .private, created: self.publicKey.created, key: self.key.rawRepresentation).text(
            self.publicKey.id)
    }
}

extension SealingPrivateKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "private key \(self.publicKey.id)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a key can't be used, as the end of a sentence that begins with its file's name.
package struct SealingKeyError: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// A key as it stands in a file.
struct SealingKeyFile {
    enum Kind: String {
        case `public` = "tether-sealing-public-key"
        case `private` = "tether-sealing-private-key"
    }

    var kind: Kind
    var created: Int64
    var key: Data

    init(kind: Kind, created: Int64, key: Data) {
        self.kind = kind
        self.created = created
        self.key = key
    }

    init(_ text: String, kind: Kind) throws(SealingKeyError) {
        guard let object = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any],
            let name = object["kind"] as? String, let created = (object["created"] as? NSNumber)?.int64Value,
            let encoded = object["key"] as? String, let key = Data(base64Encoded: encoded)
        else { throw SealingKeyError("is no key file of `tether keys`") }
        guard name == kind.rawValue else {
            throw SealingKeyError(
                kind == .public
                    ? "is no public key: `tether keys public` prints it" : "is no private key of `tether keys generate`"
            )
        }
        self.init(kind: kind, created: created, key: key)
    }

    func text(_ id: String) -> String {
        #"{"kind": "\#(self.kind.rawValue)", "id": "\#(id)", "created": \#(self.created), "key": "\#(self.key.base64EncodedString())"}"#
            + "\n"
    }
}
