import Foundation
import Lab
import Logging
import NIOConcurrencyHelpers
import NIOPosix
import TestSupport
import Testing

@testable import SSH

/// Every way to sign on × every type of host key × every policy and state of known_hosts × every server.
@Suite("The matrix of servers, keys, policies and ways to sign on")
struct MatrixTests {
    enum Server: String, CaseIterable, CustomTestStringConvertible {
        case openSSH, dropbear, libssh
        var testDescription: String { self.rawValue }
    }

    /// A way to sign on, and what comes of it where the server can do it. `nil`: it works.
    enum Method: String, CaseIterable {
        case password, wrongPassword, keyboardInteractive, wrongAnswer
        case ed25519File, ed25519Memory, ecdsaFile, ecdsaMemory, rsaFile, rsaMemory
        case encryptedFile, encryptedMemory, wrongPassphrase, unknownKey, agent

        var outcome: SSHError.Code? {
            switch self {
            case .wrongPassword, .wrongAnswer, .unknownKey: .authenticationFailed
            case .wrongPassphrase: .authenticationKey
            default: nil
            }
        }

        /// What a server can't do, what comes of it, and why.
        func limit(_ server: Server) -> (code: SSHError.Code, reason: String)? {
            switch (server, self) {
            case (.dropbear, .keyboardInteractive), (.dropbear, .wrongAnswer):
                (.authenticationFailed, "Dropbear asks questions only through PAM, and Debian builds it without.")
            default: nil
            }
        }
    }

    /// A policy and what is on file, and what comes of it. `nil`: the key is accepted.
    enum HostKeyCase: String, CaseIterable {
        case strictKnown, strictUnknown, strictChanged, acceptNewKnown, acceptNewUnknown, acceptNewChanged
        case offKnown, offUnknown, offChanged

        var check: HostKeyCheck {
            switch self {
            case .strictKnown, .strictUnknown, .strictChanged: .strict
            case .acceptNewKnown, .acceptNewUnknown, .acceptNewChanged: .acceptNew
            case .offKnown, .offUnknown, .offChanged: .off
            }
        }

        var outcome: SSHError.Code? {
            switch self {
            case .strictUnknown: .hostKeyUnknown
            case .strictChanged, .acceptNewChanged: .hostKeyChanged
            default: nil
            }
        }

        /// - Parameter other: another key of the same type.
        func knownHosts(_ host: String, _ port: Int, key: String, other: String) -> String {
            switch self {
            case .strictKnown, .acceptNewKnown, .offKnown: "[\(host)]:\(port) \(key)\n"
            case .strictChanged, .acceptNewChanged, .offChanged: "[\(host)]:\(port) \(other)\n"
            case .strictUnknown, .acceptNewUnknown, .offUnknown: "[\(host)]:\(port + 1) \(key)\n"
            }
        }
    }

    struct Cell {
        var type: String
        var method: Method
        var policy: HostKeyCase
    }

    /// A server with one type of host key.
    struct Endpoint {
        var host: String
        var port: Int
        var username: String
        var publicKey: String
    }

    private static let password = "correct horse"
    private static let hostKeyTypes = ["ed25519", "ecdsa", "rsa"]

