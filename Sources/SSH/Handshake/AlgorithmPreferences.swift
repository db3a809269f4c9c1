import CLibSSH2

/// What the client offers, best first.
///
/// Only names that the library knows are ever given to it; the lists also name what newer versions of libssh2 bring.
enum AlgorithmPreferences {
    /// The methods that take a single core tens of milliseconds and more (group 16 and group exchange about 40, group 18
    /// about 280) come last: a key exchange is one uninterruptible call on an event loop that serves other sessions.
    private static let keyExchange = [
        "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp521",
        "ecdh-sha2-nistp384", "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1",
        "diffie-hellman-group16-sha512", "diffie-hellman-group-exchange-sha256", "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1",
    ]
    private static let ciphers = [
        "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com",
        "chacha20-poly1305@openssh.com", "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc",
    ]
    private static let macs = [
        "hmac-sha2-256", "hmac-sha2-512", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha1",
        "hmac-sha1-96", "hmac-md5", "hmac-md5-96",
    ]
    /// Never certificate types: libssh2 names them but can't check them, and a server that has one would choose it.
    private static let hostKeys = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
        "rsa-sha2-256", "ssh-rsa", "ssh-dss",
    ]

    private static let fixed: [(kind: Int32, names: [String])] = [
        (LIBSSH2_METHOD_KEX, keyExchange), (LIBSSH2_METHOD_CRYPT_CS, ciphers), (LIBSSH2_METHOD_CRYPT_SC, ciphers),
        (LIBSSH2_METHOD_MAC_CS, macs), (LIBSSH2_METHOD_MAC_SC, macs),
    ].map { kind, names in
        let supported = LibSSH2Library.supported[kind] ?? []
        return (kind, names.filter(supported.contains))
    }

    /// Sets all preferences of a session.
    ///
    /// - Parameter known: the key types (names as in ``HostKey/algorithm``) that are known for the host.
    static func apply(to session: LibSSH2Session, knownHostKeys known: [String]) {
        for (kind, names) in self.fixed { session.setPreference(kind, names) }
        let supported = LibSSH2Library.supported[LIBSSH2_METHOD_HOSTKEY] ?? []
        session.setPreference(LIBSSH2_METHOD_HOSTKEY, self.hostKeyOrder(known: known, supported: supported))
    }

    /// The host key algorithms to offer: those whose keys are known first, so that a server with several shows one that can be
    /// checked.
    static func hostKeyOrder(known: [String], supported: [String]) -> [String] {
        func algorithms(of type: String) -> [String] {
            // One RSA key signs under three names (RFC 8332 §3).
            type == "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]
        }
        var order: [String] = []
        for name in known.flatMap(algorithms) + self.hostKeys
        where self.hostKeys.contains(name) && supported.contains(name) && !order.contains(name) {
            order.append(name)
        }
        return order
    }
}
