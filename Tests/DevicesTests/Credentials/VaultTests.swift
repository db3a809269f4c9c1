import Foundation
import NIOConcurrencyHelpers
import NIOPosix
import SSH
import TestSupport
import Testing

@testable import Devices

@Suite("Vault", .timeLimit(.minutes(2)))
struct VaultTests {
    private let place = SecretLocation(.vault(path: "secret/data/a"))

    private func client(
        _ server: VaultServer, _ authentication: VaultConfiguration.Authentication, namespace: String? = nil
    ) -> VaultClient {
        VaultClient(
            VaultConfiguration(
                address: server.address, namespace: namespace, certificateFile: server.certificateFile,
                authentication: authentication),
            timerLoop: MultiThreadedEventLoopGroup.singleton.next())
    }

    private func token(_ text: String) -> VaultConfiguration.Authentication { .token(.value(Secret(text))) }

    private func role(_ role: (roleID: String, secretID: String), mount: String = "approle")
        -> VaultConfiguration.Authentication
    {
        .appRole(roleID: .value(Secret(role.roleID)), secretID: .value(Secret(role.secretID)), mount: mount)
    }

    private func problem(_ client: VaultClient, _ path: String) async -> String {
        do throws(SecretFailure) {
            _ = try await client.read(path, SecretLocation(.vault(path: path)))
            return "none"
        } catch {
            return error.message
        }
    }

    private func untilRefused(_ token: Secret, by server: VaultServer) async throws {
        try await until("the token is refused") {
            try await server.call(.get, "auth/token/lookup-self", token: token.withExposedValue { $0 }).status == 403
        }
    }

    @Test(
        "the latest version is read, with a token and with an AppRole, at any mount, with namespace and request headers"
    )
    func reads() async throws {
        let server = try await VaultServer.start()
        defer { server.stop() }
        try await server.write("net work/größe", ["password": "one", "user": "u"])
        try await server.write("net work/größe", ["password": "two", "user": "u"])
        let methods = [
            self.token(try await server.makeToken(ttl: "1h")), self.token(VaultServer.rootToken),
            self.role(try await server.makeRole(ttl: "1h")),
            self.role(try await server.makeRole(ttl: "1h", mount: "machines"), mount: "machines"),
        ]
        for method in methods {
            let client = self.client(server, method)
            let document = try await client.read("secret/data/net work/größe", place)
            #expect(document.credential == Credential(user: "u", password: Secret("two")))
            #expect(document.lifetime == nil)
        }
        guard !server.isGenuine else { return }
        _ = try await self.client(server, methods[0], namespace: "ns1/ns2").read("secret/data/net work/größe", place)
        #expect(try await server.requests().last?.namespace == "ns1/ns2")
    }

    @Test("version 1 of the KV engine, whose data is one level up and has a lease")
    func version1() async throws {
        let server = try await VaultServer.start()
        defer { server.stop() }
        try await server.call(.post, "sys/mounts/kv1", ["type": "kv", "options": ["version": "1"]])
        try await server.call(.post, "kv1/a", ["password": "p", "username": "u", "ttl": "90s"])
        let document = try await self.client(server, self.token(VaultServer.rootToken)).read("kv1/a", place)
        #expect(document.credential == Credential(user: "u", password: Secret("p")))
        #expect(document.lifetime == .seconds(90))
    }

