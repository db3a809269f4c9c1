import CLibSSH
import Glibc
import NIOConcurrencyHelpers

/// Kind of a server's host key.
package enum HostKeyType: String, Sendable, CaseIterable {
    case ed25519
    case ecdsa
    case rsa
}

/// Algorithms a device offers, comma-separated in order of preference. `nil`: the library's default.
package struct OfferedAlgorithms: Sendable, Hashable {
    package var keyExchange: String?
    package var ciphers: String?
    package var macs: String?

    package init(keyExchange: String? = nil, ciphers: String? = nil, macs: String? = nil) {
        self.keyExchange = keyExchange
        self.ciphers = ciphers
        self.macs = macs
    }
}

/// A host key with the server options that go with it.
///
/// Safe to use from any thread: `@unchecked` because the C object is immutable after `init` apart from what libssh does inside
/// `ssh_bind_accept_fd`, which only runs under the lock.
final class HostKey: @unchecked Sendable {
    /// The public key as in `known_hosts`: type and base64 text.
    let publicKey: String
    private let bind: ssh_bind
    private let lock = NIOLock()

    init(_ type: HostKeyType, algorithms: OfferedAlgorithms) throws(LabError) {
        LibSSH.initialize()
        var key: ssh_key?
        let (keyType, bits): (ssh_keytypes_e, Int32) =
            switch type {
            case .ed25519: (SSH_KEYTYPE_ED25519, 0)
            case .ecdsa: (SSH_KEYTYPE_ECDSA_P256, 256)
            case .rsa: (SSH_KEYTYPE_RSA, 2048)
            }
        guard ssh_pki_generate(keyType, bits, &key) == SSH_OK, let key, let bind = ssh_bind_new() else {
            throw LabError("libssh can't generate a host key of type \(type.rawValue)")
        }
        var text: UnsafeMutablePointer<CChar>?
        guard ssh_pki_export_pubkey_base64(key, &text) == SSH_OK, let text,
            let name = ssh_key_type_to_char(ssh_key_type(key))
        else { throw LabError("libssh can't export a host key of type \(type.rawValue)") }
        // libssh 0.10 calls every ECDSA key "ecdsa-sha2-nistp256" or by its curve; ed25519 and RSA by their SSH names.
        publicKey = String(cString: name) + " " + String(cString: text)
        ssh_string_free_char(text)

        // The machine's own libssh configuration must not change what a simulated device offers.
        var processesConfiguration = false
        ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &processesConfiguration)
        var accepted = true
        func set(_ option: ssh_bind_options_e, _ value: String?) {
            if let value { accepted = accepted && ssh_bind_options_set(bind, option, value) == SSH_OK }
        }
        set(SSH_BIND_OPTIONS_KEY_EXCHANGE, algorithms.keyExchange)
        set(SSH_BIND_OPTIONS_CIPHERS_C_S, algorithms.ciphers)
        set(SSH_BIND_OPTIONS_CIPHERS_S_C, algorithms.ciphers)
        set(SSH_BIND_OPTIONS_HMAC_C_S, algorithms.macs)
        set(SSH_BIND_OPTIONS_HMAC_S_C, algorithms.macs)
        // The key is the bind object's from here on.
        accepted = accepted && ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, UnsafeRawPointer(key)) == SSH_OK
        self.bind = bind
        guard accepted else { throw LabError("libssh doesn't know one of the algorithms \(algorithms)") }
    }

    deinit { ssh_bind_free(bind) }

    /// Makes `session` the server side of the accepted socket `descriptor`, which it owns afterwards if this succeeds.
    func adopt(_ descriptor: Int32, as session: ssh_session) -> Bool {
        lock.withLock { ssh_bind_accept_fd(bind, session, descriptor) == SSH_OK }
    }
}

enum LibSSH {
    private static let initialized: Int32 = {
        // A write to a connection that the peer has closed must be an error, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        return ssh_init()
    }()

    /// Initialises the library once for the process, before any thread uses it.
    static func initialize() { _ = initialized }
}
