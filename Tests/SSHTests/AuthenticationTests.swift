import Foundation
import TestSupport
import Testing

@testable import SSH

@Suite("Signing on")
struct AuthenticationTests {
    @Test("a key signs on from a file and from memory", arguments: ["ed25519", "ecdsa", "rsa"])
    func keys(_ type: String) async throws {
        try await withServer(.init(clientKeyType: type)) { server in
            for source in [
                SSHAuthentication.PrivateKeySource.file(server.clientKeyPath), .memory(Secret(server.clientKeyText)),
            ] {
                let connection = try await SSHConnection.connect(
                    to: server, authentication: [.privateKey(source, passphrase: nil)])
                await connection.close()
            }
        }
    }

    @Test("an encrypted key needs the right passphrase")
    func passphrase() async throws {
        try await withServer(.init(clientKeyPassphrase: "open sesame")) { server in
            let connection = try await SSHConnection.connect(
                to: server,
                authentication: [.privateKey(.file(server.clientKeyPath), passphrase: Secret("open sesame"))])
            await connection.close()
            for wrong in [Secret("wrong"), nil] {
                let error = await failure { () async throws(SSHError) in
                    try await SSHConnection.connect(
                        to: server,
                        authentication: [.privateKey(.memory(Secret(server.clientKeyText)), passphrase: wrong)])
                }
                #expect(error?.code == .authenticationKey, "\(String(describing: error))")
                #expect(error?.message.contains("wrong") == false)
            }
        }
    }

    @Test(
        "keys in PEM and PKCS#8 sign on, encrypted or not",
        arguments: [("ecdsa", "PEM"), ("rsa", "PEM"), ("ecdsa", "PKCS8"), ("rsa", "PKCS8")], ["", "open sesame"])
    func formats(_ kind: (String, String), _ passphrase: String) async throws {
        try await withServer(.init(clientKeyType: kind.0)) { server in
            try OpenSSHServer.run(
                "/usr/bin/ssh-keygen",
                ["-q", "-p", "-m", kind.1, "-P", "", "-N", passphrase, "-f", server.clientKeyPath])
            let connection = try await SSHConnection.connect(
                to: server,
                authentication: [
                    .privateKey(.file(server.clientKeyPath), passphrase: passphrase.isEmpty ? nil : Secret(passphrase))
                ])
            await connection.close()
        }
    }

    @Test("an encrypted RSA key in OpenSSH's format signs with SHA-2")
    func encryptedRSA() async throws {
        try await withServer(.init(clientKeyType: "rsa", clientKeyPassphrase: "open sesame")) { server in
            let connection = try await SSHConnection.connect(
                to: server,
                authentication: [.privateKey(.file(server.clientKeyPath), passphrase: Secret("open sesame"))])
            await connection.close()
            #expect(await until { server.log.contains("Accepted publickey") })
        }
    }