    @Test("each cell ends as it must", .enabled(if: getuid() == 0), arguments: Server.allCases)
    func cells(_ server: Server) async throws {
        if server == .dropbear {
            try #require(DropbearServer.isAvailable, "Dropbear is missing: run deploy/install test.")
        }
        let keys = try ClientKeys.shared.get()
        let folder = FileManager.default.temporaryDirectory.path
        let agent = try await Agent(folder, keys: [keys.path(.ecdsa)])
        defer { agent.stop() }
        try await Self.withEndpoints(server, keys) { endpoints in
            var cells: [Cell] = []
            for type in Self.hostKeyTypes {
                for method in Method.allCases {
                    cells += HostKeyCase.allCases.map { Cell(type: type, method: method, policy: $0) }
                }
            }
            let remaining = NIOLockedValueBox(cells[...])
            let wrong = NIOLockedValueBox<[String]>([])
            await withTaskGroup(of: Void.self) { group in
                // Dropbear takes five connections at a time that haven't signed on yet, those among them whose process hasn't noticed their end.
                for _ in 0..<(server == .dropbear ? 2 : 4) {
                    group.addTask {
                        while let cell = remaining.withLockedValue({ $0.popFirst() }),
                            let endpoint = endpoints[cell.type]
                        {
                            var problem = await Self.problem(server, cell, endpoint, keys, agent.socket)
                            for _ in 0..<20 where problem?.contains("without identifying itself") == true {
                                // Over that bound it closes at once: the cell hasn't been tried.
                                try? await Task.sleep(for: .milliseconds(100))
                                problem = await Self.problem(server, cell, endpoint, keys, agent.socket)
                            }
                            if let problem {
                                wrong.withLockedValue {
                                    $0.append("\(cell.type) \(cell.method) \(cell.policy): \(problem)")
                                }
                            }
                        }
                    }
                }
            }
            let problems = wrong.withLockedValue { $0 }
            #expect(
                problems.isEmpty, "\(problems.count) of \(cells.count): \(problems.prefix(20).joined(separator: "\n"))")
        }
    }

    /// What isn't as it must be; `nil`: all is.
    private static func problem(
        _ server: Server, _ cell: Cell, _ endpoint: Endpoint, _ keys: ClientKeys, _ agent: String
    ) async -> String? {
        let other: String
        let authentication: SSHAuthentication
        do {
            other = try keys.publicKey(cell.type == "rsa" ? .rsa : cell.type == "ecdsa" ? .ecdsa : .ed25519)
            authentication = try Self.authentication(cell.method, keys, agent)
        } catch {
            return "\(error)"
        }
        let knownHosts = KnownHosts(
            text: cell.policy.knownHosts(endpoint.host, endpoint.port, key: endpoint.publicKey, other: other))
        let configuration = SSHConfiguration(
            host: endpoint.host, port: endpoint.port, username: endpoint.username, authentication: [authentication],
            hostKeyVerifier: PolicyHostKeyVerifier(cell.policy.check, knownHosts: knownHosts, logger: .silent))

        let signOn = cell.method.limit(server)?.code ?? cell.method.outcome
        // A key that can't be read is found out before there is a connection, then comes the host key, then the server's word.
        let expected = signOn == .authenticationKey ? signOn : cell.policy.outcome ?? signOn
        do throws(SSHError) {
            let connection = try await SSHConnection.connect(
                configuration, on: anyLoop, logger: Logger(label: "test"))
            let attempts = connection.authenticationAttempts
            await connection.close()
            if let expected { return "signed on instead of \(expected)" }
            if attempts < 1 || attempts > 2 { return "took \(attempts) attempts" }
        } catch {
            guard let expected else { return "\(error)" }
            if error.code != expected { return "\(error) instead of \(expected)" }
            let isShown = expected == .authenticationFailed && cell.method.limit(server) == nil
            if isShown != (error.authenticationAttempts > 0) {
                return "\(error.authenticationAttempts) attempts before \(error)"
            }
            return nil
        }
        let isLearned = cell.policy == .acceptNewUnknown
        let isKnown = cell.policy == .strictKnown || cell.policy == .acceptNewKnown || cell.policy == .offKnown
        let names = knownHosts.knownAlgorithms(host: endpoint.host, port: endpoint.port)
        let isOnFile = names.first.map { $0.contains(cell.type) } ?? false
        if isLearned || isKnown, !isOnFile { return "the key is not on file: \(names)" }
        if cell.policy == .offUnknown, isOnFile { return "the key was learned" }
        return nil
    }

    private static func authentication(
        _ method: Method, _ keys: ClientKeys, _ agent: String
    ) throws -> SSHAuthentication {
        func memory(_ name: ClientKeys.Name, _ passphrase: String? = nil) throws -> SSHAuthentication {
            .privateKey(.memory(Secret(try keys.text(name))), passphrase: passphrase.map { Secret($0) })
        }
        func file(_ name: ClientKeys.Name, _ passphrase: String? = nil) -> SSHAuthentication {
            .privateKey(.file(keys.path(name)), passphrase: passphrase.map { Secret($0) })
        }
        return switch method {
        case .password: .password(Secret(Self.password))
        case .wrongPassword: .password(Secret("battery staple"))
        case .keyboardInteractive:
            .keyboardInteractive([PromptAnswer(prompt: "password", answer: Secret(Self.password))])
        case .wrongAnswer: .keyboardInteractive([PromptAnswer(answer: Secret("battery staple"))])
        case .ed25519File: file(.ed25519)
        case .ed25519Memory: try memory(.ed25519)
        case .ecdsaFile: file(.ecdsa)
        case .ecdsaMemory: try memory(.ecdsa)
        case .rsaFile: file(.rsa)
        case .rsaMemory: try memory(.rsa)
        case .encryptedFile: file(.encrypted, ClientKeys.passphrase)
        case .encryptedMemory: try memory(.encrypted, ClientKeys.passphrase)
        case .wrongPassphrase: file(.encrypted, "wrong")
        case .unknownKey: file(.stranger)
        case .agent: .agent(socket: agent)
        }
    }

    // MARK: - Servers

    private static func withEndpoints(
        _ server: Server, _ keys: ClientKeys, _ body: ([String: Endpoint]) async throws -> Void
    ) async throws {
        switch server {
        case .openSSH:
            var servers: [OpenSSHServer] = []
            defer { for server in servers { server.stop() } }
            var endpoints: [String: Endpoint] = [:]
            for type in Self.hostKeyTypes {
                let server = try await OpenSSHServer.start(.init(hostKeyTypes: [type], password: Self.password))
                servers.append(server)
                try (keys.authorized.joined(separator: "\n") + "\n").write(
                    to: server.folder.appendingPathComponent("authorized_keys"), atomically: true, encoding: .utf8)
                endpoints[type] = Endpoint(
                    host: server.host, port: server.port, username: server.username,
                    publicKey: server.hostPublicKeys[0])
            }
            try await body(endpoints)
        case .dropbear:
            let server = try await DropbearServer.start(
                hostKeyTypes: Self.hostKeyTypes, password: Self.password, authorizedKeys: try keys.authorized)
            defer { server.stop() }
            try await body(
                server.servers.mapValues {
                    Endpoint(host: server.host, port: $0.port, username: server.username, publicKey: $0.publicKey)
                })
        case .libssh:
            var farms: [DeviceFarm] = []
            defer { for farm in farms { farm.stop() } }
            var endpoints: [String: Endpoint] = [:]
            for type in HostKeyType.allCases {
                let farm = try DeviceFarm(
                    .init(
                        users: ["admin": Self.password], authorizedKeys: try keys.authorized,
                        offersKeyboardInteractive: true, hostKeyType: type))
                farms.append(farm)
                let device = farm.devices[0]
                endpoints[type.rawValue] = Endpoint(
                    host: device.host, port: device.port, username: "admin", publicKey: device.publicHostKey)
            }
            try await body(endpoints)
        }
    }
}
