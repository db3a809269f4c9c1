import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import SSH

/// Reads secrets from Vault's HTTP interface, and keeps the token that it takes.
///
/// Facts by HashiCorp's documentation (https://developer.hashicorp.com/vault/api-docs): requests carry `X-Vault-Token` and `X-Vault-Namespace`; errors have a
/// status of 400 and above and a body `{"errors": […]}`; 403 stands for a token that has expired as well as for one that may not do it; KV version 2 has its
/// data one level deeper (`data.data`, beside `data.metadata`) than version 1 and the engines that make passwords.
actor VaultClient {
    nonisolated let configuration: VaultConfiguration
    private let http: HTTPClient
    private let timerLoop: any EventLoop
    private(set) var token: VaultToken?
    private var obtaining: Task<Result<VaultToken, SecretFailure>, Never>?
    private var renewal: Scheduled<Void>?

    init(_ configuration: VaultConfiguration, timerLoop: any EventLoop) {
        self.configuration = configuration
        self.timerLoop = timerLoop
        let limit = TimeAmount(configuration.timeLimit)
        var client = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: limit, read: limit, write: limit))
        client.decompression = .disabled
        if let file = configuration.certificateFile {
            var tls = client.tlsConfiguration ?? .makeClientConfiguration()
            tls.trustRoots = .file(file)
            client.tlsConfiguration = tls
        }
        self.http = HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: client)
    }

    deinit {
        self.renewal?.cancel()
        self.http.shutdown { _ in }
    }

    /// What stands at a path.
    func read(_ path: String, _ location: SecretLocation) async throws(SecretFailure) -> SecretDocument {
        let known = self.token
        let token = try await self.validToken(location)
        var answer = try await self.send(.GET, path, token: token, location)
        // An expired token and a forbidden path look the same. One that was obtained just now has not expired.
        if answer.status == 403, let known, known.text == token.text {
            let fresh = try await self.validToken(insteadOf: token, location)
            if fresh.text != token.text { answer = try await self.send(.GET, path, token: fresh, location) }
        }
        return try answer.document(location)
    }

    // MARK: The token

    private func validToken(
        insteadOf refused: VaultToken? = nil, _ location: SecretLocation
    ) async throws(SecretFailure) -> VaultToken {
        if let token, token.text != refused?.text, !token.wantsRenewal(.now()) { return token }
        if let obtaining { return try await obtaining.value.get() }
        let task = Task { await self.obtain(insteadOf: refused, location) }
        self.obtaining = task
        let result = await task.value
        self.obtaining = nil
        return try result.get()
    }

    /// Renews the token that there is, or gets another one.
    private func obtain(insteadOf refused: VaultToken?, _ location: SecretLocation) async -> Result<
        VaultToken, SecretFailure
    > {
        do throws(SecretFailure) {
            if let token, token.text != refused?.text, let renewed = await self.renew(token, location) {
                return .success(self.keep(renewed))
            }
            let isUsable = self.token.map { $0.text != refused?.text && !$0.hasExpired(.now()) } ?? false
            do throws(SecretFailure) {
                return .success(self.keep(try await self.logIn(location)))
            } catch {
                // The old one is good for a while yet.
                if isUsable, let token { return .success(token) }
                throw error
            }
        } catch {
            return .failure(error)
        }
    }

    private func keep(_ token: VaultToken) -> VaultToken {
        self.token = token
        self.renewal?.cancel()
        self.renewal = nil
        // A token that was given to us can't be got again once it has expired: it is renewed whether anybody needs a secret or not.
        if case .token = self.configuration.authentication, let pause = token.timeToRenewal(.now()) {
            self.renewal = self.timerLoop.scheduleTask(in: pause) { [weak self] in
                guard let self else { return }
                Task { await self.renewBeforeItExpires() }
            }
        }
        return token
    }

    private func renewBeforeItExpires() async {
        let place = SecretLocation(.vault(path: "auth/token/renew-self"))
        guard let token, let renewed = await self.renew(token, place) else { return }
        _ = self.keep(renewed)
    }

    /// https://developer.hashicorp.com/vault/api-docs/auth/token#renew-a-token-self
    private func renew(_ token: VaultToken, _ location: SecretLocation) async -> VaultToken? {
        guard token.isRenewable, !token.hasExpired(.now()) else { return nil }
        let answer = try? await self.send(.POST, "auth/token/renew-self", body: [:], token: token, location)
        guard let renewed = answer?.token, renewed.lease > .zero else { return nil }
        // Towards its maximum age a token is renewed for less and less.
        return renewed.lease.nanoseconds <= token.lease.nanoseconds / 3 ? nil : renewed
    }

    private func logIn(_ location: SecretLocation) async throws(SecretFailure) -> VaultToken {
        switch self.configuration.authentication {
        case .token(let source):
            let text = try await self.value(of: source, "auth.token", location)
            if let token, token.text == text, !token.hasExpired(.now()) { return token }
            var token = VaultToken(text: text)
            // How long it lives. A token without the default policy may not ask; then it is good until it is refused.
            // https://developer.hashicorp.com/vault/api-docs/auth/token#lookup-a-token-self
            let answer = try await self.send(.GET, "auth/token/lookup-self", token: token, location)
            if answer.status == 200, let data = answer.object["data"] as? [String: Any] {
                token.setLease((data["ttl"] as? NSNumber)?.intValue ?? 0, now: .now())
                token.isRenewable = data["renewable"] as? Bool ?? false
            }
            return token
        case .appRole(let roleID, let secretID, let mount):
            var body = ["role_id": try await self.value(of: roleID, "auth.approle.role_id", location)]
            if let secretID {
                body["secret_id"] = try await self.value(of: secretID, "auth.approle.secret_id", location)
            }
            let answer = try await self.send(.POST, "auth/\(mount)/login", body: body, token: nil, location)
            guard answer.status == 200, let token = answer.token else {
                throw SecretFailure(
                    location, "can't be read: the AppRole login was answered with status \(answer.status)")
            }
            return token
        }
    }

    private func value(
        of source: SecretSource, _ name: String, _ location: SecretLocation
    ) async throws(SecretFailure) -> Secret {
        switch source {
        case .value(let secret): return secret
        case .stored(let place, _):
            guard case .file(let path) = place.place else {
                throw SecretFailure(location, "can't be read: `vault.\(name)`")
            }
            do throws(SecretFailure) {
                if let text = try await SecretFetcher.file(path, place).text { return text }
                throw SecretFailure(place, "is empty")
            } catch {
                throw error.isCancellation
                    ? error : SecretFailure(location, "can't be read: `vault.\(name)`: \(error.message)")
            }
        }
    }

    // MARK: Requests

    private func send(
        _ method: HTTPMethod, _ path: String, body: [String: Secret]? = nil, token: VaultToken?,
        _ location: SecretLocation
    ) async throws(SecretFailure) -> VaultAnswer {
        var request = HTTPClientRequest(url: self.url(path))
        request.method = method
        request.headers.add(name: "x-vault-request", value: "true")
        if let namespace = self.configuration.namespace {
            request.headers.add(name: "x-vault-namespace", value: namespace)
        }
        token?.text.withExposedValue { request.headers.add(name: "x-vault-token", value: $0) }
        if let body {
            let object = body.mapValues { $0.withExposedValue { $0 } }
            guard let bytes = try? JSONSerialization.data(withJSONObject: object) else {
                throw SecretFailure(location, "can't be read: what `vault.auth` gives is no text")
            }
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: bytes))
        }
        let limit = TimeAmount(self.configuration.timeLimit)
        do {
            let response = try await self.http.execute(request, timeout: limit)
            let bytes = try await response.body.collect(upTo: SecretFetcher.maximumBytes)
            return VaultAnswer(status: Int(response.status.code), bytes: Array(bytes.readableBytesView))
        } catch {
            if Task.isCancelled { throw .cancelled }
            // Only what the client's own errors say: whatever else there is might repeat a header.
            let reason = (error as? HTTPClientError).map { "\($0)" } ?? "\(type(of: error))"
            throw SecretFailure(location, "can't be read: \(self.configuration.address) doesn't answer (\(reason))")
        }
    }

    private func url(_ path: String) -> String {
        let base =
            self.configuration.address.hasSuffix("/")
            ? String(self.configuration.address.dropLast()) : self.configuration.address
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~/")
        return "\(base)/v1/\(path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path)"
    }
}