    @Test("a key that the server doesn't know is rejected with what it accepts")
    func wrongKey() async throws {
        try await withServer { server in
            let stranger = server.folder.appendingPathComponent("stranger").path
            try OpenSSHServer.run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", stranger])
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(
                    to: server, authentication: [.privateKey(.file(stranger), passphrase: nil)])
            }
            #expect(error?.code == .authenticationFailed)
            #expect(error?.message.contains("publickey") == true)
        }
    }

    @Test(
        "a key file that isn't there, or is no key, is said to be so",
        arguments: ["/nowhere/id", "/dev/null", "/etc/passwd"])
    func unreadableKey(_ path: String) async throws {
        try await withServer { server in
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(to: server, authentication: [.privateKey(.file(path), passphrase: nil)])
            }
            #expect(error?.code == .authenticationKey)
            #expect(error?.message.contains(path) == true, "\(error?.message ?? "")")
        }
    }

    @Test("an unreadable key doesn't keep the next credential from being tried")
    func nextAfterUnreadable() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(
                to: server,
                authentication: [
                    .privateKey(.file("/nowhere/id"), passphrase: nil),
                    .privateKey(.memory(Secret("nonsense")), passphrase: nil),
                    .password(Secret("not offered")), .privateKey(.file(server.clientKeyPath), passphrase: nil),
                ])
            await connection.close()
        }
    }

    @Test("a password is taken right and refused wrong", .enabled(if: getuid() == 0))
    func password() async throws {
        try await withServer(
            .init(password: "correct horse", configuration: ["KbdInteractiveAuthentication no"])
        ) { server in
            let connection = try await SSHConnection.connect(
                to: server, authentication: [.password(Secret("correct horse"))])
            await connection.close()
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(to: server, authentication: [.password(Secret("battery staple"))])
            }
            #expect(error?.code == .authenticationFailed)
            #expect(error?.message.contains("battery") == false)
        }
    }

    @Test(
        "hidden questions are answered with the password where that method isn't offered", .enabled(if: getuid() == 0))
    func keyboardInteractive() async throws {
        try await withServer(.init(password: "correct horse", configuration: ["PasswordAuthentication no"])) { server in
            let connection = try await SSHConnection.connect(
                to: server, authentication: [.password(Secret("correct horse"))])
            await connection.close()
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(to: server, authentication: [.password(Secret("battery staple"))])
            }
            #expect(error?.code == .authenticationFailed)
        }
    }

    @Test("a server that wants two methods gets both", .enabled(if: getuid() == 0))
    func partialSuccess() async throws {
        try await withServer(
            .init(password: "correct horse", configuration: ["AuthenticationMethods publickey,password"])
        ) { server in
            let connection = try await SSHConnection.connect(
                to: server,
                authentication: [
                    .password(Secret("correct horse")), .privateKey(.file(server.clientKeyPath), passphrase: nil),
                ])
            await connection.close()
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(
                    to: server, authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)])
            }
            #expect(error?.code == .authenticationFailed)
        }
    }

    @Test("a server that never finishes is given up after the authentication time-out", .enabled(if: getuid() == 0))
    func timeout() async throws {
        try await withServer(.init(password: Self.slow)) { server in
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(
                    to: server, authentication: [.password(Secret("any"))],
                    timeouts: SSHTimeouts(authentication: .milliseconds(300)))
            }
            #expect(error?.code == .authenticationTimeout, "\(String(describing: error))")
        }
    }

    @Test("signing on can be cancelled", .enabled(if: getuid() == 0))
    func cancellation() async throws {
        try await withServer(.init(password: Self.slow)) { server in
            let task = Task { () -> SSHError? in
                await failure { () async throws(SSHError) in
                    try await SSHConnection.connect(to: server, authentication: [.password(Secret("any"))])
                }
            }
            // The server has forked its check: the password is on its way.
            #expect(await until { !server.sessionProcesses.isEmpty })
            task.cancel()
            #expect(await task.value?.code == .cancelled)
        }
    }

    /// Makes the server's check of a password take three seconds, by leaving the quotes around it.
    private static let slow = "'; exec sleep 3; '"

    @Test("an account that the server is tired of counts as rejected", .enabled(if: getuid() == 0))
    func tooManyFailures() async throws {
        try await withServer(.init(password: "correct horse", configuration: ["MaxAuthTries 1"])) { server in
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(to: server, authentication: [.password(Secret("battery staple"))])
            }
            #expect(error?.code == .authenticationFailed, "\(String(describing: error))")
        }
    }

    @Test("a secret never shows")
    func secrets() {
        let secret = Secret("hunter2")
        let configuration = SSHConfiguration(
            host: "h", username: "u",
            authentication: [.password(secret), .privateKey(.memory(secret), passphrase: secret)],
            hostKeyVerifier: .unchecked)
        var dumped = "\(secret) \(String(reflecting: secret)) \(configuration.authentication)"
        dump(configuration.authentication, to: &dumped)
        #expect(!dumped.contains("hunter2"))
    }
}

