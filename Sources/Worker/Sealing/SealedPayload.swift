import Devices
import Foundation

/// What is inside a sealed credential: the secrets, and what they may be used for.
///
/// Whoever may write to the job topic can copy a sealed credential from one job into another. What limits that stands in here, out of their reach: a time
/// after which it is worthless, the devices it may be shown to, and perhaps the one job that it is for. A device that isn't in the inventory is shown it only if it is named here: else an address of the copyist's own
/// would get the password in plain text.
package struct SealedPayload: Sendable, Codable {
    package var user: String?
    package var password: String?
    package var privateKey: String?
    package var passphrase: String?
    package var enable: String?
    /// Milliseconds since 1970.
    package var expires: Int64
    /// Names, globs, `group:…`, `tag:…`, `all`, addresses; empty: every device of the inventory.
    package var targets: [String]?
    /// The only job that it is for.
    package var job: String?

    enum CodingKeys: String, CodingKey {
        case user, password, passphrase, enable, expires, targets, job
        case privateKey = "private_key"
    }

    package init(
        user: String? = nil, password: String? = nil, privateKey: String? = nil, passphrase: String? = nil,
        enable: String? = nil, expires: Int64, targets: [String] = [], job: String? = nil
    ) {
        self.user = user
        self.password = password
        self.privateKey = privateKey
        self.passphrase = passphrase
        self.enable = enable
        self.expires = expires
        self.targets = targets.isEmpty ? nil : targets
        self.job = job
    }

    var credential: Credential {
        Credential(
            user: self.user,
            password: self.password.map { Secret($0) },
            privateKey: self.privateKey.map { .memory(Secret($0)) },
            passphrase: self.passphrase.map { Secret($0) },
            enableSecret: self.enable.map { Secret($0) }
        )
    }

    /// - Parameter now: milliseconds since 1970.
    /// - Throws: if it may not be used for this.
    func check(device: String, job: String, in inventory: Inventory, now: Int64) throws(SealingError) {
        guard now < self.expires else { throw SealingError("it has expired; seal it anew") }
        if let own = self.job, own != job { throw SealingError("it was sealed for another job") }
        guard AllowedTargets(self.targets ?? ["all"]).contains(device, in: inventory) else {
            throw SealingError(
                self.targets == nil
                    ? "it was sealed for devices of the inventory: name the address when sealing to allow it"
                    : "it was sealed for other devices")
        }
    }
}

extension SealedPayload: CustomStringConvertible, CustomReflectable {
    package var description: String { "a sealed credential's payload" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension SealedPayload {
    /// As text, for a job's `{"credential": {"sealed": …}}`.
    /// - Throws: if it is too large, or the key is none.
    package func sealed(to key: SealingPublicKey) throws -> String {
        let text = try SealedCredential.seal(self, to: key)
        guard text.utf8.count <= SealedCredential.maximumBytes else { throw SealingError("it is too large") }
        return text
    }
}
