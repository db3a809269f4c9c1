import Crypto
import Foundation
import SSH

/// Tells credentials apart without holding them: a hash with a key that no other process has and that is never written anywhere (RFC 2104).
///
/// A lock remembers by it what was refused, and a session what it was opened with.
struct CredentialDigest: Sendable, Hashable {
    private let bytes: [UInt8]

    private static let key = SymmetricKey(size: .bits256)

    /// - Parameter credential: with everything fetched.
    init(_ credential: Credential) {
        var hash = HMAC<SHA256>(key: Self.key)
        func add(_ part: UInt8, _ text: String) {
            // With its length, so that no two lists of parts have the same bytes.
            withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) { hash.update(data: [part] + $0) }
            hash.update(data: Array(text.utf8))
        }
        if let user = credential.user { add(1, user) }
        credential.password?.withExposedValue { add(2, $0) }
        switch credential.privateKey {
        case .file(let path)?: add(3, path)
        case .memory(let text)?: text.withExposedValue { add(4, $0) }
        case nil: break
        }
        credential.passphrase?.withExposedValue { add(5, $0) }
        credential.enableSecret?.withExposedValue { add(6, $0) }
        self.bytes = Array(hash.finalize())
    }
}
