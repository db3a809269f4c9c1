import Logging
import TestSupport
import Testing

@testable import SSH

@Suite("Old algorithms and no common ones")
struct AlgorithmTests {
    struct Row: Sendable {
        var line: String
        var list: String
        /// What the server offers, and a name that we do.
        var theirs: String
        var ours: String
        /// Whether the legacy profile has it.
        var legacyHelps: Bool
        var hostKey = "ed25519"
    }

    static let rows: [Row] = [
        Row(
            line: "KexAlgorithms diffie-hellman-group14-sha1", list: "key exchange method",
            theirs: "diffie-hellman-group14-sha1", ours: "curve25519-sha256", legacyHelps: true),
        Row(
            line: "KexAlgorithms diffie-hellman-group1-sha1", list: "key exchange method",
            theirs: "diffie-hellman-group1-sha1", ours: "ecdh-sha2-nistp256", legacyHelps: true),
        Row(
            line: "KexAlgorithms diffie-hellman-group-exchange-sha1", list: "key exchange method",
            theirs: "diffie-hellman-group-exchange-sha1", ours: "curve25519-sha256", legacyHelps: true),
        Row(line: "Ciphers aes128-cbc", list: "cipher", theirs: "aes128-cbc", ours: "aes128-ctr", legacyHelps: true),
        Row(line: "Ciphers 3des-cbc", list: "cipher", theirs: "3des-cbc", ours: "aes256-ctr", legacyHelps: true),
        Row(line: "MACs hmac-sha1", list: "MAC", theirs: "hmac-sha1", ours: "hmac-sha2-256", legacyHelps: true),
        Row(
            line: "HostKeyAlgorithms ssh-rsa", list: "host key type", theirs: "ssh-rsa", ours: "rsa-sha2-512",
            legacyHelps: true, hostKey: "rsa"),
        Row(
            line: "Ciphers aes256-gcm@openssh.com", list: "cipher", theirs: "aes256-gcm@openssh.com",
            ours: "aes128-ctr",
            legacyHelps: false),
        Row(
            line: "MACs umac-64-etm@openssh.com", list: "MAC", theirs: "umac-64-etm@openssh.com", ours: "hmac-sha2-512",
            legacyHelps: false),
        Row(
            line: "KexAlgorithms sntrup761x25519-sha512@openssh.com", list: "key exchange method",
            theirs: "sntrup761x25519-sha512@openssh.com", ours: "curve25519-sha256", legacyHelps: false),
    ]

    @Test("a server with old algorithms needs the legacy profile, and the error says so", arguments: rows.indices)
    func profiles(_ index: Int) async throws {
        try #require(LibSSH2Library.version.hasPrefix("1.10."), "newer libraries have other algorithms")
        let row = Self.rows[index]
        try await withServer(.init(hostKeyTypes: [row.hostKey], configuration: [row.line])) { server in
            let configuration = { (profile: AlgorithmProfile) in
                SSHConfiguration(
                    host: server.host, port: server.port, username: server.username,
                    authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
                    hostKeyVerifier: .unchecked, algorithms: profile)
            }
            for profile in [AlgorithmProfile.standard, .legacy] {
                let error = await failure { () async throws(SSHError) in
                    try await SSHConnection.connect(
                        configuration(profile), on: anyLoop, logger: Logger(label: "test"))
                }
                if profile == .legacy, row.legacyHelps {
                    #expect(error == nil, "\(row.line): \(String(describing: error))")
                    continue
                }
                #expect(error?.code == .algorithms, "\(row.line): \(String(describing: error))")
                let message = error?.message ?? ""
                #expect(
                    message.contains("No common \(row.list) with") && message.contains("it offers \(row.theirs);")
                        && message.contains(row.ours), "\(message)")
                #expect(message.contains("legacy_algorithms: true") == (profile == .standard && row.legacyHelps))
            }
        }
    }

    @Test("the standard profile offers nothing with known weaknesses, the legacy one offers that last")
    func offers() {
        let weak = ["sha1", "md5", "cbc", "3des", "ssh-dss", "arcfour"]
        let supported = LibSSH2Library.supported.values.flatMap { $0 }
        for known in [[], ["ssh-rsa"]] {
            let names = AlgorithmPreferences.hostKeyOrder(.standard, known: known, supported: supported)
            #expect(!names.contains("ssh-rsa") && !names.contains("ssh-dss") && names.contains("rsa-sha2-512"))
            #expect(AlgorithmPreferences.hostKeyOrder(.legacy, known: known, supported: supported).contains("ssh-rsa"))
        }
        for (standard, legacy) in zip(AlgorithmPreferences.names(.standard), AlgorithmPreferences.names(.legacy)) {
            #expect(!standard.isEmpty && legacy.starts(with: standard) && legacy.count > standard.count)
            let isWeak = { (name: String) in
                weak.contains(where: name.contains) || name.hasPrefix("hmac-sha1")
            }
            #expect(!standard.contains(where: isWeak))
            #expect(legacy.dropFirst(standard.count).allSatisfy(isWeak))
        }
    }
}
