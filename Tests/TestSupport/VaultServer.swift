import AsyncHTTPClient
import Foundation
import Lab
import NIOCore

/// A Vault for tests: the program that `TETHER_TEST_VAULT` names (HashiCorp's `vault` or OpenBao's `bao`), as a development server; without one a server that
/// follows the published HTTP interface strictly, for as much of it as a client of KV secrets needs.
///
/// Tests set it up as an administrator would, by its HTTP interface, so that they say the same of both.
package final class VaultServer: Sendable {
    package static let rootToken = "root"

    package let address: String
    /// The certificate to trust, if the server was started with TLS.
    package let certificateFile: String?
    /// Whether it is HashiCorp's or OpenBao's own program.
    package let isGenuine: Bool
    private let processes: WatchedProcesses

    package static func start(tls: Bool = false) async throws -> VaultServer {
        let server = try VaultServer(tls: tls)
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            if (try? await server.call(.get, "sys/health", token: nil))?.status == 200 { return server }
            guard ContinuousClock.now < deadline else {
                server.stop()
                throw OpenSSHServer.Failure(description: "the Vault for tests doesn't answer at \(server.address)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private init(tls: Bool) throws {
        let name = "tether-vault-\(getpid())-\(UInt32.random(in: .min ... .max))"
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let port = try LoopbackPort.free()
        let program = tls ? nil : ProcessInfo.processInfo.environment["TETHER_TEST_VAULT"]
        self.isGenuine = program != nil
        self.address = "\(tls ? "https" : "http")://127.0.0.1:\(port)"
        var process: pid_t
        if let program {
            self.certificateFile = nil
            process = try OpenSSHServer.spawn(
                program,
                [
                    "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=\(Self.rootToken)",
                    "-dev-listen-address=127.0.0.1:\(port)",
                ])
        } else {
            let script = folder.appendingPathComponent("vault.py")
            try Self.script.write(to: script, atomically: true, encoding: .utf8)
            var arguments = [Self.interpreter, script.path, String(port)]
            if tls {
                let (key, certificate) = ("\(folder.path)/key.pem", "\(folder.path)/certificate.pem")
                try OpenSSHServer.run(
                    "/usr/bin/openssl",
                    [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=vault", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
                        certificate,
                    ])
                arguments += [certificate, key]
                self.certificateFile = certificate
            } else {
                self.certificateFile = nil
            }
            process = try OpenSSHServer.spawn("/usr/bin/env", arguments)
        }
        self.processes = try WatchedProcesses([process], folder: folder)
    }

    private static var interpreter: String { ProcessInfo.processInfo.environment["TETHER_TEST_PYTHON"] ?? "python3" }

    deinit { self.stop() }

    package func stop() { self.processes.stop() }

    // MARK: As an administrator

    package struct Answer {
        package let status: Int
        package let object: [String: Any]
    }

    private static let client = HTTPClient(eventLoopGroupProvider: .singleton)
    private static let trusting: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = .makeClientConfiguration()
        configuration.tlsConfiguration?.certificateVerification = .none
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Calls the HTTP interface.
    @discardableResult
    package func call(
        _ method: Method, _ path: String, _ body: [String: Any]? = nil, token: String? = VaultServer.rootToken
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "\(self.address)/v1/\(path)")
        request.method = .RAW(value: method.rawValue)
        if let token { request.headers.add(name: "x-vault-token", value: token) }
        if let body { request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: body))) }
        let client = self.address.hasPrefix("https") ? Self.trusting : Self.client
        let response = try await client.execute(request, timeout: .seconds(20))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        let object = (try? JSONSerialization.jsonObject(with: Data(bytes.readableBytesView))) as? [String: Any]
        return Answer(status: Int(response.status.code), object: object ?? [:])
    }

    package enum Method: String { case get = "GET", post = "POST", delete = "DELETE", put = "PUT" }

    /// Writes a new version of a secret of the KV engine (version 2) at `secret/`.
    package func write(_ path: String, _ fields: [String: String]) async throws {
        let answer = try await self.call(.post, "secret/data/\(path)", ["data": fields])
        guard answer.status == 200 else { throw Self.refused("writing \(path)", answer) }
    }

    /// A token that may read `secret/data/*`.
    package func makeToken(ttl: String, renewable: Bool = true, maximum: String? = nil) async throws -> String {
        try await self.makePolicy()
        var body: [String: Any] = ["policies": ["reader"], "ttl": ttl, "renewable": renewable]
        if let maximum { body["explicit_max_ttl"] = maximum }
        let answer = try await self.call(.post, "auth/token/create", body)
        guard let auth = answer.object["auth"] as? [String: Any], let token = auth["client_token"] as? String else {
            throw Self.refused("making a token", answer)
        }
        return token
    }

    /// An AppRole whose tokens may read `secret/data/*` and live for `ttl`.
    package func makeRole(ttl: String, mount: String = "approle") async throws -> (roleID: String, secretID: String) {
        try await self.makePolicy()
        // Fails where it has been made before.
        try await self.call(.post, "sys/auth/\(mount)", ["type": "approle"])
        let role = "auth/\(mount)/role/tether"
        try await self.call(.post, role, ["token_ttl": ttl, "token_policies": ["reader"]])
        let roleID = try await self.call(.get, "\(role)/role-id").object["data"] as? [String: Any]
        let secretID = try await self.call(.post, "\(role)/secret-id", [:])
        guard let roleID = roleID?["role_id"] as? String, let data = secretID.object["data"] as? [String: Any],
            let id = data["secret_id"] as? String
        else { throw Self.refused("making an AppRole", secretID) }
        return (roleID, id)
    }

    package func revoke(_ token: String) async throws {
        try await self.call(.post, "auth/token/revoke", ["token": token])
    }

    private func makePolicy() async throws {
        let policy = #"path "secret/data/*" { capabilities = ["read"] } path "kv1/*" { capabilities = ["read"] }"#
        let answer = try await self.call(.put, "sys/policies/acl/reader", ["policy": policy])
        guard [200, 204].contains(answer.status) else { throw Self.refused("making a policy", answer) }
    }

    /// Requests that it was sent by others than the administrator: method, path and namespace. Only of the server that stands in for a genuine one.
    package func requests() async throws -> [(method: String, path: String, namespace: String)] {
        let list = try await self.call(.get, "test/requests").object["requests"] as? [[String]] ?? []
        return list.map { ($0[0], $0[1], $0[2]) }
    }

    private static func refused(_ what: String, _ answer: Answer) -> OpenSSHServer.Failure {
        OpenSSHServer.Failure(description: "\(what): \(answer.status) \(answer.object)")
    }
}
