import CLibSSH2

/// What the client offers, best first.
///
/// Only names that the library knows are ever given to it; the lists also name what newer versions of libssh2 bring.
enum AlgorithmPreferences {
    /// The methods that take a single core tens of milliseconds and more (group 16 and group exchange about 40, group 18
    /// about 280) come last: a key exchange is one uninterruptible call on an event loop that serves other sessions.
    private static let keyExchange = Names(
        standard: [
            "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp521",
            "ecdh-sha2-nistp384", "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512",
            "diffie-hellman-group-exchange-sha256", "diffie-hellman-group18-sha512",
        ],
        legacy: ["diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1"])
    private static let ciphers = Names(
        standard: [
            "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
        ],
        legacy: ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"])
    private static let macs = Names(
        standard: [
            "hmac-sha2-256", "hmac-sha2-512", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com",
        ],
        legacy: ["hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"])
    /// Never certificate types: libssh2 names them but can't check them, and a server that has one would choose it.
    private static let hostKeys = Names(
        standard: [
            "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
            "rsa-sha2-256",
        ],
        legacy: ["ssh-rsa", "ssh-dss"])

    /// Names of one kind, best first.
    private struct Names: Sendable {
        var standard: [String]
        var legacy: [String]

        func of(_ profile: AlgorithmProfile) -> [String] {
            switch profile {
            case .standard: self.standard
            case .legacy: self.standard + self.legacy
            }
        }
    }

    private static let kinds: [(kind: Int32, names: Names)] = [
        (LIBSSH2_METHOD_KEX, keyExchange), (LIBSSH2_METHOD_CRYPT_CS, ciphers), (LIBSSH2_METHOD_CRYPT_SC, ciphers),
        (LIBSSH2_METHOD_MAC_CS, macs), (LIBSSH2_METHOD_MAC_SC, macs),
    ]
    private static let standard = preferences(.standard)
    private static let legacy = preferences(.legacy)

    /// Put together once, for all sessions.
    private struct Preference: Sendable {
        let kind: Int32
        let names: [String]
        /// As libssh2 takes them.
        let list: String

        init(_ kind: Int32, _ names: [String]) {
            self.kind = kind
            self.names = names
            self.list = names.joined(separator: ",")
        }
    }

    private static func preferences(_ profile: AlgorithmProfile) -> [Preference] {
        let hostKeys = self.hostKeyOrder(
            profile, known: [], supported: LibSSH2Library.supported[LIBSSH2_METHOD_HOSTKEY] ?? [])
        return self.kinds.map { kind, names in
            let supported = LibSSH2Library.supported[kind] ?? []
            return Preference(kind, names.of(profile).filter(supported.contains))
        } + [Preference(LIBSSH2_METHOD_HOSTKEY, hostKeys)]
    }

    /// The names offered for key exchange, ciphers and MACs, each list best first.
    static func names(_ profile: AlgorithmProfile) -> [[String]] {
        (profile == .legacy ? self.legacy : self.standard).filter { $0.kind != LIBSSH2_METHOD_HOSTKEY }.map(\.names)
    }

    /// Sets all preferences of a session.
    ///
    /// - Parameter known: the key types (names as in ``HostKey/algorithm``) that are known for the host.
    static func apply(_ profile: AlgorithmProfile, to session: LibSSH2Session, knownHostKeys known: [String]) {
        for preference in profile == .legacy ? self.legacy : self.standard {
            session.setPreference(preference.kind, preference.list)
        }
        guard !known.isEmpty else { return }
        let supported = LibSSH2Library.supported[LIBSSH2_METHOD_HOSTKEY] ?? []
        let order = self.hostKeyOrder(profile, known: known, supported: supported)
        session.setPreference(LIBSSH2_METHOD_HOSTKEY, order.joined(separator: ","))
    }

    /// The host key algorithms to offer: those whose keys are known first, so that a server with several shows one that can be
    /// checked.
    static func hostKeyOrder(_ profile: AlgorithmProfile, known: [String], supported: [String]) -> [String] {
        let offered = self.hostKeys.of(profile)
        func algorithms(of type: String) -> [String] {
            // One RSA key signs under three names (RFC 8332 §3).
            type == "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]
        }
        var order: [String] = []
        for name in known.flatMap(algorithms) + offered
        where offered.contains(name) && supported.contains(name) && !order.contains(name) {
            order.append(name)
        }
        return order
    }

    /// Whether the legacy profile has what a server offers.
    static func legacyHelps(_ list: AlgorithmOffer.List, server: AlgorithmOffer) -> Bool {
        let (kind, names): (Int32, Names)
        switch list {
        case .keyExchange: (kind, names) = (LIBSSH2_METHOD_KEX, self.keyExchange)
        case .hostKey: (kind, names) = (LIBSSH2_METHOD_HOSTKEY, self.hostKeys)
        case .cipherToServer, .cipherToClient: (kind, names) = (LIBSSH2_METHOD_CRYPT_CS, self.ciphers)
        case .macToServer, .macToClient: (kind, names) = (LIBSSH2_METHOD_MAC_CS, self.macs)
        case .compressionToServer, .compressionToClient: return false
        }
        let supported = LibSSH2Library.supported[kind] ?? []
        return names.legacy.contains { supported.contains($0) && server[list].contains($0) }
    }
}