    @Test("each way to fail is told by its cause, with the path and without a word of Vault's answer or of the token")
    func failures() async throws {
        let server = try await VaultServer.start()
        defer { server.stop() }
        try await server.write("a", ["password": "hunter2"])
        try await server.write("gone", ["password": "hunter2"])
        try await server.call(.delete, "secret/data/gone")
        let reader = self.client(server, self.token(try await server.makeToken(ttl: "1h")))
        #expect(
            await self.problem(reader, "secret/data/none")
                == "Vault's `secret/data/none` can't be read: nothing is there (404); in a KV engine of version 2 paths go `<mount>/data/<path>`"
        )
        #expect(
            await self.problem(reader, "secret/data/gone")
                == "Vault's `secret/data/gone` can't be read: its latest version was deleted (404)")
        let forbidden = "can't be read: Vault forbids it (403): check the token's policies"
        #expect(await self.problem(reader, "other/data/a") == "Vault's `other/data/a` \(forbidden)")
        #expect(
            await self.problem(self.client(server, self.token("hunter2")), "secret/data/a")
                == "Vault's `secret/data/a` \(forbidden)")
        let wrong = self.client(server, self.role(("no", "hunter2")))
        let status = await self.problem(wrong, "secret/data/a")
        #expect(status.hasPrefix("Vault's `secret/data/a` can't be read: the AppRole login was answered with status 4"))
        let missing = SecretLocation(.file("/nowhere"))
        #expect(
            await self.problem(self.client(server, .token(.stored(missing, fields: []))), "secret/data/a")
                == "Vault's `secret/data/a` can't be read: `vault.auth.token`: the file `/nowhere` can't be read: no such file or directory"
        )
        server.stop()
        let down = await self.problem(reader, "secret/data/a")
        #expect(down.hasPrefix("Vault's `secret/data/a` can't be read: \(server.address) doesn't answer ("))
        for text in [status, down] { #expect(!text.contains("hunter2")) }
    }

    @Test("an AppRole's token that has expired, or was revoked, is replaced by logging in again")
    func appRoleAgain() async throws {
        let server = try await VaultServer.start()
        defer { server.stop() }
        try await server.write("a", ["password": "p"])
        let client = self.client(server, self.role(try await server.makeRole(ttl: "1s")))
        var tokens: Set<Secret> = []
        for _ in 0..<3 {
            #expect(try await client.read("secret/data/a", place).first(of: ["password"]) == Secret("p"))
            let token = try #require(await client.token?.text)
            tokens.insert(token)
            try await self.untilRefused(token, by: server)
        }
        #expect(tokens.count == 3)
        let again = self.client(server, self.role(try await server.makeRole(ttl: "1h")))
        _ = try await again.read("secret/data/a", place)
        let token = try #require(await again.token?.text)
        try await server.revoke(token.withExposedValue { $0 })
        #expect(try await again.read("secret/data/a", place).first(of: ["password"]) == Secret("p"))
        #expect(await again.token?.text != token)
    }

    @Test("a token that was given is renewed in time, also while nobody reads")
    func renewal() async throws {
        let server = try await VaultServer.start()
        defer { server.stop() }
        try await server.write("a", ["password": "p"])
        let text = try await server.makeToken(ttl: "2s")
        let client = self.client(server, self.token(text))
        _ = try await client.read("secret/data/a", place)
        // As long as another one of the same life lasts, twice.
        for _ in 0..<2 { try await self.untilRefused(Secret(try await server.makeToken(ttl: "2s")), by: server) }
        #expect(try await client.read("secret/data/a", place).first(of: ["password"]) == Secret("p"))
        let short = self.client(server, self.token(try await server.makeToken(ttl: "1s", renewable: false)))
        _ = try await short.read("secret/data/a", place)
        try await self.untilRefused(try #require(await short.token?.text), by: server)
        #expect(await self.problem(short, "secret/data/a").contains("Vault forbids it (403)"))
    }

    @Test("a token file that an agent replaces is read again when its token is refused")
    func tokenFile() async throws {
        let server = try await VaultServer.start()
        defer { server.stop() }
        try await server.write("a", ["password": "p"])
        let directory = try TemporaryDirectory(["token": try await server.makeToken(ttl: "1h") + "\n"])
        let file = SecretLocation(.file("\(directory.path)/token"))
        let client = self.client(server, .token(.stored(file, fields: [])))
        _ = try await client.read("secret/data/a", place)
        let old = try #require(await client.token?.text)
        try await server.revoke(old.withExposedValue { $0 })
        #expect(await self.problem(client, "secret/data/a").contains("403"))
        let new = try await server.makeToken(ttl: "1h")
        try new.write(toFile: "\(directory.path)/token", atomically: true, encoding: .utf8)
        #expect(try await client.read("secret/data/a", place).first(of: ["password"]) == Secret("p"))
        #expect(await client.token?.text == Secret(new))
    }

    @Test("many reads at once log in once")
    func oneLogin() async throws {
        let server = try await VaultServer.start()
        defer { server.stop() }
        for number in 0..<20 { try await server.write("\(number)", ["password": "\(number)"]) }
        let client = self.client(server, self.role(try await server.makeRole(ttl: "1h")))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let document = try await client.read("secret/data/\(number)", place)
                    #expect(document.first(of: ["password"]) == Secret("\(number)"))
                }
            }
            try await group.waitForAll()
        }
        guard !server.isGenuine else { return }
        #expect(try await server.requests().count { $0.path == "auth/approle/login" } == 1)
    }

    @Test("with TLS, by the certificate that the inventory names, and not without it")
    func tls() async throws {
        let server = try await VaultServer.start(tls: true)
        defer { server.stop() }
        try await server.write("a", ["password": "p"])
        let client = self.client(server, self.token(VaultServer.rootToken))
        #expect(try await client.read("secret/data/a", place).first(of: ["password"]) == Secret("p"))
        let distrustful = VaultClient(
            VaultConfiguration(address: server.address, authentication: self.token(VaultServer.rootToken)),
            timerLoop: MultiThreadedEventLoopGroup.singleton.next())
        #expect(await self.problem(distrustful, "secret/data/a").contains("doesn't answer"))
    }
}
