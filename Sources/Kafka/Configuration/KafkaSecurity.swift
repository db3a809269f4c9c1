/// TLS to the brokers, and who this client is.
///
/// Turned into librdkafka's properties; whoever needs one that isn't here sets it among ``KafkaConfiguration/properties``, which win.
package struct KafkaSecurity: Sendable, Hashable {
    package struct TLS: Sendable, Hashable {
        /// PEM file, or directory, of the certificate authorities that a broker's certificate may come from; `nil`: the system's.
        package var authorities: String?
        /// PEM files of this client's own certificate and key, for brokers that ask for them.
        package var certificate: String?
        package var key: String?
        /// Secret.
        package var keyPassword: String?
        /// Whether a broker's certificate is checked, and has to be for the name that it was reached by. Without it, anybody may be the broker.
        package var verifies: Bool

        package init(
            authorities: String? = nil, certificate: String? = nil, key: String? = nil, keyPassword: String? = nil,
            verifies: Bool = true
        ) {
            self.authorities = authorities
            self.certificate = certificate
            self.key = key
            self.keyPassword = keyPassword
            self.verifies = verifies
        }
    }

    package struct SASL: Sendable, Hashable {
        package enum Mechanism: String, Sendable, Hashable, CaseIterable {
            case plain = "PLAIN"
            /// RFC 5802; the password doesn't cross the wire.
            case scramSHA256 = "SCRAM-SHA-256"
            case scramSHA512 = "SCRAM-SHA-512"
            /// RFC 7628, KIP-255.
            case oauthBearer = "OAUTHBEARER"
        }

        package var mechanism: Mechanism
        package var username: String?
        /// Secret.
        package var password: String?
        /// Of `OAUTHBEARER`; `nil`: librdkafka fetches tokens itself, by its `sasl.oauthbearer.…` properties (KIP-768).
        package var token: TokenSource?

        package init(
            _ mechanism: Mechanism, username: String? = nil, password: String? = nil, token: TokenSource? = nil
        ) {
            self.mechanism = mechanism
            self.username = username
            self.password = password
            self.token = token
        }
    }

    /// Where bearer tokens come from. Asked before the one in use expires.
    package enum TokenSource: Sendable, Hashable {
        /// A file that somebody keeps up to date: a projected Kubernetes service account token, say.
        case file(String)
        /// A program that prints one; its path, and its arguments.
        case program([String])
    }

    /// `nil`: not encrypted.
    package var tls: TLS?
    /// `nil`: no name is given (or the TLS certificate is).
    package var sasl: SASL?

    package init(tls: TLS? = nil, sasl: SASL? = nil) {
        self.tls = tls
        self.sasl = sasl
    }

    /// librdkafka's properties.
    var properties: [String: String] {
        guard self.tls != nil || self.sasl != nil else { return [:] }
        var properties: [String: String] = [:]
        properties["security.protocol"] =
            switch (self.tls, self.sasl) {
            case (nil, nil): "plaintext"
            case (_?, nil): "ssl"
            case (nil, _?): "sasl_plaintext"
            case (_?, _?): "sasl_ssl"
            }
        if let tls = self.tls {
            properties["ssl.ca.location"] = tls.authorities
            properties["ssl.certificate.location"] = tls.certificate
            properties["ssl.key.location"] = tls.key
            properties["ssl.key.password"] = tls.keyPassword
            // librdkafka checks the name only since 2.0, and only if nobody has turned it off.
            properties["ssl.endpoint.identification.algorithm"] = tls.verifies ? "https" : "none"
            properties["enable.ssl.certificate.verification"] = tls.verifies ? "true" : "false"
        }
        if let sasl = self.sasl {
            properties["sasl.mechanisms"] = sasl.mechanism.rawValue
            properties["sasl.username"] = sasl.username
            properties["sasl.password"] = sasl.password
        }
        return properties
    }
}

extension KafkaSecurity.TLS: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the password.
    package var description: String {
        "TLS(authorities: \(self.authorities ?? "the system's"), certificate: \(self.certificate ?? "none"), verifies: \(self.verifies))"
    }
    package var debugDescription: String { self.description }
    /// A dump shows no more than the description.
    package var customMirror: Mirror { Mirror(self, children: ["TLS": self.description], displayStyle: .struct) }
}

extension KafkaSecurity.SASL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the password.
    package var description: String { "SASL(\(self.mechanism.rawValue), username: \(self.username ?? "none"))" }
    package var debugDescription: String { self.description }
    /// A dump shows no more than the description.
    package var customMirror: Mirror { Mirror(self, children: ["SASL": self.description], displayStyle: .struct) }
}
