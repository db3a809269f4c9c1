import Crypto
import Foundation
import Lab
import Logging
import TestSupport
import Testing

@testable import SSH

/// A key that only has to look like one.
private func key(_ name: String, _ algorithm: String = "ssh-ed25519") -> HostKey {
    var blob: [UInt8] = [0, 0, 0, UInt8(algorithm.utf8.count)] + Array(algorithm.utf8)
    blob += [0, 0, 0, 32] + Array(SHA256.hash(data: Array(name.utf8)))
    return HostKey(algorithm: algorithm, blob: blob)
}

private func hashed(_ name: String) -> String {
    let salt = (0..<20).map { UInt8($0) }
    let code = HMAC<Insecure.SHA1>.authenticationCode(for: Array(name.utf8), using: SymmetricKey(data: salt))
    return "|1|\(Data(salt).base64EncodedString())|\(Data(code).base64EncodedString())"
}

@Suite("known_hosts")
struct KnownHostsTests {
    private static let a = key("a")
    private static let ecdsa = key("a", "ecdsa-sha2-nistp256")

    @Test(
        "lines are found by what OpenSSH would find them by",
        arguments: [
            ("host", "host", 22, true), ("host", "HOST", 22, true), ("Host", "host", 22, true),
            ("host", "hos", 22, false),
            ("[host]:2222", "host", 2222, true), ("[host]:2222", "host", 22, false),
            ("[host]:2222", "host", 2223, false),
            ("host", "host", 2222, true), ("a,host,b", "host", 22, true),
            ("[2001:db8::7]:830", "2001:db8::7", 830, true),
            ("2001:db8::7", "2001:DB8::7", 22, true), ("*.example.net", "r1.example.net", 22, true),
            ("*.example.net", "example.net", 22, false), ("r?", "r1", 22, true), ("r?", "r12", 22, false),
            ("*,!secret", "open", 22, true), ("*,!secret", "secret", 22, false), ("!secret", "open", 22, false),
            ("[*.net]:830", "r1.net", 830, true), ("[*.net]:830", "r1.net", 22, false),
            ("192.0.2.*", "192.0.2.200", 22, true), (hashed("host"), "host", 22, true),
            (hashed("host"), "other", 22, false),
            (hashed("[host]:830"), "host", 830, true), (hashed("[host]:830"), "host", 22, false),
        ])
    func names(_ pattern: String, _ host: String, _ port: Int, _ isKnown: Bool) {
        let hosts = KnownHosts(text: "# comment\n\n\(pattern) \(Self.a.text) comment here\n")
        #expect(hosts.counts == (1, 0, 0))
        #expect(hosts.judge(Self.a, host: host, port: port) == (isKnown ? .known : .unknown))
    }

    @Test("another key has changed, whatever its type")
    func changed() {
        let hosts = KnownHosts(text: "host \(Self.a.text)\n")
        for other in [key("b"), Self.ecdsa] {
            guard case .changed(let known) = hosts.judge(other, host: "host", port: 22) else {
                Issue.record("not changed")
                continue
            }
            #expect(known.map(\.fingerprint) == [Self.a.fingerprint] && known.map(\.line) == [1])
        }
        #expect(hosts.knownAlgorithms(host: "host", port: 22) == ["ssh-ed25519"])
    }

    @Test("a revoked key is refused even where it is also listed, and doesn't make a host known")
    func revoked() {
        let hosts = KnownHosts(
            text: "host \(Self.a.text)\n@revoked * \(Self.a.text)\n@revoked other \(Self.ecdsa.text)\n")
        #expect(hosts.judge(Self.a, host: "host", port: 22) == .revoked)
        #expect(hosts.judge(Self.a, host: "any", port: 830) == .revoked)
        #expect(hosts.judge(key("b"), host: "other", port: 22) == .unknown)
        #expect(hosts.knownAlgorithms(host: "other", port: 22).isEmpty)
    }

