import NIOPosix

/// A configured way to sign on, ready to use: key files have been read.
enum Credential: Sendable {
    case password(Secret)
    case key(KeyText, passphrase: Secret?)
    /// A key that could not be read. The others are still tried.
    case unusable(SSHError)

    /// Reads what has to be read, on the thread pool for files.
    static func prepare(_ methods: [SSHAuthentication]) async -> [Credential] {
        var credentials: [Credential] = []
        for method in methods {
            switch method {
            case .password(let password):
                credentials.append(.password(password))
            case .privateKey(.memory(let text), let passphrase):
                credentials.append(.key(KeyText(text: text, name: "given in memory"), passphrase: passphrase))
            case .privateKey(.file(let path), let passphrase):
                do throws(SSHError) {
                    credentials.append(.key(try await KeyText(file: path), passphrase: passphrase))
                } catch {
                    credentials.append(.unusable(error))
                }
            }
        }
        return credentials
    }
}

extension Credential {
    /// The first reason why there is nothing to sign on with; `nil` if anything can be tried.
    static func onlyError(_ credentials: [Credential]) -> SSHError? {
        var first: SSHError?
        for credential in credentials {
            guard case .unusable(let error) = credential else { return nil }
            if first == nil { first = error }
        }
        return first
    }
}

/// The text of a private key and where it came from, for messages.
struct KeyText: Sendable {
    let text: Secret
    let name: String

    init(text: Secret, name: String) {
        self.text = text
        self.name = name
    }

    /// - Throws: `auth.key` when the file can't be read.
    init(file path: String) async throws(SSHError) {
        let result: Result<[UInt8], SSHError>
        do {
            result = try await NIOThreadPool.singleton.runIfActive { KeyText.read(path) }
        } catch is CancellationError {
            throw SSHError(.cancelled, "The connection attempt was cancelled.")
        } catch {
            throw SSHError(.authenticationKey, "The key file \(path) can't be read: \(error).")
        }
        self.init(text: Secret(String(decoding: try result.get(), as: UTF8.self)), name: path)
    }

    /// No private key is longer; a path that leads to a device or a log must not fill the memory.
    private static let maximumLength = 256 * 1024

    private static func read(_ path: String) -> Result<[UInt8], SSHError> {
        FileReader.read(path, limit: self.maximumLength).mapError { reason in
            SSHError(.authenticationKey, "The key file \(path) can't be read: \(reason).")
        }
    }

    /// Whether the key is known to be an RSA key.
    var isRSA: Bool {
        self.text.withExposedValue { text in
            if text.contains("BEGIN RSA PRIVATE KEY") { return true }
            return OpenSSHKeyFile.publicKeyType(of: text) == "ssh-rsa"
        }
    }
}

/// Reads the part of OpenSSH's private key format that is never encrypted.
///
/// The format (`PROTOCOL.key` of OpenSSH) is `openssh-key-v1`, cipher, key derivation and its options, the number of keys, and
/// the public key blob.
enum OpenSSHKeyFile {
    static func publicKeyBlob(of text: String) -> [UInt8]? {
        guard let begin = text.range(of: "-----BEGIN OPENSSH PRIVATE KEY-----"),
            let end = text.range(of: "-----END", range: begin.upperBound..<text.endIndex),
            let bytes = Base64.decode(text[begin.upperBound..<end.lowerBound])
        else { return nil }
        let magic = Array("openssh-key-v1\0".utf8)
        guard bytes.starts(with: magic) else { return nil }
        var reader = WireReader(bytes.dropFirst(magic.count))
        guard reader.readString() != nil, reader.readString() != nil, reader.readString() != nil,
            reader.readUInt32() == 1, let blob = reader.readString()
        else { return nil }
        return Array(blob)
    }

    static func publicKeyType(of text: String) -> String? {
        self.publicKeyBlob(of: text).flatMap { HostKey(blob: $0)?.algorithm }
    }
}
