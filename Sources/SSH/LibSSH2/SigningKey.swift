import CLibSSH2
import CLibSSH2Keys

/// A private key that has been parsed, for any number of connections.
///
/// Left to itself libssh2 parses the key twice for each connection, which for an encrypted key means a quarter of a second of
/// CPU each time, and signs RSA with SHA-1 only.
///
/// Sendable without the compiler's proof: the C object never changes between its creation and `deinit`, and OpenSSL's signing
/// may be used by any number of threads on one key.
final class SigningKey: @unchecked Sendable {
    private let handle: OpaquePointer
    /// The type of the key: `ssh-ed25519`, `ssh-rsa`, …
    let algorithm: String

    /// Whether this libssh2 lets us parse keys ourselves.
    static let isAvailable = LibSSH2Library.isReady && clibssh2_keys_available() != 0

    /// Why a key could not be parsed, in the library's words.
    struct Failure: Error {
        let reason: String
    }

    /// Parses a key. Takes milliseconds, for an encrypted OpenSSH key a quarter of a second.
    init(_ text: Secret, passphrase: Secret?) throws(Failure) {
        var reason = ""
        let handle = text.withExposedValue { text in
            let algorithm = OpenSSHKeyFile.publicKeyType(of: text)
            return (passphrase ?? Secret("")).withExposedValue { passphrase in
                withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { error -> OpaquePointer? in
                    let handle = clibssh2_key_parse(
                        text, text.utf8.count, algorithm, passphrase, error.baseAddress, error.count)
                    if handle == nil, let words = error.baseAddress { reason = String(cString: words) }
                    return handle
                }
            }
        }
        guard let handle else { throw Failure(reason: reason) }
        self.handle = handle
        var length = 0
        let blob = clibssh2_key_blob(handle, &length)
        self.algorithm = HostKey(blob: Array(UnsafeBufferPointer(start: blob, count: length)))?.algorithm ?? ""
    }

    deinit { clibssh2_key_free(self.handle) }

    /// The next step of signing on with this key.
    ///
    /// - Parameter signature: the algorithm's name for an RSA key; `nil` for the key's own.
    func authenticate(_ session: LibSSH2Session, username: String, signature: String?) -> LibSSH2Progress<Void> {
        session.progress(clibssh2_key_authenticate(session.handle, username, self.handle, signature))
    }
}
