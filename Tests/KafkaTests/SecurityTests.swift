import Foundation
import Logging
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import Kafka

/// TLS and SASL against servers that ask for them.
@Suite("Kafka security")
struct SecurityTests {
    private func with<Value: Sendable>(
        _ options: SecuredBroker.Options, _ body: (SecuredBroker) async throws -> Value
    ) async throws -> Value {
        try await TestBroker.with { broker in
            let secured = try await SecuredBroker.start(upstream: broker.port, options)
            defer { secured.stop() }
            return try await body(secured)
        }
    }

    private func configuration(
        _ broker: SecuredBroker, _ security: KafkaSecurity, properties: [String: String] = [:]
    ) -> KafkaConfiguration {
        var configuration = KafkaConfiguration.test(broker.bootstrapServers, properties)
        configuration.security = security
        return configuration
    }

    /// Writes a record and reads it again, with every kind of client.
    private func expectService(_ configuration: KafkaConfiguration, sourceLocation: SourceLocation = #_sourceLocation)
        async throws
    {
        let admin = try KafkaAdmin(configuration, logger: quietLogger)
        _ = try await admin.create([.init(name: "t", partitions: 1, replicationFactor: 1)])
        await admin.close()
        try await withProducer(configuration) { producer in
            _ = try await producer.send(acknowledged: .text("t", "hello"))
        }
        let reader = try await KafkaReader(configuration, topic: "t", from: .beginning, logger: quietLogger)
        var values: [[UInt8]?] = []
        let deadline = ContinuousClock.now + .seconds(30)
        while values.isEmpty, ContinuousClock.now < deadline {
            values += try await reader.next(timeout: .milliseconds(200)).map(\.value)
        }
        await reader.close()
        #expect(values == [Array("hello".utf8)], sourceLocation: sourceLocation)
        let delegate = RecordingDelegate()
        try await withConsumer(configuration, group: .init(id: "g"), topics: ["t"], delegate: delegate) { _ in
            try await until("the consumer has the record") { delegate.values == ["hello"] }
        }
    }

    /// The brokers don't let the client in, for a reason that no time cures.
    private func expectRefusal(_ configuration: KafkaConfiguration, sourceLocation: SourceLocation = #_sourceLocation)
        async throws
    {
        let admin = try KafkaAdmin(configuration, logger: quietLogger)
        let error = await #expect(throws: KafkaError.self, sourceLocation: sourceLocation) {
            try await admin.describe(nil, timeout: .seconds(2))
        }
        await admin.close()
        #expect(
            "\(error.map(String.init(describing:)) ?? "")".contains("hunter2") == false, sourceLocation: sourceLocation)
    }

    @Test(
        "TLS: a certificate of the given authority is taken; one of another, or in another name, is not, unless nothing is verified"
    )
    func tls() async throws {
        try await self.with(.init(hasTLS: true)) { broker in
            try await self.expectService(
                self.configuration(broker, KafkaSecurity(tls: .init(authorities: broker.authority))))
            try await self.expectRefusal(
                self.configuration(broker, KafkaSecurity(tls: .init(authorities: broker.otherAuthority))))
            // The system's authorities know nothing of it.
            try await self.expectRefusal(self.configuration(broker, KafkaSecurity(tls: .init())))
            // The certificate is for the address, not for the name.
            var byName = self.configuration(broker, KafkaSecurity(tls: .init(authorities: broker.authority)))
            byName.bootstrapServers = "localhost:\(broker.port)"
            byName.properties["broker.address.family"] = "v4"
            try await self.expectRefusal(byName)
            try await self.expectRefusal(self.configuration(broker, KafkaSecurity()))
            let unverified = self.configuration(broker, KafkaSecurity(tls: .init(verifies: false)))
            let admin = try KafkaAdmin(unverified, logger: quietLogger)
            #expect(try await admin.describe(nil)["t"] != nil)
            await admin.close()
        }
    }

    @Test("TLS: a broker that asks for a certificate gets this client's, and lets nobody else in")
    func certificates() async throws {
        try await self.with(.init(hasTLS: true, wantsCertificates: true)) { broker in
            let own = KafkaSecurity(
                tls: .init(authorities: broker.authority, certificate: broker.certificate, key: broker.key))
            try await self.expectService(self.configuration(broker, own))
            try await self.expectRefusal(
                self.configuration(broker, KafkaSecurity(tls: .init(authorities: broker.authority))))
        }
    }

    @Test(
        "SASL: the right password is let in, over TLS and without, and a wrong one isn't",
        arguments: [(KafkaSecurity.SASL.Mechanism.plain, true), (.scramSHA256, false), (.scramSHA512, true)])
    func passwords(mechanism: KafkaSecurity.SASL.Mechanism, hasTLS: Bool) async throws {
        try await self.with(.init(hasTLS: hasTLS, mechanism: mechanism.rawValue)) { broker in
            let tls = hasTLS ? KafkaSecurity.TLS(authorities: broker.authority) : nil
            let right = KafkaSecurity.SASL(
                mechanism, username: SecuredBroker.username, password: SecuredBroker.password)
            try await self.expectService(self.configuration(broker, KafkaSecurity(tls: tls, sasl: right)))
            #expect(broker.log.contains("mechanism \(mechanism.rawValue)"))
            #expect(broker.log.contains("login \(mechanism.rawValue) right"))
            #expect(!broker.log.contains { $0.hasSuffix("wrong") || $0.hasPrefix("unauthenticated") })
            let wrong = KafkaSecurity.SASL(mechanism, username: SecuredBroker.username, password: "hunter2")
            try await self.expectRefusal(self.configuration(broker, KafkaSecurity(tls: tls, sasl: wrong)))
            #expect(broker.log.contains("login \(mechanism.rawValue) wrong"))
        }
    }