    @Test(
        "lines that can't be understood are skipped and counted",
        arguments: [
            "host", "host ssh-ed25519", "host ssh-ed25519 not-base64!",
            "host ssh-rsa \(Data(a.blob).base64EncodedString())",
            "@unknown host \(a.text)", "|1|xx|yy \(a.text)", "|2|a|b \(a.text)", "host 1024 35 1234567", ", \(a.text)",
            "@revoked", "@",
        ])
    func broken(_ line: String) {
        let hosts = KnownHosts(text: "\(line)\nhost \(Self.ecdsa.text)\r\n@cert-authority *.net \(Self.a.text)")
        #expect(hosts.counts == (1, 1, 1))
        #expect(hosts.judge(Self.ecdsa, host: "host", port: 22) == .known)
        #expect(hosts.judge(Self.a, host: "r.net", port: 22) == .unknown)
    }

    @Test("learning writes a line that is read again, and is known at once")
    func learn() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-known-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("new/known_hosts").path
        let hosts = try KnownHosts(file: path)
        #expect(hosts.judge(Self.a, host: "host", port: 22) == .unknown)
        #expect(hosts.learn(Self.a, host: "host", port: 22) == (.known, nil))
        #expect(hosts.learn(Self.a, host: "host", port: 22) == (.known, nil))
        #expect(hosts.learn(Self.ecdsa, host: "host", port: 830).judgement == .known)
        #expect(hosts.learn(key("b"), host: "host", port: 830).judgement != .known)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text == "host \(Self.a.text)\n[host]:830 \(Self.ecdsa.text)\n")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try KnownHosts(file: path).judge(Self.a, host: "host", port: 22) == .known)
    }

    @Test("a file whose last line has no end gets one first")
    func missingLineEnd() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("tether-known-\(UUID().uuidString)")
            .path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "one \(Self.a.text)".write(toFile: path, atomically: true, encoding: .utf8)
        let hosts = try KnownHosts(file: path)
        hosts.learn(Self.ecdsa, host: "two", port: 22)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "one \(Self.a.text)\ntwo \(Self.ecdsa.text)\n")
    }

    @Test("a file that can't be read, or written, is told so")
    func unusableFile() throws {
        #expect(throws: KnownHosts.Unreadable.self) { try KnownHosts(file: "/dev") }
        let hosts = try KnownHosts(file: "/proc/tether/known_hosts")
        #expect(hosts.learn(Self.a, host: "host", port: 22).writeFailure != nil)
        #expect(hosts.judge(Self.a, host: "host", port: 22) == .known)
    }

    @Test("random lines never harm the entries around them")
    func fuzz() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix(seed: seed)
        let alphabet = Array("ab|1*?![]:,@ \t#=/+\u{e9}\r0".unicodeScalars).map(Character.init)
        let pieces = ["@revoked ", "ssh-ed25519 ", "host ", "|1|", Self.a.text, "AAAA", "@cert-authority "]
        for round in 0..<300 {
            let noise = (0..<Int.random(in: 0...8, using: &generator)).map { _ -> String in
                (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                    Bool.random(using: &generator)
                        ? String(alphabet.randomElement(using: &generator) ?? " ")
                        : (pieces.randomElement(using: &generator) ?? "")
                }.joined()
            }
            let text = (noise + ["certain.example \(Self.ecdsa.text)"] + noise).joined(separator: "\n")
            let hosts = KnownHosts(text: text)
            let judgement = hosts.judge(Self.ecdsa, host: "certain.example", port: 22)
            #expect(judgement == .known, "seed \(seed), round \(round): \(text)")
        }
    }

    @Test("fifty thousand plain entries are searched by name")
    func many() {
        let line = " \(Self.a.text)\n"
        let text = (0..<50_000).map { "[device\($0).example]:2222\(line)" }.joined()
        let hosts = KnownHosts(text: text)
        #expect(hosts.counts.entries == 50_000)
        let clock = ContinuousClock()
        let elapsed = clock.measure {
            for number in stride(from: 0, to: 50_000, by: 25) {
                if hosts.judge(Self.a, host: "device\(number).example", port: 2222) != .known {
                    Issue.record("lost \(number)")
                }
            }
        }
        // A linear search would take seconds.
        #expect(elapsed < .seconds(2), "2,000 look-ups took \(elapsed)")
    }

    @Test("a server's own file, hashed by ssh-keygen, is understood")
    func hashedByOpenSSH() async throws {
        try await withServer { server in
            let path = server.folder.appendingPathComponent("known_hosts").path
            try server.knownHosts.write(toFile: path, atomically: true, encoding: .utf8)
            try OpenSSHServer.run("/usr/bin/ssh-keygen", ["-q", "-H", "-f", path])
            #expect(try String(contentsOfFile: path, encoding: .utf8).hasPrefix("|1|"))
            let verifier = PolicyHostKeyVerifier(.strict, knownHosts: try KnownHosts(file: path))
            let connection = try await SSHConnection.connect(to: server, verifier: verifier)
            await connection.close()
        }
    }
}