@Suite("The plan of signing on")
struct AuthenticationPlanTests {
    private static let key = PreparedKey(text: Secret("key"), passphrase: nil, name: "id", parsed: nil)

    /// What an action is, for comparison.
    private func name(_ action: AuthenticationPlan.Action) -> String {
        switch action {
        case .askMethods: "ask"
        case .password: "password"
        case .keyboardInteractive: "keyboard-interactive"
        case .publicKey: "publickey"
        case .agentKey(let key, _): "agent \(key.comment)"
        case .fail(let error): error.code.rawValue
        }
    }

    @Test(
        "methods are tried in the configured order, as far as the server offers them",
        arguments: [
            (["password", "publickey"], ["publickey", "password", "auth.failed"]),
            (["publickey"], ["publickey", "auth.failed"]),
            (["keyboard-interactive"], ["keyboard-interactive", "auth.failed"]),
            (["keyboard-interactive", "password"], ["password", "auth.failed"]),
            (["hostbased"], ["auth.failed"]),
            ([], ["auth.failed"]),
        ])
    func order(_ offered: [String], _ expected: [String]) {
        var plan = AuthenticationPlan(
            username: "u", credentials: [.key(Self.key), .password(Secret("p"))])
        #expect(self.name(plan.start(server: "")) == "ask")
        var tried: [String] = []
        while tried.count < 5 {
            let method = self.name(plan.offered(offered))
            tried.append(method)
            if method == "auth.failed" { break }
            let next = self.name(plan.rejected(method))
            if next == "auth.failed" {
                tried.append(next)
                break
            }
        }
        #expect(tried == expected)
    }

    @Test("a credential that waits for its method is used after a partial success")
    func partialSuccess() {
        var plan = AuthenticationPlan(
            username: "u", credentials: [.password(Secret("p")), .key(Self.key)])
        _ = plan.start(server: "")
        #expect(self.name(plan.offered(["publickey"])) == "publickey")
        #expect(self.name(plan.rejected("publickey")) == "ask")
        #expect(self.name(plan.offered(["password"])) == "password")
    }

    @Test(
        "how an RSA key signs depends on the server",
        arguments: [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2", [RSASignatures.sha512]), ("SSH-2.0-OpenSSH_7.2", [.sha512]),
            ("SSH-2.0-OpenSSH_7.1", [.sha1]), ("SSH-2.0-OpenSSH_10.0", [.sha512]),
            ("SSH-2.0-OpenSSH_x", [.sha512, .sha1]),
            ("SSH-2.0-Cisco-1.25", [.sha1, .sha512]), ("SSH-2.0-libssh_0.10.6", [.sha1]),
            ("SSH-2.0-dropbear_2022.83", [.sha1, .sha512]),
        ])
    func rsaSignatures(_ server: String, _ expected: [RSASignatures]) {
        #expect(RSASignatures.order(server: server) == expected)
    }

    @Test("an unusable key is the reason only when nothing was rejected")
    func keyErrors() {
        let broken = SSHError(.authenticationKey, "no such file")
        var plan = AuthenticationPlan(username: "u", credentials: [.unusable(broken)])
        #expect(self.name(plan.start(server: "")) == "auth.key")
        plan = AuthenticationPlan(username: "u", credentials: [.unusable(broken), .password(Secret("p"))])
        _ = plan.start(server: "")
        _ = plan.offered(["password"])
        #expect(self.name(plan.rejected("password")) == "auth.failed")
        plan = AuthenticationPlan(username: "u", credentials: [.key(Self.key), .password(Secret("p"))])
        _ = plan.start(server: "")
        #expect(self.name(plan.offered(["publickey", "password"])) == "publickey")
        #expect(self.name(plan.keyFailed(broken)) == "password")
    }
}