    private static func token(subject: String, expiresIn seconds: TimeInterval) -> String {
        func part(_ json: String) -> String {
            Data(json.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
                "=", with: "")
        }
        let expiry = Int(Date().timeIntervalSince1970 + seconds)
        return [part(#"{"alg":"none"}"#), part(#"{"sub":"\#(subject)","exp":\#(expiry)}"#), "signature"].joined(
            separator: ".")
    }

    @Test("SASL: bearer tokens come from a file, and are read again before they expire")
    func tokenFile() async throws {
        try await self.with(.init(mechanism: "OAUTHBEARER")) { broker in
            let file = broker.path("token")
            let first = Self.token(subject: "one", expiresIn: 6)
            try "\(first)\n".write(toFile: file, atomically: true, encoding: .utf8)
            let security = KafkaSecurity(sasl: .init(.oauthBearer, token: .file(file)))
            try await self.expectService(self.configuration(broker, security))
            #expect(broker.log.contains("token \(first)"))

            let producer = try KafkaProducer(self.configuration(broker, security), logger: quietLogger)
            _ = try await producer.send(acknowledged: .text("t", "second"))
            let second = Self.token(subject: "two", expiresIn: 600)
            try second.write(toFile: file, atomically: true, encoding: .utf8)
            // Librdkafka logs in again with the new token on connections that it opens from then on.
            let deadline = ContinuousClock.now + .seconds(30)
            while !broker.log.contains("token \(second)"), ContinuousClock.now < deadline {
                let other = try KafkaAdmin(self.configuration(broker, security), logger: quietLogger)
                _ = try await other.describe(nil)
                await other.close()
            }
            #expect(broker.log.contains("token \(second)"))
            await producer.close()
        }
    }

    @Test("SASL: bearer tokens come from a program; one that fails is told in the log, without what it printed")
    func tokenProgram() async throws {
        try await self.with(.init(mechanism: "OAUTHBEARER")) { broker in
            let token = Self.token(subject: "program", expiresIn: 600)
            let good = KafkaSecurity.TokenSource.program(["/bin/sh", "-c", "echo $0", token])
            try await self.expectService(
                self.configuration(broker, KafkaSecurity(sasl: .init(.oauthBearer, token: good))))
            #expect(broker.log.contains("token \(token)"))

            let log = CapturedLog()
            let bad = KafkaSecurity.TokenSource.program(["/bin/sh", "-c", "echo hunter2 hunter2; exit 3"])
            let admin = try KafkaAdmin(
                self.configuration(broker, KafkaSecurity(sasl: .init(.oauthBearer, token: bad))),
                logger: Logger(label: "token") { _ in log.handler })
            await #expect(throws: KafkaError.self) { try await admin.describe(nil, timeout: .seconds(1)) }
            await admin.close()
            #expect(log.text.contains("ended with status 3"))
            #expect(!log.text.contains("hunter2"))
        }
    }

    @Test("tokens: what they say of themselves, and what can't be one")
    func tokens() throws {
        let now: Int64 = 1_000_000
        let web = try BearerToken(Self.token(subject: "me", expiresIn: 100) + "\n", now: now)
        #expect(web.principal == "me" && web.expiry > now)
        let opaque = try BearerToken("opaque-token", now: now)
        #expect(opaque.principal == "tether" && opaque.expiry == now + BearerToken.assumedLifetime)
        let odd = try BearerToken("a.b.c", now: now)
        #expect(odd.expiry == now + BearerToken.assumedLifetime)
        for text in ["", " \n", "two words", "a\nb", "\u{E9}", String(repeating: "a", count: 70_000)] {
            #expect(throws: BearerToken.Problem.self) { try BearerToken(text, now: now) }
        }
        let expired = Self.token(subject: "me", expiresIn: -100)
        let error = #expect(throws: BearerToken.Problem.self) { try BearerToken(expired, now: 4_000_000_000_000) }
        #expect(error?.description.contains(expired) == false)
    }

    @Test("secrets of the security are in no description")
    func descriptions() {
        let configuration = KafkaConfiguration(
            bootstrapServers: "a:9092",
            security: KafkaSecurity(
                tls: .init(certificate: "/c", key: "/k", keyPassword: "hunter2"),
                sasl: .init(.plain, username: "u", password: "hunter2")))
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2") && text.contains("[redacted]"))
        }
        #expect(!"\(configuration.security)".contains("hunter2"))
        #expect(!String(reflecting: configuration.security).contains("hunter2"))
    }
}