@Suite("Host key policies")
struct HostKeyPolicyTests {
    private func connect(
        _ check: HostKeyCheck, _ hosts: KnownHosts, to server: OpenSSHServer
    ) async -> SSHError? {
        await failure { () async throws(SSHError) in
            try await SSHConnection.connect(to: server, verifier: PolicyHostKeyVerifier(check, knownHosts: hosts))
        }
    }

    @Test("strict, accept_new and off differ for unknown, known and changed keys")
    func policies() async throws {
        try await withServer { server in
            let known = server.knownHosts
            let changed = "[127.0.0.1]:\(server.port) \(key("other").text)\n"
            // strict
            #expect(await self.connect(.strict, KnownHosts(text: ""), to: server)?.code == .hostKeyUnknown)
            #expect(await self.connect(.strict, KnownHosts(text: known), to: server) == nil)
            #expect(await self.connect(.strict, KnownHosts(text: changed), to: server)?.code == .hostKeyChanged)
            // accept_new
            let learning = KnownHosts(text: "")
            #expect(await self.connect(.acceptNew, learning, to: server) == nil)
            #expect(learning.counts.entries == 1)
            #expect(await self.connect(.strict, learning, to: server) == nil)
            let error = await self.connect(.acceptNew, KnownHosts(text: changed), to: server)
            #expect(error?.code == .hostKeyChanged)
            #expect(error?.message.contains(key("other").fingerprint) == true)
            // off
            #expect(await self.connect(.off, KnownHosts(text: changed), to: server) == nil)
            #expect(await self.connect(.off, KnownHosts(text: ""), to: server) == nil)
        }
    }

    @Test("a host known by one of its keys shows that key", arguments: [0, 1])
    func knownTypeFirst(_ index: Int) async throws {
        try await withServer { server in
            let line = "[127.0.0.1]:\(server.port) \(server.hostPublicKeys[index])\n"
            #expect(await self.connect(.strict, KnownHosts(text: line), to: server) == nil)
        }
    }

    @Test("nothing is sent to sign on before the host key is accepted")
    func nothingBeforeTheCheck() async throws {
        try await withServer(.init(configuration: ["LogLevel DEBUG"])) { server in
            #expect(await self.connect(.strict, KnownHosts(text: ""), to: server)?.code == .hostKeyUnknown)
            #expect(
                await until { server.log.contains("host key not accepted") || server.log.contains("Connection closed") }
            )
            #expect(!server.log.contains("userauth-request"))
        }
    }

    @Test(
        "algorithms of known keys come first, certificates never",
        arguments: [
            (["ssh-rsa"], ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256"]),
            (
                ["ecdsa-sha2-nistp256"],
                ["ecdsa-sha2-nistp256", "ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]
            ),
            (
                ["ssh-ed25519-cert-v01@openssh.com"],
                ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]
            ),
            ([], ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"]),
        ])
    func order(_ known: [String], _ expected: [String]) {
        let supported = [
            "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512",
            "ssh-rsa",
        ]
        #expect(AlgorithmPreferences.hostKeyOrder(.legacy, known: known, supported: supported) == expected)
    }
}
