import Foundation
import Kafka
import Testing

@testable import TetherCLI

@Suite struct SecurityTests {
    private func security(_ yaml: String, properties: [String] = []) throws -> KafkaSecurity {
        try Settings(SettingsFile(yaml: yaml, file: "tether.yaml"), properties: properties).security()
    }

    @Test("without settings the brokers are talked to in plain text, and any setting of TLS means TLS")
    func tls() throws {
        #expect(try self.security("") == KafkaSecurity())
        #expect(try self.security("kafka: {tls: {enabled: true}}").tls == .init())
        #expect(try self.security("kafka: {tls: {verify: false}}").tls == .init(verifies: false))
        #expect(try self.security("kafka: {tls: {ca: /dev/null}}").tls == .init(authorities: "/dev/null"))
        let own = try self.security("kafka: {tls: {certificate: /dev/null, key: /dev/null, key_password: hunter2}}").tls
        #expect(own == .init(certificate: "/dev/null", key: "/dev/null", keyPassword: "hunter2"))
    }

    @Test("each way to log in has what it needs")
    func sasl() throws {
        let plain = try self.security("kafka: {sasl: {mechanism: SCRAM-SHA-512, username: u, password: hunter2}}").sasl
        #expect(plain == .init(.scramSHA512, username: "u", password: "hunter2"))
        let file = try self.security("kafka: {sasl: {mechanism: OAUTHBEARER, token_file: /run/token}}").sasl
        #expect(file == .init(.oauthBearer, token: .file("/run/token")))
        let program = try self.security("kafka: {sasl: {mechanism: OAUTHBEARER, token_program: [/bin/token, -a]}}").sasl
        #expect(program == .init(.oauthBearer, token: .program(["/bin/token", "-a"])))
        let oidc = try self.security(
            "kafka: {sasl: {mechanism: OAUTHBEARER}}", properties: ["sasl.oauthbearer.method=oidc"])
        #expect(oidc.sasl == .init(.oauthBearer))
    }

    @Test(
        "settings that don't go together are refused with what is missing",
        arguments: [
            ("tls: {certificate: /dev/null}", "go together"), ("tls: {ca: /nowhere/at/all}", "can't be read"),
            ("sasl: {username: u}", "`kafka.sasl.mechanism` is missing"),
            ("sasl: {mechanism: PLAIN, username: u}", "needs `kafka.sasl.username` and `kafka.sasl.password`"),
            ("sasl: {mechanism: PLAIN, username: u, password: p, token_file: t}", "tokens are for OAUTHBEARER"),
            ("sasl: {mechanism: OAUTHBEARER, username: u}", "takes a token"),
            ("sasl: {mechanism: OAUTHBEARER}", "needs `kafka.sasl.token_file`"),
            ("sasl: {mechanism: OAUTHBEARER, token_file: a, token_program: b}", "not both"),
        ] as [(String, String)])
    func mistakes(yaml: String, message: String) throws {
        let error = #expect(throws: SettingsError.self) { try self.security("kafka: {\(yaml)}") }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
    }
}
