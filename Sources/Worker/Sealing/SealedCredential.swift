import Crypto
import Foundation

/// A credential that only workers can read: what stands in a job as `{"sealed": "…"}`.
///
/// HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305. `info` names purpose and version, so that nothing else that is
/// ever encrypted to the same key can be taken for a credential; the associated data are version and key id, so that neither can be exchanged. The text is
/// `1.<key id>.<encapsulated key>.<ciphertext>`, the last two in base64url without padding (RFC 4648, section 5).
///
/// Base mode says nothing about who sealed it: whoever has the public key can. Who may write jobs is Kafka's to say.
struct SealedCredential: Sendable {
    static let version = "1"
    /// Room for a private key of 16,384 bits, and the rest.
    static let maximumBytes = 32 * 1024

    let keyID: String
    private let encapsulatedKey: Data
    private let ciphertext: Data

    private static let suite = HPKE.Ciphersuite.Curve25519_SHA256_ChachaPoly
    private static let info = Data("tether sealed credential 1".utf8)

    private static func associatedData(_ keyID: String) -> Data { Data("\(self.version).\(keyID)".utf8) }

    /// Encrypts to the workers' public key.
    static func seal(_ payload: SealedPayload, to key: SealingPublicKey) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let plain = try encoder.encode(payload)
        var sender = try HPKE.Sender(recipientKey: key.key, ciphersuite: self.suite, info: self.info)
        let ciphertext = try sender.seal(plain, authenticating: self.associatedData(key.id))
        return [self.version, key.id, sender.encapsulatedKey.base64URL, ciphertext.base64URL].joined(separator: ".")
    }

    /// - Throws: if it isn't one.
    init(_ text: String) throws(SealingError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let version = parts.first, version == Self.version else {
            throw SealingError("it is of a version that this worker doesn't know; seal it with `tether seal`")
        }
        guard text.utf8.count <= Self.maximumBytes, parts.count == 4, parts[1].utf8.count == 16,
            parts[1].utf8.allSatisfy({
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }),
            let encapsulatedKey = Data(base64URL: parts[2]), let ciphertext = Data(base64URL: parts[3])
        else { throw SealingError("it is damaged; seal it with `tether seal`") }
        self.keyID = String(parts[1])
        self.encapsulatedKey = encapsulatedKey
        self.ciphertext = ciphertext
    }

    /// Decrypts it; what its payload allows is the caller's to check.
    func open(with key: SealingPrivateKey) throws(SealingError) -> SealedPayload {
        do {
            var recipient = try HPKE.Recipient(
                privateKey: key.key, ciphersuite: Self.suite, info: Self.info, encapsulatedKey: self.encapsulatedKey)
            let plain = try recipient.open(self.ciphertext, authenticating: Self.associatedData(self.keyID))
            return try JSONDecoder().decode(SealedPayload.self, from: plain)
        } catch {
            // Nothing of the plain text, nor why: that would be an oracle.
            throw SealingError("it is damaged; seal it anew")
        }
    }
}

/// Why a sealed credential can't be used, as the end of a sentence. Holds nothing of it.
struct SealingError: Error, Sendable, Hashable {
    let message: String

    init(_ message: String) { self.message = message }
}

extension Data {
    var base64URL: String {
        self.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    init?(base64URL text: some StringProtocol) {
        guard !text.isEmpty,
            text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "=") })
        else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        self.init(base64Encoded: String(text).replacing("-", with: "+").replacing("_", with: "/") + padding)
    }
}
