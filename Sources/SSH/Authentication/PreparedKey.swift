import NIOPosix

/// A private key and where it came from, for messages.
struct PreparedKey: Sendable {
    let text: Secret
    let passphrase: Secret?
    let name: String
    /// The parsed key; `nil` where libssh2 has to parse it each time.
    let parsed: SigningKey?

    init(text: Secret, passphrase: Secret?, name: String, parsed: SigningKey?) {
        self.text = text
        self.passphrase = passphrase
        self.name = name
        self.parsed = parsed
    }

    /// - Throws: `auth.key` when the key can't be read or parsed.
    init(_ source: SSHAuthentication.PrivateKeySource, passphrase: Secret?) async throws(SSHError) {
        let result: Result<PreparedKey, SSHError>
        do {
            result = try await NIOThreadPool.singleton.runIfActive { Self.prepare(source, passphrase) }
        } catch is CancellationError {
            throw SSHError(.cancelled, "The connection attempt was cancelled.")
        } catch {
            throw SSHError(.authenticationKey, "The private key can't be read: \(error).")
        }
        self = try result.get()
    }

    /// No private key is longer; a path that leads to a device or a log must not fill the memory.
    private static let maximumLength = 256 * 1024

    private static func prepare(
        _ source: SSHAuthentication.PrivateKeySource, _ passphrase: Secret?
    ) -> Result<PreparedKey, SSHError> {
        let text: Secret
        let name: String
        switch source {
        case .memory(let given):
            (text, name) = (given, "given in memory")
        case .file(let path):
            switch FileReader.read(path, limit: self.maximumLength) {
            case .success(let bytes): (text, name) = (Secret(String(decoding: bytes, as: UTF8.self)), path)
            case .failure(let reason):
                return .failure(SSHError(.authenticationKey, "The key file \(path) can't be read: \(reason)."))
            }
        }
        guard SigningKey.isAvailable else {
            return .success(PreparedKey(text: text, passphrase: passphrase, name: name, parsed: nil))
        }
        do throws(SigningKey.Failure) {
            let parsed = try SigningKeyCache.shared.key(text, passphrase: passphrase)
            return .success(PreparedKey(text: text, passphrase: passphrase, name: name, parsed: parsed))
        } catch {
            return .failure(self.unusable(name, hasPassphrase: passphrase != nil, error.reason))
        }
    }

    /// A key that can't be parsed.
    static func unusable(_ name: String, hasPassphrase: Bool, _ reason: String) -> SSHError {
        let hint = hasPassphrase ? "Check the passphrase" : "If it is encrypted, give its passphrase"
        return SSHError(
            .authenticationKey,
            "The private key \(name) can't be used (\(reason)). \(hint); the formats that can be read are OpenSSH (encrypted "
                + "with AES-CTR or AES-CBC), PEM and PKCS#8 with Ed25519, ECDSA or RSA keys.")
    }

    /// Whether the key is known to be an RSA key.
    var isRSA: Bool {
        if let parsed { return parsed.algorithm == "ssh-rsa" }
        return self.text.withExposedValue { text in
            text.contains("BEGIN RSA PRIVATE KEY") || OpenSSHKeyFile.publicKeyType(of: text) == "ssh-rsa"
        }
    }
}
