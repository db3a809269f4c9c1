import Crypto
import NIOConcurrencyHelpers

/// Keeps parsed keys, so that a fleet that shares a key pays for its parsing once.
///
/// Safe from any thread. Holds at most ``capacity`` keys; a key that is changed on disk has another text, so it is another key.
final class SigningKeyCache: Sendable {
    static let shared = SigningKeyCache()

    private static let capacity = 64
    private let keys = NIOLockedValueBox<[SHA256Digest: SigningKey]>([:])

    /// The parsed key, from memory or by parsing it now: not for an event loop.
    func key(_ text: Secret, passphrase: Secret?) throws(SigningKey.Failure) -> SigningKey {
        let name = Self.name(text, passphrase)
        if let key = self.keys.withLockedValue({ $0[name] }) { return key }
        let key = try SigningKey(text, passphrase: passphrase)
        self.keys.withLockedValue { keys in
            if keys.count >= Self.capacity { keys.removeAll() }
            keys[name] = key
        }
        return key
    }

    private static func name(_ text: Secret, _ passphrase: Secret?) -> SHA256Digest {
        var hash = SHA256()
        text.withExposedValue { hash.update(data: Array($0.utf8)) }
        hash.update(data: [0, passphrase == nil ? 0 : 1])
        passphrase?.withExposedValue { hash.update(data: Array($0.utf8)) }
        return hash.finalize()
    }
}
