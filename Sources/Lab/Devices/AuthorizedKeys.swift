import CLibSSH

/// Public keys that may log in.
///
/// `@unchecked Sendable`: the C objects are not changed after `init`, and comparing reads them only.
final class AuthorizedKeys: @unchecked Sendable {
    private let keys: [ssh_key]

    /// - Parameter lines: `type base64 [comment]`.
    init(_ lines: [String]) throws(LabError) {
        LibSSH.initialize()
        var keys: [ssh_key] = []
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            var key: ssh_key?
            guard words.count >= 2,
                ssh_pki_import_pubkey_base64(words[1], ssh_key_type_from_name(words[0]), &key) == SSH_OK, let key
            else {
                for key in keys { ssh_key_free(key) }
                throw LabError("not a public key as in an authorized_keys file: \(line)")
            }
            keys.append(key)
        }
        self.keys = keys
    }

    deinit { for key in keys { ssh_key_free(key) } }

    var isEmpty: Bool { keys.isEmpty }

    func contains(_ key: ssh_key) -> Bool { keys.contains { ssh_key_cmp($0, key, SSH_KEY_CMP_PUBLIC) == 0 } }
}
