import Foundation

/// Fingerprints of host keys as OpenSSH prints them: `SHA256:` and the base64 of the SHA-256 of the key blob, without padding.
enum HostKeyFingerprint {
    /// Why a text can't be one; `nil` when it can.
    static func problem(with text: String) -> String? {
        let hash = text.hasPrefix("SHA256:") ? Data(base64Encoded: String(text.dropFirst(7)) + "=") : nil
        return hash?.count == 32
            ? nil : "must be a fingerprint as `ssh-keygen -lf` prints it: `SHA256:` and 43 characters of base64"
    }
}
