import Foundation
import Kafka

/// How brokers are talked to, and who talks.
extension Settings {
    func security() throws(SettingsError) -> KafkaSecurity { KafkaSecurity(tls: try self.tls(), sasl: try self.sasl()) }

    private func tls() throws(SettingsError) -> KafkaSecurity.TLS? {
        let tls = KafkaSecurity.TLS(
            authorities: try self.existing(Self.tlsAuthorities),
            certificate: try self.existing(Self.tlsCertificate),
            key: try self.existing(Self.tlsKey),
            keyPassword: try self.optional(Self.tlsKeyPassword),
            verifies: try self.value(Self.tlsVerify))
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw SettingsError("`kafka.tls.certificate` and `kafka.tls.key` go together: give both, or neither")
        }
        // Who names an authority means to use it.
        return try self.value(Self.tlsEnabled) || tls != KafkaSecurity.TLS() ? tls : nil
    }

    private func sasl() throws(SettingsError) -> KafkaSecurity.SASL? {
        let username = try self.optional(Self.saslUsername)
        let password = try self.optional(Self.saslPassword)
        let file = try self.optional(Self.saslTokenFile)
        let program = try self.optional(Self.saslTokenProgram)
        guard let mechanism = try self.optional(Self.saslMechanism) else {
            guard username == nil, password == nil, file == nil, program == nil else {
                let words = KafkaSecurity.SASL.Mechanism.allCases.map(\.rawValue).joined(separator: ", ")
                throw SettingsError(
                    "`kafka.sasl.mechanism` is missing beside the other settings of kafka.sasl: one of \(words)")
            }
            return nil
        }
        switch mechanism {
        case .plain, .scramSHA256, .scramSHA512:
            guard username != nil, password != nil else {
                throw SettingsError("\(mechanism.rawValue) needs `kafka.sasl.username` and `kafka.sasl.password`")
            }
            guard file == nil, program == nil else {
                throw SettingsError("tokens are for OAUTHBEARER, and `kafka.sasl.mechanism` is \(mechanism.rawValue)")
            }
            return KafkaSecurity.SASL(mechanism, username: username, password: password)
        case .oauthBearer:
            guard username == nil, password == nil else {
                throw SettingsError(
                    "OAUTHBEARER takes a token, and neither `kafka.sasl.username` nor `kafka.sasl.password`")
            }
            switch (file, program) {
            case (let file?, nil): return KafkaSecurity.SASL(mechanism, token: .file(file))
            case (nil, let program?): return KafkaSecurity.SASL(mechanism, token: .program(program))
            case (nil, nil):
                guard self.properties["sasl.oauthbearer.method"]?.text == "oidc" else {
                    throw SettingsError(
                        "OAUTHBEARER needs `kafka.sasl.token_file`, `kafka.sasl.token_program`, or librdkafka's own way to a token: `kafka.properties` with `sasl.oauthbearer.method: oidc` and what belongs to it"
                    )
                }
                return KafkaSecurity.SASL(mechanism)
            case (_?, _?): throw SettingsError("give `kafka.sasl.token_file` or `kafka.sasl.token_program`, not both")
            }
        }
    }

    private func existing(_ setting: Setting<String>) throws(SettingsError) -> String? {
        guard let path = try self.optional(setting) else { return nil }
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw SettingsError("\(self.origin(of: setting)): \(setting.key): the file \(path) can't be read")
        }
        return path
    }
}
